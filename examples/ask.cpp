// One question through the engine: ask MODEL PICTURE QUESTION [PIPELINE]
#include <cstdio>

#include "arrcoc/engine/engine.hpp"
#include "arrcoc/io/image_file.hpp"

int main(int count, char** words) {
  if (count < 4) return 2;
  arrcoc::EngineOptions options;
  options.model = words[1];
  const auto engine = arrcoc::make_eigen_engine(options);
  arrcoc::AnswerRequest request;
  request.pictures.push_back({arrcoc::io::read_image(words[2]), words[2]});
  request.prompt = words[3];
  request.pipeline = arrcoc::preset_pipeline(count > 4 ? words[4] : "default@0.25");
  request.budget = request.pipeline.budget.value_or(arrcoc::Budget{});
  std::puts(engine->answer(request).text.c_str());
}
