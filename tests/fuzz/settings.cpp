// The text of --config, then (behind 0x1e) pipelines, budgets, depths and axes of a sweep, a line each.
#include "arrcoc/core/config.hpp"

#include <sstream>

#include "arrcoc/io/config_json.hpp"
#include "arrcoc/sweep/sweep.hpp"
#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto entries = list_strategies();
  const auto input = fuzz::parts(fuzz::text_of(data, size), 2);
  SweepChoice choice;
  choice.depths.clear();
  fuzz::refuse_or_take([&] {
    choice.fixed = io::settings_from_json(input[0], "fuzz");
    std::vector<ConfigField> fields;
    for (const auto& [path, value] : choice.fixed) fields.push_back({path, "text", value});
    fuzz::must(io::settings_from_json(io::settings_to_json(fields), "fuzz") == choice.fixed,
               "settings that do not read back");
  });
  fuzz::refuse_or_take([&] {
    std::istringstream lines(input[1]);
    for (std::string line; std::getline(lines, line);) {
      const auto equals = line.find('=');
      if (line.starts_with("@")) choice.budgets.push_back(parse_budget(line.substr(1), "fuzz"));
      else if (line.starts_with("^")) choice.depths.push_back(line.substr(1));
      else if (line.starts_with("--") && equals != std::string::npos)
        choice.settings[line.substr(2, equals - 2)] = line.substr(equals + 1);
      else choice.pipelines.push_back(line);
    }
    const auto columns = sweep_columns(choice, 3, entries);
    fuzz::must(columns.size() <= most_columns, "more columns than there may be");
    for (const SweepColumn& c : columns) (void)c.label();
  });
  return 0;
}
