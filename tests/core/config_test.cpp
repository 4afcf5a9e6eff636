#include "arrcoc/core/config.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace arrcoc;

namespace {
struct Five {
  bool flag = true;
  Index budget = 128;
  float exponent = 0.1f;
  double scale = 1.0 / 3.0;
  std::string rule = "top k";
  int small_1 = -7;
  bool operator==(const Five&) const = default;
};
struct Nothing {};
struct Ranged {
  double ratio = 0.25;
  std::string validate() const {
    return ratio > 0 && ratio <= 1 ? "" : "ratio: expected a number in (0, 1], got " + std::to_string(ratio);
  }
};
struct Throwing {
  int steps = 1;
  void validate() const { require_that(steps > 0, Code::bad_config, "steps", "expected at least 1"); }
};

std::string message_of(const std::vector<ConfigProblem>& problems, Code code) {
  try {
    throw_problems(problems);
  } catch (const Error& e) {
    CHECK(e.code() == code);
    return e.what();
  }
  return "no error";
}
}  // namespace

TEST_CASE("fields are named in declaration order") {
  Five five;
  std::string names;
  for_each_field(five, [&](std::string_view name, auto&) { names += std::string(name) + " "; });
  CHECK(names == "flag budget exponent scale rule small_1 ");
  const Five fixed;
  int count = 0;
  for_each_field(fixed, [&](std::string_view, const auto&) { ++count; });
  CHECK(count == 6);
}

TEST_CASE("a config without fields has none") {
  CHECK(flatten(Nothing{}, "x").empty());
  Nothing n;
  std::vector<ConfigProblem> problems;
  apply(n, "x", {{"x.any", "1"}}, problems);
  CHECK(message_of(problems, Code::unknown_setting).find("x.any: no such setting") != std::string::npos);
}

TEST_CASE("flatten gives path, type and value") {
  const auto fields = flatten(Five{}, "allocator");
  REQUIRE(fields.size() == 6);
  CHECK(fields[0] == ConfigField{"allocator.flag", "bool", "true"});
  CHECK(fields[1] == ConfigField{"allocator.budget", "int", "128"});
  CHECK(fields[2] == ConfigField{"allocator.exponent", "float", "0.1"});
  CHECK(fields[3] == ConfigField{"allocator.scale", "float", "0.3333333333333333"});
  CHECK(fields[4] == ConfigField{"allocator.rule", "string", "top k"});
  CHECK(fields[5] == ConfigField{"allocator.small_1", "int", "-7"});
  CHECK(flatten(Five{})[0].path == "flag");
}

TEST_CASE("what flatten writes, apply reads to the same bits") {
  const Five from{false, std::numeric_limits<Index>::min(), 1.17549435e-38f, 0.1 + 0.2, "a=b, \"c\"", 2147483647};
  Settings settings;
  for (const auto& f : flatten(from, "p")) settings[f.path] = f.value;
  Five to;
  std::vector<ConfigProblem> problems;
  apply(to, "p", settings, problems);
  CHECK(problems.empty());
  CHECK(to == from);
}

TEST_CASE("all problems come at once") {
  Five five;
  std::vector<ConfigProblem> problems;
  apply(five, "a",
        {{"a.flag", "yes"},
         {"a.budget", "12x"},
         {"a.exponent", "nan"},
         {"a.scale", "1e999"},
         {"a.small_1", "3000000000"},
         {"a.bugdet", "1"},
         {"b.other", "1"},
         {"a.rule", "kept"}},
        problems);
  CHECK(problems.size() == 6);
  const std::string text = message_of(problems, Code::bad_config);
  for (const char* part :
       {"[config] 6 problems: ", "a.flag: expected true or false, got 'yes'",
        "a.budget: expected an integer, got '12x'", "a.exponent: expected a finite number, got 'nan'",
        "a.scale: expected a finite number, got '1e999'",
        "a.small_1: expected an integer from -2147483648 to 2147483647, got '3000000000'",
        "a.bugdet: no such setting, nearest: a.budget", "(E101)"}) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
  CHECK(five.budget == 128);  // not half-read
  CHECK(five.rule == "kept");
}

TEST_CASE("text that is not a whole number is refused") {
  for (const char* bad : {"", " 1", "1 ", "+1", "0x10", "1.0", "--1"}) {
    CAPTURE(bad);
    Five five;
    std::vector<ConfigProblem> problems;
    apply(five, "", {{"budget", bad}}, problems);
    CHECK(problems.size() == 1);
  }
  for (const char* bad : {"", "1,5", "inf", "-inf", "0.5 "}) {
    CAPTURE(bad);
    Five five;
    std::vector<ConfigProblem> problems;
    apply(five, "", {{"exponent", bad}}, problems);
    CHECK(problems.size() == 1);
  }
}

TEST_CASE("an unknown name alone is E102, with the nearest names") {
  Five five;
  std::vector<ConfigProblem> problems;
  apply(five, "allocator", {{"allocator.exponnent", "2"}}, problems);
  const std::string text = message_of(problems, Code::unknown_setting);
  CHECK(text == "[config] allocator.exponnent: no such setting, nearest: allocator.exponent (E102)");
}

TEST_CASE("a longer stage name is not this prefix") {
  Five five;
  std::vector<ConfigProblem> problems;
  apply(five, "allocator", {{"allocator2.budget", "1"}, {"allocatorbudget", "1"}}, problems);
  CHECK(problems.empty());
  check_prefixes({{"allocator2.budget", "1"}, {"allocator.budget", "1"}, {"scorer.x", "1"}}, {"allocator", "scorers"},
                 problems);
  REQUIRE(problems.size() == 2);
  CHECK(problems[0].sentence == "no such setting, nearest: allocator");
  CHECK(problems[1].sentence == "no such setting, nearest: scorers");
}

TEST_CASE("validate runs after the values are set, and not on half-read ones") {
  Ranged ranged;
  std::vector<ConfigProblem> problems;
  apply(ranged, "r", {{"r.ratio", "0.5"}}, problems);
  CHECK(problems.empty());
  apply(ranged, "r", {{"r.ratio", "0"}}, problems);
  CHECK(message_of(problems, Code::bad_config) ==
        "[config] r: ratio: expected a number in (0, 1], got 0.000000 (E101)");
  problems.clear();
  apply(ranged, "r", {{"r.ratio", "x"}}, problems);
  CHECK(problems.size() == 1);
  problems.clear();
  Throwing throwing;
  apply(throwing, "t", {{"t.steps", "0"}}, problems);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].sentence.find("expected at least 1") != std::string::npos);
}

TEST_CASE("no problem, no error") { CHECK_NOTHROW(throw_problems({})); }
