#include "tokenizer_sax.hpp"

#include "files/json_util.hpp"

namespace arrcoc::io {
namespace {

class TokenizerSax final : public nlohmann::json_sax<Json> {
 public:
  TokenizerSax(std::string_view where, const TokenizerSink& sink, bool bare)
      : where_(where), sink_(sink), bare_(bare) {}

  Json root;

  bool null() override { return value(nullptr); }
  bool boolean(bool x) override { return value(x); }
  bool number_float(number_float_t x, const string_t&) override { return value(x); }
  bool binary(binary_t&) override { return false; }
  bool number_integer(number_integer_t x) override { return in_vocabulary() ? entry(x) : value(x); }
  bool number_unsigned(number_unsigned_t x) override {
    return in_vocabulary() ? entry(x > std::uint64_t{1} << 62 ? std::int64_t{1} << 62 : static_cast<std::int64_t>(x))
                           : value(x);
  }
  bool string(string_t& x) override {
    if (in_merges()) {
      auto [left, right] = split_merge(x, where_, merges_++);
      sink_.merge(std::move(left), std::move(right));
      return true;
    }
    if (in_pair()) {
      require_that(pair_.size() < 2, Code::bad_tokenizer, where_,
                   [&] { return merge_name() + " has more than two parts"; });
      pair_.push_back(std::move(x));
      return true;
    }
    return value(std::move(x));
  }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override {
    require_that(bare_ || path_.size() != 2 || path_[0] != "model" || path_[1] != "vocab", Code::bad_tokenizer, where_,
                 "model BPE has no vocab; expected an object token -> id, got a list");
    if (!in_merges()) return open(Json::array());
    pair_.clear();
    path_.emplace_back();
    return true;
  }
  bool key(string_t& x) override {
    if (!in_vocabulary()) {  // the vocabulary finds its own duplicates
      require_that(!stack_.back()->contains(x), Code::bad_tokenizer, where_,
                   [&] { return "JSON: duplicate key '" + printable(x) + "'"; });
    }
    path_.back() = std::move(x);
    return true;
  }
  bool end_object() override { return close(); }
  bool end_array() override {
    if (in_pair()) {
      require_that(pair_.size() == 2, Code::bad_tokenizer, where_, [&] {
        return merge_name() + " must have two parts; expected 2, got " + std::to_string(pair_.size());
      });
      sink_.merge(std::move(pair_[0]), std::move(pair_[1]));
      ++merges_;
      path_.pop_back();
      return true;
    }
    return close();
  }
  bool parse_error(std::size_t at, const std::string&, const nlohmann::detail::exception& e) override {
    std::string why = e.what();
    if (const auto end = why.find("] "); end != std::string::npos) why.erase(0, end + 2);
    for (char& c : why)
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    fail(Code::bad_tokenizer, where_, "JSON: " + printable(why, 300) + ", at byte " + std::to_string(at));
  }

 private:
  // path_ holds the key under which each open container's next value comes ("" in arrays).
  bool in_vocabulary() const {
    return bare_ ? path_.size() == 1 : path_.size() == 3 && path_[0] == "model" && path_[1] == "vocab";
  }
  bool in_merges() const { return !bare_ && path_.size() == 3 && path_[0] == "model" && path_[1] == "merges"; }
  bool in_pair() const { return !bare_ && path_.size() == 4 && path_[0] == "model" && path_[1] == "merges"; }
  std::string merge_name() const { return "merge " + std::to_string(merges_); }

  bool entry(std::int64_t id) {
    require_that(root.is_object(), Code::bad_tokenizer, where_, "expected a JSON object");
    sink_.entry(path_.back(), id);
    return true;
  }
  Json* place(Json&& x) {
    require_that(!in_vocabulary(), Code::bad_tokenizer, where_, [&] {
      return "the id of token '" + printable(path_.back(), 40) + "' must be a whole number; got " + shown(x);
    });
    require_that(!in_merges() && !in_pair(), Code::bad_tokenizer, where_,
                 [&] { return merge_name() + " must be \"a b\" or [\"a\", \"b\"]; got " + shown(x); });
    require_that(++values_ < 4'000'000, Code::bad_tokenizer, where_,
                 "JSON: expected at most 4000000 values beside vocabulary and merges");
    if (stack_.empty()) return &(root = std::move(x));
    Json& parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(x));
      return &parent.back();
    }
    return &(parent[path_.back()] = std::move(x));
  }
  bool value(Json x) {
    place(std::move(x));
    return true;
  }
  bool open(Json x) {
    require_that(path_.size() < 64, Code::bad_tokenizer, where_, "JSON: expected at most 64 levels");
    Json* const here = place(std::move(x));
    stack_.push_back(here);
    path_.emplace_back();
    return true;
  }
  bool close() {
    stack_.pop_back();
    path_.pop_back();
    return true;
  }

  std::string where_;
  const TokenizerSink& sink_;
  bool bare_;
  std::vector<Json*> stack_;
  std::vector<std::string> path_;
  std::vector<std::string> pair_;
  std::size_t merges_ = 0, values_ = 0;
};

}  // namespace

nlohmann::json read_tokenizer_json(std::string_view text, std::string_view where, const TokenizerSink& sink,
                                   bool bare_vocabulary) {
  // The parser takes a NUL for the end of the text.
  require_that(text.find('\0') == std::string_view::npos, Code::bad_tokenizer, where,
               "JSON: expected text, got a NUL byte");
  TokenizerSax sax(where, sink, bare_vocabulary);
  Json::sax_parse(text.begin(), text.end(), &sax);
  require_that(sax.root.is_object(), Code::bad_tokenizer, where,
               [&] { return "expected a JSON object, got " + shown(sax.root); });
  return std::move(sax.root);
}

std::pair<std::string, std::string> split_merge(std::string_view line, std::string_view where, std::size_t rank) {
  const std::size_t space = line.find(' ');
  require_that(space != std::string_view::npos && space > 0 && space + 1 < line.size() &&
                   line.find(' ', space + 1) == std::string_view::npos,
               Code::bad_tokenizer, where, [&] {
                 return "merge " + std::to_string(rank) + " must be two tokens with one space between; got '" +
                        printable(line, 80) + "'";
               });
  return {std::string(line.substr(0, space)), std::string(line.substr(space + 1))};
}

}  // namespace arrcoc::io
