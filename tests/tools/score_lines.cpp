// For tests/oracle/metrics.py: reads {"metric", "flavour", "prediction", "answers", "options", "category", "size":
// [width, height]} a line, writes {"score", "extracted"} a line. {"lower": TEXT} gives its lower case, the length of
// its upper case, and how many of its characters are white space and digits. {"yesno": [[wanted, got], ...]} gives F1.
#include <iostream>
#include <nlohmann/json.hpp>

#include "arrcoc/measure/metrics.hpp"

using Json = nlohmann::json;
using namespace arrcoc;
namespace u = arrcoc::measure::unicode;

namespace {

Json about_text(const std::string& text) {
  const std::u32string t = u::decode(text);
  Index spaces = 0, digits = 0;
  for (const char32_t c : t) {
    spaces += u::is_space(c);
    digits += u::digit_value(c) + 1;
  }
  return {
      {"lower", u::encode(u::lower(t))}, {"upper_length", u::upper_length(t)}, {"spaces", spaces}, {"digits", digits}};
}

Json about_yes_no(const Json& pairs, bool neither_counts) {
  measure::YesNoFigures f;
  for (const Json& pair : pairs)
    f.add(measure::yes_or_no(pair[0].get<std::string>(), measure::Flavour::lmms),
          measure::yes_or_no(pair[1].get<std::string>(), measure::Flavour::vlmevalkit), neither_counts);
  return {{"precision", f.precision()}, {"recall", f.recall()}, {"f1", f.f1()}, {"accuracy", f.accuracy()}};
}

Json judged(const Json& j) {
  measure::Expected e{j.at("answers").get<std::vector<std::string>>()};
  e.options = j.value("options", measure::Options{});
  e.category = j.value("category", "");
  e.width = j.value("size", std::vector<double>{0, 0})[0];
  e.height = j.value("size", std::vector<double>{0, 0})[1];
  const auto flavour = measure::flavour_of(j.at("flavour").get<std::string>());
  require_that(flavour.has_value(), Code::bad_usage, "score_lines", "no such flavour");
  const measure::Verdict v =
      measure::judge(j.at("metric").get<std::string>(), j.at("prediction").get<std::string>(), e, *flavour);
  return {{"score", v.score}, {"extracted", v.extracted}};
}

}  // namespace

int main() try {
  for (std::string line; std::getline(std::cin, line);) {
    const Json j = Json::parse(line);
    std::cout << (j.contains("lower")   ? about_text(j["lower"])
                  : j.contains("yesno") ? about_yes_no(j["yesno"], j.value("neither_counts", true))
                                        : judged(j))
              << "\n";
  }
} catch (const std::exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
