#include "arrcoc/io/config_json.hpp"

#include <doctest/doctest.h>

using namespace arrcoc;
using namespace arrcoc::io;

namespace {
struct Five {
  bool flag = true;
  Index budget = 128;
  float exponent = 0.1f;
  double scale = 1e300;
  std::string rule = "a \"b\" \xc3\xa9";
  bool operator==(const Five&) const = default;
};

std::string error_of(std::string_view json) {
  try {
    settings_from_json(json, "f.json");
  } catch (const Error& e) {
    CHECK(e.code() == Code::bad_config);
    return e.what();
  }
  return "no error";
}
}  // namespace

TEST_CASE("settings are nested by path, in the order given") {
  auto fields = flatten(Five{}, "scorers.contrast");
  fields.push_back({"seed", "int", "7"});
  CHECK(settings_to_json(fields, -1) ==
        "{\"scorers\":{\"contrast\":{\"flag\":true,\"budget\":128,\"exponent\":0.1,\"scale\":1e+300,\"rule\":\"a "
        "\\\"b\\\" \xc3\xa9\"}},\"seed\":7}");
  CHECK(settings_to_json({}, -1) == "{}");
}

TEST_CASE("texts and lists, as plug-ins name their types, are written as they stand") {
  CHECK(settings_to_json({{"a.word", "text", "15"}, {"a.list", "int[]", "1,2"}, {"a.one", "float[]", "0.5"}}, -1) ==
        R"({"a":{"word":"15","list":"1,2","one":"0.5"}})");
}

TEST_CASE("a result file is a valid config: what was written comes back to the same bits") {
  Five from{false, -9007199254740993, 3.4028235e38f, 1.0 / 3.0, ""};
  const std::string result = "{\"answer\":[1,2,null],\"config\":" + settings_to_json(flatten(from, "a.b")) + "}";
  for (const std::string& text : {result, settings_to_json(flatten(from, "a.b"))}) {
    Five to;
    std::vector<ConfigProblem> problems;
    apply(to, "a.b", settings_from_json(text, "f"), problems);
    CHECK(problems.empty());
    CHECK(to == from);
  }
}

TEST_CASE("a config that is not settings is refused") {
  const struct {
    const char *json, *message;
  } table[] = {{"", "JSON: "},
               {"{", "JSON: "},
               {"[]", "expected an object, got []"},
               {"3", "expected an object, got 3"},
               {"{\"a\":[1]}", "a: expected a string, a number, true, false or an object, got [1]"},
               {"{\"a\":{\"b\":null}}", "a.b: expected"},
               {"{\"a.b\":1}", "expected keys without dots, got 'a.b' in ''"},
               {"{\"a\":{\"\":1}}", "expected keys without dots, got '' in 'a'"},
               {"{\"a\":1,\"a\":2}", "duplicate key 'a'"},
               {"{\"a\":1e999}", "JSON: "}};
  for (const auto& row : table) {
    CAPTURE(row.json);
    const std::string text = error_of(row.json);
    CHECK_MESSAGE(text.find(row.message) != std::string::npos, text);
    CHECK(text.find("[f.json] ") == 0);
  }
}

TEST_CASE("paths that collide, repeat or have empty parts cannot be written") {
  const ConfigField a{"a", "int", "1"}, ab{"a.b", "int", "1"};
  CHECK_THROWS_AS(settings_to_json({a, ab}), Error);
  CHECK_THROWS_AS(settings_to_json({ab, a}), Error);
  CHECK_THROWS_AS(settings_to_json({a, a}), Error);
  for (const char* path : {"", ".a", "a.", "a..b"}) CHECK_THROWS_AS(settings_to_json({{path, "int", "1"}}), Error);
  CHECK_THROWS_AS(settings_to_json({{"a", "int", "x"}}), Error);
  CHECK_THROWS_AS(settings_to_json({{"a", "string", "\xff"}}), Error);
}

TEST_CASE("integers keep all their digits, numbers keep their bits") {
  const Settings s = settings_from_json(
      R"({"i":9223372036854775807,"u":18446744073709551615,"d":0.1,"n":-0.0,"b":false,"s":"1"})", "f");
  CHECK(s.at("i") == "9223372036854775807");
  CHECK(s.at("u") == "18446744073709551615");
  CHECK(s.at("d") == "0.1");
  CHECK(s.at("n") == "-0");
  CHECK(s.at("b") == "false");
  CHECK(s.at("s") == "1");
}
