#pragma once
// What is told about verbs beside their own flags: examples, the verb that was meant, completion for shells.
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace arrcoc::tools {

/// Two commands to copy under the help of every verb, and how the settings of stages are given where a verb takes them.
void add_examples(CLI::App& app);

/// Error{bad_usage} naming the nearest verbs for a first argument that is none.
void check_verb(const CLI::App& app, const std::vector<std::string>& arguments);

/// A script for `bash` or `zsh` that completes verbs, flags and `names` behind --pipeline and `explain`.
std::string completion(const CLI::App& app, const std::string& shell, const std::vector<std::string>& names);

}  // namespace arrcoc::tools
