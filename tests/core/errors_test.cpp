#include "arrcoc/core/error.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <regex>
#include <sstream>

using namespace arrcoc;

namespace {
std::string text_of(const std::string& file) {
  std::ifstream in(std::string(ARRCOC_TESTS_DIR "/../") + file);
  REQUIRE_MESSAGE(in.good(), file);
  std::stringstream s;
  s << in.rdbuf();
  return s.str();
}
}  // namespace

TEST_CASE("docs/errors.md has one row for each code, with its name and exit status") {
  std::map<int, std::string> codes, rows;
  std::map<int, int> exits;
  const std::string header = text_of("include/arrcoc/core/error.hpp"), page = text_of("docs/errors.md");
  const std::regex member(R"((\w+) = (\d{3}),)"), row(R"(\n\| (\d{3}) \| (\w+) \| [^|]+ \| `([^`]*)` \| ([12]) \|)");
  for (std::sregex_iterator it(header.begin(), header.end(), member), end; it != end; ++it)
    codes[std::stoi((*it)[2])] = (*it)[1];
  for (std::sregex_iterator it(page.begin(), page.end(), row), end; it != end; ++it) {
    const int number = std::stoi((*it)[1]);
    CHECK_MESSAGE(rows.count(number) == 0, number);
    rows[number] = (*it)[2];
    exits[number] = std::stoi((*it)[4]);
    const std::string example = (*it)[3];
    CHECK_MESSAGE(std::regex_match(example, std::regex(R"(\[[^\]]+\] .+ \(E)" + std::to_string(number) + R"(\))")),
                  example);
  }
  CHECK(codes.size() >= 26);
  CHECK(rows == codes);
  for (const auto& pair : exits)
    CHECK_MESSAGE(Error(static_cast<Code>(pair.first), "w", "s").exit_status() == pair.second, pair.first);
}

TEST_CASE("an error says where, what and its number") {
  CHECK_THROWS_WITH_AS(fail(Code::bad_budget, "budget", "expected 1, got 0"), "[budget] expected 1, got 0 (E103)",
                       Error);
  int built = 0;
  CHECK_NOTHROW(require_that(true, Code::bad_budget, "w", [&] {
    ++built;
    return std::string("s");
  }));
  CHECK(built == 0);
  CHECK_THROWS_AS(require_that(false, Code::bad_budget, "w",
                               [&] {
                                 ++built;
                                 return std::string("s");
                               }),
                  Error);
  CHECK(built == 1);
  CHECK_THROWS_WITH(require_that(false, Code::bad_usage, "w", "plain"), "[w] plain (E105)");
}
