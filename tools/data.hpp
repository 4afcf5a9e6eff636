#pragma once
// Flags that name a file of questions, shared by the verbs that read one.
#include <CLI/CLI.hpp>
#include <string>

#include "arrcoc/io/dataset.hpp"

namespace arrcoc::tools {

struct DataFlags {
  std::string file, pictures, annotations, shape = "auto";
  io::DatasetChoice choice;
  bool strict = false;
};

/// --data and what goes with it, in the group "Data".
void add_data_flags(CLI::App& app, DataFlags& flags);

/// Reads, looks at every picture and clip, puts the questions into their shape. Problems go to stderr, or with --strict
/// are an error. `clips`: how they are opened; its clock is of folders of frames whose items have none.
io::Dataset read_data(const DataFlags& flags, bool quiet, const io::ClipOptions& clips = {});

/// Whether a clip of the data, a folder of frames whose item names no clock, goes by `--fps` so many a second.
bool takes_clock(const io::Dataset& data, double frames_per_second);

/// Over the questions as they will be asked.
std::string prompts_hash(const io::Dataset& data);

}  // namespace arrcoc::tools
