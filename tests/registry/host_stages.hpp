#pragma once
// The registered stages of the host plane, made as a pipeline makes them.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/registry/builtin.hpp"

namespace arrcoc::tests {

/// All of them, registered once.
inline const HostStages& host_stages() {
  static const HostStages all = [] {
    HostStages s;
    register_host(s);
    return s;
  }();
  return all;
}

/// Settings of other stages may stand among `settings`; this one's begin with `prefix`.
template <class Stage>
Stage made(const StageRow<Stage>& row, const Settings& settings = {}, const std::string& prefix = "x") {
  std::vector<ConfigField> fields;
  std::vector<ConfigProblem> problems;
  Stage s = row.make(settings, prefix, fields, problems);
  CHECK(problems.empty());
  CHECK(s.facts.name == row.entry.name);
  return s;
}
template <class Stage>
Stage made(const std::vector<StageRow<Stage>>& rows, std::string_view name, const Settings& settings = {},
           const std::string& prefix = "x") {
  return made(detail::find_row<Stage>({&rows}, rows.front().entry.kind, std::string(name)), settings, prefix);
}

}  // namespace arrcoc::tests
