#pragma once
// What --keep-maps keeps: RUN/maps/UNIT.jsonl, a line a row. docs/sweep.md names every key.
#include <filesystem>
#include <string>

#include "arrcoc/engine/engine.hpp"

namespace arrcoc {

/// RUN/maps/000012.jsonl
std::filesystem::path maps_file(const std::filesystem::path& run, Index unit);

/// One line with its end. `on_square`: the pictures stood on a grey square.
std::string maps_line(const std::string& key, const AnswerResult& result, bool on_square);

}  // namespace arrcoc
