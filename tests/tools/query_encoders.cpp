// What the oracle of query encoders runs:
//   query_encoders BACKEND MODEL OUT SYSTEM QUESTION [ROWS COLUMNS]...
// Builds the prompt of a question about pictures of ROWS x COLUMNS merged tokens, and writes what each encoder makes of
// it: OUT/NAME.npy [1, D] and OUT/NAME_words.npy [Q, D]; "attention" twice, the second time with temperature 0.25.
// OUT/ids.npy [L], OUT/question.npy [Q] and OUT/words.npy [Q] are the prompt's. SYSTEM may be empty.
#include <filesystem>
#include <string>
#include <vector>

#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/io/npy.hpp"
#include "arrcoc/query/encoders.hpp"
#include "tools/on_backend.hpp"

using namespace arrcoc;

namespace {

template <class B>
void run(const std::vector<std::string>& words) {
  B b;
  const io::ModelFolder folder = io::open_model(words[1], {});
  const qwen3vl::Model<B> model(b, folder.config, folder.weights);
  std::vector<Grid> grids;
  io::Message user{"user", {}};
  for (std::size_t i = 5; i + 1 < words.size(); i += 2) {
    grids.push_back({std::stoll(words[i]), std::stoll(words[i + 1])});
    user.content.push_back({io::ContentPart::Kind::image, {}});
  }
  user.content.push_back({io::ContentPart::Kind::text, words[4]});
  std::vector<io::Message> messages;
  if (!words[3].empty()) messages.push_back({"system", {{io::ContentPart::Kind::text, words[3]}}});
  messages.push_back(user);
  const Prompt prompt = io::build_prompt(messages, grids, *folder.tokenizer, folder.config, folder.chat_template);
  const auto embeddings = model.text().embed(b, prompt.ids);

  const std::filesystem::path to = words[2];
  const auto indices = [&](const char* name, const auto& values) {
    std::vector<float> out;
    for (const auto v : values) out.push_back(static_cast<float>(v));
    io::write_npy(to / name, host_tensor(out, {static_cast<Index>(out.size())}));
  };
  indices("ids.npy", prompt.ids);
  indices("question.npy", prompt.question);
  indices("words.npy", prompt.words);
  const auto write = [&](const auto& encoder, const std::string& name) {
    const Query<B> q = encoder.encode(b, model, prompt, embeddings);
    const auto array = [&](const std::string& file, const typename B::Tensor& t) {
      io::write_npy(to / (file + ".npy"), host_tensor(b.to_host(t), {b.rows(t), b.cols(t)}));
    };
    array(name, q.vector);
    array(name + "_words", q.words);
  };
  write(MeanQuery{}, "mean");
  write(LastQuery{}, "last");
  write(ContextualQuery{}, "contextual");
  write(AttentionQuery{}, "attention");
  write(AttentionQuery{{.temperature = 0.25f}}, "attention_sharp");
  write(WordsQuery{}, "words_mean");
  write(TemplateQuery{}, "template");
}

}  // namespace

int main(int count, char** words) {
  return tests::main_on_backend(
      count, words, "query_encoders", "MODEL OUT SYSTEM QUESTION [ROWS COLUMNS]...",
      [](std::size_t n) { return n >= 5 && n % 2 == 1; },
      []<class B>(const std::vector<std::string>& all) { run<B>(all); });
}
