#include "arrcoc/io/jsonl.hpp"

#include "arrcoc/core/error.hpp"
#include "json_util.hpp"
#include "text/utf8.hpp"

namespace arrcoc::io {
namespace {

constexpr std::size_t max_line_values = 5'000'000;

Json parse_line(std::string_view line, Index line_number, std::string_view where, std::string_view expected) {
  const auto at = [&] { return "line " + std::to_string(line_number); };
  const std::size_t invalid = utf8::first_invalid(line);
  require_that(invalid == std::string_view::npos, Code::bad_text, where,
               [&] { return at() + ": expected UTF-8, got an invalid byte at place " + std::to_string(invalid); });
  Json value;
  std::string problem = read_json(line, max_line_values, value);
  if (const auto column = problem.find("column "); column != std::string::npos) problem.erase(0, column);
  if (const auto last = problem.find("; last read"); last != std::string::npos) problem.erase(last);
  require_that(problem.empty(), Code::bad_text, where,
               [&] { return at() + ": expected " + std::string(expected) + "; got " + printable(problem, 160); });
  return value;
}

}  // namespace

std::string parse_string_line(std::string_view line, Index line_number, std::string_view where) {
  Json value = parse_line(line, line_number, where, "a JSON string");
  require_that(value.is_string(), Code::bad_text, where,
               [&] { return "line " + std::to_string(line_number) + ": expected a JSON string, got " + shown(value); });
  return std::move(value.get_ref<std::string&>());
}

std::vector<TokenId> parse_ids_line(std::string_view line, Index line_number, std::string_view where) {
  const Json value = parse_line(line, line_number, where, "a JSON list of ids");
  const auto refuse = [&](const Json& got) {
    fail(Code::bad_text, where,
         "line " + std::to_string(line_number) + ": expected a JSON list of ids, got " + shown(got));
  };
  if (!value.is_array()) refuse(value);
  std::vector<TokenId> ids;
  for (const Json& id : value) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > 0x7FFFFFFF) refuse(id);
    ids.push_back(id.get<TokenId>());
  }
  return ids;
}

std::string ids_line(const std::vector<TokenId>& ids) {
  std::string out = "[";
  for (std::size_t i = 0; i < ids.size(); ++i) (out += i == 0 ? "" : ", ") += std::to_string(ids[i]);
  return out + "]";
}

std::string string_line(std::string_view text) {
  require_that(utf8::first_invalid(text) == std::string_view::npos, Code::bad_text, "JSON line", "expected UTF-8 text");
  return Json(text).dump();
}

}  // namespace arrcoc::io
