#pragma once
// Scenes on disk: images/, questions.jsonl, questions.tsv (VLMEvalKit), boxes.json (COCO), dataset.json.
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>

#include "../scene.hpp"

namespace arrcoc::scenes {

struct DatasetOptions {
  std::filesystem::path out;           // must not exist, or be an empty folder
  std::vector<std::string> scenarios;  // scene i shows scenario (S + i) mod their number
  SceneParams params;                  // seed = S; scene i is drawn from seed S + i
  Index count = 1;
  Index threads = 1;
  int jpeg_quality = 0;  // > 0 writes .jpg of that quality instead of .png
  int png_level = 1;
  bool tsv = true;              // pictures again as base64, for VLMEvalKit
  bool characters = false;      // boxes.json also holds every single character
  bool contact_sheets = false;  // contact_sheets/SCENARIO.png
  std::function<bool()> stop;   // asked between scenes: true ends with nothing left behind
  std::function<void(Index done)> progress;
};

struct DatasetSummary {
  Index scenes = 0, pictures = 0, questions = 0, boxes = 0;
  bool stopped = false;
};

/// Names of scenarios from "receipt", a group ("document", "control", ...), "mixed" (documents and pictures) or "all",
/// comma-separated. Error{unknown_strategy}.
std::vector<std::string> choose_scenarios(std::string_view text);

/// Draws and writes. The folder appears under its name only when it is whole. Error{bad_output}, and what make_scene
/// throws.
DatasetSummary write_dataset(const DatasetOptions& options, GlyphAtlas& atlas);

/// `columns` x `rows` pictures of one scenario with the boxes of their first question marked, side by side. Half-size
/// at `shrink` = 2, and so on.
Image contact_sheet(const SceneParams& first, Index rows, Index columns, Index shrink, GlyphAtlas& atlas);

/// JSON string literal with its quotes.
std::string json_string(std::string_view text);
std::string base64(std::string_view bytes);

}  // namespace arrcoc::scenes
