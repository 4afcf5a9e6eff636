// The whole answer: a pipeline's name, a question and a picture's bytes, parted by 0x1e; two tokens.
#include "arrcoc/engine/engine.hpp"
#include "arrcoc/io/image_file.hpp"
#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto engine = [] {
    EngineOptions options;
    options.model = ARRCOC_SMALL_MODEL;
    options.threads = 1;
    return make_eigen_engine(options);
  }();
  fuzz::refuse_or_take([&] {
    const auto input = fuzz::parts(fuzz::text_of(data, size), 3);
    AnswerRequest request;
    request.stock = input[0].empty();
    if (!request.stock) request.pipeline = preset_pipeline(input[0]);
    request.budget = request.pipeline.budget.value_or(Budget{4, 1.0});
    request.prompt = input[1];
    request.min_pixels = 64 * 64;
    request.max_pixels = 96 * 96;
    request.generation.max_new_tokens = 2;
    io::DecodeOptions decode;
    decode.max_pixels = 1 << 16;
    if (!input[2].empty())
      request.pictures.push_back({io::decode_image(std::as_bytes(std::span(input[2])), decode, "fuzz"), "fuzz"});
    const AnswerResult result = engine->answer(request);
    fuzz::must(result.tokens.size() <= 2, "more tokens than were asked for");
    for (const Realized& r : result.pictures) check_allocation(r.allocation, "fuzz");
  });
  return 0;
}
