#pragma once
// What --keep-maps keeps: RUN/maps/UNIT.jsonl, a line a row. docs/sweep.md names every key.
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "arrcoc/engine/engine.hpp"

namespace arrcoc {

/// RUN/maps/000012.jsonl
std::filesystem::path maps_file(const std::filesystem::path& run, Index unit);

/// The textures of a unit: each stands once, in the line of the first row that was chosen by it.
class KeptTextures {
 public:
  /// Its place among the unit's.
  Index place_of(const std::shared_ptr<const Textures>& textures);
  /// JSON texts of those that no line has yet.
  std::vector<std::string> fresh();

 private:
  std::map<std::shared_ptr<const Textures>, Index> known_;
  std::map<std::string, Index> places_;  // JSON text -> place
  std::vector<std::string> fresh_;
};

/// One line with its end. `on_square`: the pictures stood on a grey square. `textures`: of the row's unit.
std::string maps_line(const std::string& key, const AnswerResult& result, bool on_square, KeptTextures& textures);

}  // namespace arrcoc
