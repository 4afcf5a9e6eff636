#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "arrcoc/io/atomic_file.hpp"
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

constexpr std::size_t max_line_bytes = 256 << 20;

/// Lines of a descriptor, without their ends; Error{bad_text} for one that does not end.
class Lines {
 public:
  Lines(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  ~Lines() { ::close(descriptor_); }
  Index number() const { return number_; }

  bool next(std::string& line) {
    line.clear();
    for (;;) {
      const std::size_t end = buffer_.find('\n', at_);
      line.append(buffer_, at_, end == std::string::npos ? end : end - at_);
      at_ = end == std::string::npos ? buffer_.size() : end + 1;
      require_that(line.size() <= max_line_bytes, Code::bad_text, name_, [&] {
        return "line " + std::to_string(number_ + 1) + ": expected at most " + std::to_string(max_line_bytes) +
               " bytes, got more";
      });
      if (end != std::string::npos) break;
      if (!fill()) {
        if (line.empty()) return false;
        break;
      }
    }
    ++number_;
    if (line.ends_with('\r')) line.pop_back();
    return true;
  }

 private:
  bool fill() {
    buffer_.resize(1 << 16);
    at_ = 0;
    const ssize_t n = ::read(descriptor_, buffer_.data(), buffer_.size());
    require_that(n >= 0, Code::file_unreadable, "tokenize",
                 [&] { return name_ + ": cannot be read: " + std::strerror(errno); });
    buffer_.resize(static_cast<std::size_t>(n));
    return n > 0;
  }
  int descriptor_;
  std::string name_, buffer_;
  std::size_t at_ = 0;
  Index number_ = 0;
};

int run_tokenize(const TokenizeFlags& f) {
  const io::Tokenizer tokenizer = io::Tokenizer::from_folder(tokenizer_folder(model_name(f.model)));
  Lines lines(f.file == "-" ? ::dup(STDIN_FILENO) : io::open_input(f.file), f.file);
  for (std::string line; lines.next(line);) {
    if (line.empty()) continue;
    const std::string ids = io::ids_line(tokenizer.encode(io::parse_string_line(line, lines.number(), f.file))) + "\n";
    require_that(std::fwrite(ids.data(), 1, ids.size(), stdout) == ids.size(), Code::bad_output, "tokenize",
                 "stdout: cannot be written");
  }
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
