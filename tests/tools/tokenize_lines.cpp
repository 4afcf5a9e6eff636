// For the oracle scripts: runs the tokenizer over JSON lines.
//   tokenize_lines encode|plain|decode|stream FOLDER|tokenizer.json < lines > lines
// encode: a JSON string a line in, a list of ids a line out (plain: added tokens stay text); decode, stream: the way
// back. The last line on stderr is "load_ms run_ms", of processor time: other work on the machine must not fail a test.
#include <ctime>
#include <filesystem>
#include <iostream>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/jsonl.hpp"
#include "arrcoc/io/tokenizer.hpp"

int main(int argc, char** argv) try {
  using namespace arrcoc;
  const auto ms = [](std::clock_t t) { return 1e3 * static_cast<double>(t) / CLOCKS_PER_SEC; };
  if (argc != 3) {
    std::cerr << "usage: tokenize_lines encode|plain|decode|stream FOLDER|tokenizer.json\n";
    return 2;
  }
  const std::string verb = argv[1];
  const std::filesystem::path path = argv[2];
  const auto begin = std::clock();
  const io::Tokenizer tokenizer = std::filesystem::is_directory(path)
                                      ? io::Tokenizer::from_folder(path)
                                      : io::Tokenizer::from_json(io::read_file(path), path.string());
  const auto loaded = std::clock();
  std::clock_t busy = 0;
  std::string line, out;
  for (Index number = 1; std::getline(std::cin, line); ++number) {
    if (verb == "encode" || verb == "plain") {
      const std::string text = io::parse_string_line(line, number, "stdin");
      const auto start = std::clock();
      const std::vector<TokenId> ids = tokenizer.encode(text, verb == "encode");
      busy += std::clock() - start;
      out = io::ids_line(ids);
    } else {
      const std::vector<TokenId> ids = io::parse_ids_line(line, number, "stdin");
      const auto start = std::clock();
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
      busy += std::clock() - start;
      out = io::string_line(text);
    }
    std::cout << out << '\n';
  }
  std::cerr << ms(loaded - begin) << ' ' << ms(busy) << '\n';
} catch (const arrcoc::Error& e) {
  std::cerr << e.what() << '\n';
  return e.exit_status();
}
