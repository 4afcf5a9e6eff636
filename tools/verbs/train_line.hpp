#pragma once
// What the verbs that train share: the progress line, and recipes changed by flags.
#include <chrono>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "terminal.hpp"
#include "train/autograd/session.hpp"
#include "verbs.hpp"

namespace arrcoc::tools {

inline std::string clock(double seconds) {
  char text[32];
  const auto s = static_cast<long>(seconds);
  if (s >= 3600) std::snprintf(text, sizeof text, "%ld h %02ld min", s / 3600, s / 60 % 60);
  else std::snprintf(text, sizeof text, "%ld min %02ld s", s / 60, s % 60);
  return text;
}

/// The line in place on a terminal; one line a window elsewhere.
class TrainingLine {
 public:
  explicit TrainingLine(bool quiet) : quiet_(quiet) {}
  void show(const train::RunOptions::Progress& p) {
    const auto now = std::chrono::steady_clock::now();
    if (quiet_ || (p.what.empty() && (!terminal_ || now - last_ < std::chrono::milliseconds(500)))) return;
    last_ = now;
    std::fprintf(stderr, "%strain: step %ld of %ld, %.2f a second, %s left%s%s%s", terminal_ ? "\r\x1b[K" : "",
                 static_cast<long>(p.step), static_cast<long>(p.steps), p.steps_per_second,
                 clock(p.seconds_left).c_str(), p.what.empty() ? "" : "; ", p.what.c_str(),
                 terminal_ && p.what.empty() ? "" : "\n");
  }

 private:
  bool quiet_, terminal_ = is_terminal(2);
  std::chrono::steady_clock::time_point last_{};
};

/// --recipe.KEY=VALUE and the flags that are short for some of them. `others`: prefixes that belong to somebody else.
inline Settings recipe_changes(const Command& command,
                               std::initializer_list<std::pair<const char*, std::optional<std::string>>> flags,
                               std::vector<std::string> others = {}) {
  others.emplace_back("recipe");
  std::vector<ConfigProblem> problems;
  check_prefixes(command.settings, others, problems);
  throw_problems(problems, "train");
  Settings changes;
  for (const auto& [path, text] : command.settings)
    if (path.starts_with("recipe.")) changes[path.substr(7)] = text;
  for (const auto& [name, value] : flags)
    if (value) changes[name] = *value;
  return changes;
}

/// Adds `arrcoc train scorer`, `balancer` and `depth`.
void add_head_training(CLI::App& train, Command& command);

}  // namespace arrcoc::tools
