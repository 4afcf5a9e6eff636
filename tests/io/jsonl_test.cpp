#include "arrcoc/io/jsonl.hpp"

#include <doctest/doctest.h>

#include "arrcoc/core/error.hpp"

using namespace arrcoc;

namespace {
std::string refusal(const std::string& line) {
  try {
    return "accepted: " + io::parse_string_line(line, 17, "in.jsonl");
  } catch (const Error& e) {
    CHECK(e.code() == Code::bad_text);
    CHECK(e.exit_status() == 1);
    return e.what();
  }
}
}  // namespace

TEST_CASE("a line holds one JSON string") {
  CHECK(io::parse_string_line(R"("a b")", 1, "x") == "a b");
  CHECK(io::parse_string_line(" \"a\" \r", 1, "x") == "a");
  CHECK(io::parse_string_line(R"("")", 1, "x").empty());
  CHECK(io::parse_string_line(R"("\n\t\"\\\/\u00e9\u4e2d\ud83d\ude42")", 1, "x") == "\n\t\"\\/\u00e9\u4e2d\U0001F642");
  CHECK(io::parse_string_line("\"\u00e9\U0001F642\"", 1, "x") == "\u00e9\U0001F642");
  CHECK(io::parse_string_line(R"("a\u0000b")", 1, "x") == std::string("a\0b", 3));
}

TEST_CASE("anything else is refused, naming the file and the line") {
  for (const std::string& line : std::initializer_list<std::string>{R"("\ud83d")",
                                                                    R"("\ude42")",
                                                                    R"("\ud83d\u0041")",
                                                                    R"("a\ud83dx")",
                                                                    R"("\ud83d\ud83d")",
                                                                    "\"\xFF\"",
                                                                    "\"\xED\xA0\x80\"",
                                                                    "\"\xC3\"",
                                                                    "",
                                                                    "  ",
                                                                    "7",
                                                                    "null",
                                                                    "[\"a\"]",
                                                                    "{\"a\":1}",
                                                                    "\"a\" \"b\"",
                                                                    "\"a",
                                                                    "a",
                                                                    R"("\x41")",
                                                                    "\"a\tb\"",
                                                                    "\xEF\xBB\xBF\"a\""}) {
    INFO(line);
    const std::string message = refusal(line);
    CHECK(message.find("line 17") != std::string::npos);
    CHECK(message.find("[in.jsonl]") == 0);
    CHECK(message.find('\n') == std::string::npos);
  }
  CHECK(refusal("\"ab\xFF\"").find("expected UTF-8, got an invalid byte at place 3") != std::string::npos);
  CHECK(refusal(std::string("\"a\"\0", 4)).find("line 17") != std::string::npos);
}

TEST_CASE("ids as a line, and back") {
  CHECK(io::ids_line({}) == "[]");
  CHECK(io::ids_line({7}) == "[7]");
  CHECK(io::ids_line({1, 151655, 0}) == "[1, 151655, 0]");
  CHECK(io::parse_ids_line("[1, 151655, 0]", 1, "x") == std::vector<TokenId>{1, 151655, 0});
  for (const char* line : {"", "7", "[1.5]", "[-1]", "[\"1\"]", "[4294967296]", "[1,]", "[[1]]"})
    CHECK_THROWS_AS(io::parse_ids_line(line, 1, "x"), Error);
  CHECK(io::string_line("a\"\n\u00e9") == "\"a\\\"\\n\u00e9\"");
  CHECK_THROWS_AS(io::string_line("\xFF"), Error);
}
