// chat_template.jinja, chat_template.json, tokenizer_config.json and a question, parted by 0x1e; then the prompt.
#include "arrcoc/io/chat_template.hpp"

#include "arrcoc/io/model_folder.hpp"
#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  static const auto tokenizer = io::Tokenizer::from_folder(ARRCOC_SMALL_MODEL);
  static const ModelConfig config = io::read_model_config(ARRCOC_SMALL_MODEL);
  const auto input = fuzz::parts(fuzz::text_of(data, size), 4);
  fuzz::refuse_or_take([&] {
    folder.put("chat_template.jinja", input[0]);
    folder.put("chat_template.json", input[1]);
    folder.put("tokenizer_config.json", input[2]);
    (void)io::recognise_chat_template(folder.path, "builtin");
    (void)io::recognise_chat_template(folder.path, "auto");
  });
  for (const auto chat : {io::ChatTemplate::instruct, io::ChatTemplate::thinking, io::ChatTemplate::qwen2})
    fuzz::refuse_or_take([&] {
      const auto messages = io::question_about(1, input[3], input[3]);
      for (const bool special : {false, true}) {
        const Prompt prompt = io::build_prompt(messages, {{2, 3}}, tokenizer, config, chat, special);
        for (const Index column : prompt.question)
          fuzz::must(column >= 0 && column < static_cast<Index>(prompt.ids.size()), "a word outside the prompt");
      }
    });
  fuzz::refuse_or_take([&] { (void)io::rendered_prompt(input[3], tokenizer); });
  fuzz::refuse_or_take([&] { (void)io::without_question(input[3], tokenizer); });
  return 0;
}
