// For the oracle scripts: runs the tokenizer over JSON lines.
//   tokenize_lines encode|plain|decode|stream FOLDER|tokenizer.json < lines > lines
// encode: a JSON string a line in, a list of ids a line out (plain: added tokens stay text); decode, stream: the way back.
// The last line on stderr is "load_ms run_ms".
#include <chrono>
#include <filesystem>
#include <iostream>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/jsonl.hpp"
#include "arrcoc/io/tokenizer.hpp"

int main(int argc, char** argv) try {
  using namespace arrcoc;
  using Clock = std::chrono::steady_clock;
  const auto ms = [](Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
  if (argc != 3) {
    std::cerr << "usage: tokenize_lines encode|plain|decode|stream FOLDER|tokenizer.json\n";
    return 2;
  }
  const std::string verb = argv[1];
  const std::filesystem::path path = argv[2];
  const auto begin = Clock::now();
  const io::Tokenizer tokenizer =
      std::filesystem::is_directory(path) ? io::Tokenizer::from_folder(path) : io::Tokenizer::from_json(io::read_file(path), path.string());
  const auto loaded = Clock::now();
  Clock::duration busy{};
  std::string line, out;
  for (Index number = 1; std::getline(std::cin, line); ++number) {
    if (verb == "encode" || verb == "plain") {
      const std::string text = io::parse_string_line(line, number, "stdin");
      const auto start = Clock::now();
      const std::vector<TokenId> ids = tokenizer.encode(text, verb == "encode");
      busy += Clock::now() - start;
      out = io::ids_line(ids);
    } else {
      const std::vector<TokenId> ids = io::parse_ids_line(line, number, "stdin");
      const auto start = Clock::now();
      std::string text;
      if (verb == "decode") {
        text = tokenizer.decode(ids);
      } else {
        io::StreamDecoder stream(tokenizer, false);
        for (const TokenId id : ids) {
          const std::string piece = stream.push(id);
          io::string_line(piece);  // throws if a character was split
          text += piece;
        }
        text += stream.finish();
      }
      busy += Clock::now() - start;
      out = io::string_line(text);
    }
    std::cout << out << '\n';
  }
  std::cerr << ms(loaded - begin) << ' ' << ms(busy) << '\n';
} catch (const arrcoc::Error& e) {
  std::cerr << e.what() << '\n';
  return e.exit_status();
}
