#include "json_parse.hpp"

#include <algorithm>
#include <vector>

namespace arrcoc::io {
namespace {

/// Builds the value while the text is read. nlohmann's own builder with a callback walks each container again at its
/// end, and has no limits.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  Builder(std::size_t max_values, Json& out, const JsonMember& member)
      : left_(max_values), max_values_(max_values), out_(out), member_(member) {}
  std::string problem;

  bool null() override { return place(nullptr) != nullptr; }
  bool boolean(bool x) override { return place(x) != nullptr; }
  bool number_integer(number_integer_t x) override { return place(x) != nullptr; }
  bool number_unsigned(number_unsigned_t x) override { return place(x) != nullptr; }
  bool number_float(number_float_t x, const string_t&) override { return place(x) != nullptr; }
  bool string(string_t& x) override { return place(std::move(x)) != nullptr; }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& x) override {
    if (streams()) {
      name_ = std::move(x);
      return true;
    }
    auto& object = open_.back()->get_ref<Json::object_t&>();
    const auto [it, fresh] = object.emplace(std::move(x), nullptr);
    if (!fresh) problem = "duplicate key '" + printable(it->first) + "'";
    next_ = &it->second;
    return fresh;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& e) override {
    problem = e.what();  // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    if (const auto end = problem.find("] "); end != std::string::npos) problem.erase(0, end + 2);
    problem = printable(problem, 300);
    for (char& c : problem)
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';  // it quotes the bytes it stumbled over
    return false;
  }

 private:
  /// The next value is a member of the outermost object and goes to `member_`.
  bool streams() const { return member_ && open_.size() == 1 && out_.is_object(); }

  Json* place(Json&& x) {
    if (left_ == 0) {
      problem = "expected at most " + std::to_string(max_values_) + " values";
      return nullptr;
    }
    --left_;
    if (open_.empty()) return &(out_ = std::move(x));
    if (streams()) {
      if (x.is_structured()) return &(held_ = std::move(x));
      member_(std::move(name_), std::move(x));
      return &held_;
    }
    Json& parent = *open_.back();
    if (parent.is_object()) return &(*next_ = std::move(x));
    parent.push_back(std::move(x));
    return &parent.back();
  }
  bool open(Json&& x) {
    if (open_.size() == max_json_levels) {
      problem = "expected at most " + std::to_string(max_json_levels) + " levels";
      return false;
    }
    Json* const here = place(std::move(x));
    if (here != nullptr) open_.push_back(here);
    return here != nullptr;
  }
  bool close() {
    const bool member = open_.back() == &held_;
    open_.pop_back();
    if (member) member_(std::move(name_), std::move(held_));
    return true;
  }

  std::size_t left_, max_values_;
  Json& out_;
  const JsonMember& member_;
  std::vector<Json*> open_;
  Json* next_ = nullptr;
  std::string name_;
  Json held_;
};

std::string cut(std::string_view text, std::size_t most) {
  std::size_t end = std::min(most, text.size());
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

/// Writes until `most` characters stand there.
void write(const Json& v, std::string& out, std::size_t most) {
  if (out.size() > most) return;
  if (v.is_string()) {
    out += json_text(Json(cut(v.get_ref<const std::string&>(), most)));
  } else if (v.is_array()) {
    out += '[';
    for (std::size_t i = 0; i < v.size() && out.size() <= most; ++i) {
      if (i > 0) out += ',';
      write(v[i], out, most);
    }
    out += ']';
  } else if (v.is_object()) {
    out += '{';
    bool first = true;
    for (const auto& [key, value] : v.get_ref<const Json::object_t&>()) {
      if (out.size() > most) break;
      if (!first) out += ',';
      first = false;
      (out += json_text(Json(cut(key, most)))) += ':';
      write(value, out, most);
    }
    out += '}';
  } else {
    out += json_text(v);
  }
}

}  // namespace

std::string printable(std::string_view text, std::size_t most) {
  std::string out = cut(text, most);
  const bool whole = out.size() == text.size();
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return out + (whole ? "" : "...");
}

std::string json_text(const Ordered& value, int indent) {
  return value.dump(indent, ' ', false, Ordered::error_handler_t::replace);
}

std::string json_text(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

Ordered exact(Ordered v) {
  constexpr std::int64_t most = std::int64_t{1} << 53;
  const bool fits = !v.is_number_integer()   ? true
                    : v.is_number_unsigned() ? v.get<std::uint64_t>() <= std::uint64_t{most}
                                             : v.get<std::int64_t>() >= -most;
  return fits ? v : Ordered(v.dump());
}

Ordered own_json(std::string_view text) { return Ordered::parse(text); }

std::string shown(const Json& value) {
  constexpr std::size_t most = 60;
  std::string text;
  write(value, text, most);
  return printable(text, most);
}

std::string read_json(std::string_view text, std::size_t max_values, Json& out, const JsonMember& member) {
  // nlohmann takes a NUL for the end of the text and skips a byte order mark.
  if (text.find('\0') != std::string_view::npos) return "expected text, got a NUL byte";
  if (text.starts_with("\xef\xbb\xbf")) return "expected text without a byte order mark";
  Builder builder(max_values, out, member);
  if (Json::sax_parse(text.begin(), text.end(), &builder)) return {};
  return builder.problem.empty() ? "malformed" : builder.problem;
}

Json parse_json(std::string_view text, Code code, std::string_view where, std::size_t max_values) {
  Json out;
  const std::string problem = read_json(text, max_values, out);
  require_that(problem.empty(), code, where, [&] { return "JSON: " + problem; });
  return out;
}

}  // namespace arrcoc::io
