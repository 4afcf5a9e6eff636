#include <fstream>
#include <iostream>
#include <memory>

#include "arrcoc/io/jsonl.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/io/tokenizer.hpp"
#include "question.hpp"

namespace arrcoc::tools {
namespace {

struct TokenizeFlags {
  std::string model, file;
};

/// A folder, or org/name in the Hub cache; only the tokenizer's files are read.
std::filesystem::path tokenizer_folder(const std::string& name) {
  if (std::filesystem::is_directory(name)) return name;
  return io::find_model_folder(name, hub_cache());
}

int run_tokenize(const TokenizeFlags& f) {
  const io::Tokenizer tokenizer = io::Tokenizer::from_folder(tokenizer_folder(model_name(f.model)));
  std::ifstream file;
  if (f.file != "-") {
    require_that(std::filesystem::exists(f.file), Code::file_missing, "tokenize",
                 [&] { return f.file + ": no such file"; });
    file.open(f.file, std::ios::binary);
    require_that(file.good(), Code::file_unreadable, "tokenize", [&] { return f.file + ": cannot be read"; });
  }
  std::istream& in = f.file == "-" ? std::cin : file;
  std::ios::sync_with_stdio(false);
  std::string line;
  for (Index number = 1; std::getline(in, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    std::cout << io::ids_line(tokenizer.encode(io::parse_string_line(line, number, f.file))) << '\n';
    require_that(std::cout.good(), Code::bad_output, "tokenize", "stdout: cannot be written");
  }
  require_that(!in.bad() && !std::cout.flush().bad(), Code::file_unreadable, "tokenize",
               [&] { return f.file + ": cannot be read"; });
  return 0;
}

}  // namespace

void add_tokenize(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("tokenize", "a JSON string a line in, a JSON list of ids a line out");
  auto f = std::make_shared<TokenizeFlags>();
  verb->add_option("-m,--model", f->model, "the model whose tokenizer is used (default: ARRCOC_MODEL)");
  verb->add_option("--jsonl", f->file, "the file; - is stdin")->required();
  verb->callback([f, &command] { command.run = [f] { return run_tokenize(*f); }; });
}

}  // namespace arrcoc::tools
