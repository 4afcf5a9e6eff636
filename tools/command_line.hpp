#pragma once
// What main.cpp does to every verb's flags and to every message, whatever the verb.
#include <CLI/CLI.hpp>
#include <string>

namespace arrcoc::tools {

/// Numbers are read whole, in decimal and in the range of their type, by every flag of every verb: CLI11 takes 010 for
/// 8, 0x10 for 16 and -1 for 2^64 - 1.
void read_numbers_whole(CLI::App& app);

/// A message as one line: control characters become '?', and what was typed or read is cut in the middle, so that the
/// first words, the reason and the code stay.
std::string one_line(std::string message);

/// A word as a shell reads it back.
std::string for_shell(const std::string& word);

/// Everything that was printed has arrived. Error{bad_output}.
void check_stdout();

}  // namespace arrcoc::tools
