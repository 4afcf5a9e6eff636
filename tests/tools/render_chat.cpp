// For the oracle scripts: renders conversations, prints our Jinja texts, recognises folders.
//   render_chat render instruct|thinking < lines > lines      {"messages": [...], "add_generation_prompt": bool} in, a
//                                                             JSON string out
//   render_chat template instruct|thinking                    our Jinja text
//   render_chat recognise FOLDER [auto|builtin]               instruct or thinking
//   render_chat prompt FOLDER instruct|thinking [plain] < lines   {"messages", "grids": [[rows, cols]]} in, {"ids",
//                                                                 "spans", "question"} out
#include <iostream>
#include <nlohmann/json.hpp>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/chat_template.hpp"

using Json = nlohmann::json;
using namespace arrcoc;

namespace {

std::vector<io::Message> messages_of(const Json& list) {
  std::vector<io::Message> messages;
  for (const Json& m : list) {
    io::Message message{m.at("role"), {}};
    for (const Json& part : m.at("content")) {
      const bool image = part.at("type") == "image";
      message.content.push_back({image ? io::ContentPart::Kind::image : io::ContentPart::Kind::text,
                                 image ? "" : part.at("text").get<std::string>()});
    }
    messages.push_back(std::move(message));
  }
  return messages;
}

io::ChatTemplate chat_of(const std::string& name) {
  require_that(name == "instruct" || name == "thinking", Code::bad_usage, "render_chat",
               "expected instruct or thinking");
  return name == "thinking" ? io::ChatTemplate::thinking : io::ChatTemplate::instruct;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  require_that(arguments.size() >= 2, Code::bad_usage, "render_chat",
               "expected render, template, recognise or prompt, and its argument");
  const std::string verb = arguments[0];
  if (verb == "template") {
    std::cout << io::builtin_chat_template(chat_of(arguments[1]));
    return 0;
  }
  if (verb == "recognise") {
    const io::ChatTemplate chat =
        io::recognise_chat_template(arguments[1], arguments.size() > 2 ? arguments[2] : "auto");
    std::cout << (chat == io::ChatTemplate::thinking ? "thinking\n" : "instruct\n");
    return 0;
  }
  const bool prompt = verb == "prompt";
  const io::ChatTemplate chat = chat_of(arguments.at(prompt ? 2 : 1));
  std::optional<io::Tokenizer> tokenizer;
  if (prompt) tokenizer = io::Tokenizer::from_folder(arguments[1]);
  for (std::string line; std::getline(std::cin, line);) {
    const Json in = Json::parse(line);
    const auto messages = messages_of(in.at("messages"));
    if (!prompt) {
      std::cout << Json(io::render_chat(messages, chat, in.at("add_generation_prompt"))).dump() << '\n';
      continue;
    }
    std::vector<Grid> grids;
    for (const Json& grid : in.at("grids")) grids.push_back({grid.at(0), grid.at(1)});
    const Prompt p = io::build_prompt(messages, grids, *tokenizer, ModelConfig{}, chat, arguments.size() < 4);
    Json spans = Json::array();
    for (const VisionSpan& span : p.spans) spans.push_back({span.begin, span.grid.rows, span.grid.cols, span.image});
    std::cout << Json{{"ids", p.ids}, {"spans", spans}, {"question", p.question}}.dump() << '\n';
  }
} catch (const arrcoc::Error& e) {
  std::cerr << e.what() << '\n';
  return e.exit_status();
}
