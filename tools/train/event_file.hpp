#pragma once
// Scalars in TensorBoard's format: records of {length, masked CRC32C of it, a protobuf Event, masked CRC32C of that}.
// Source: tensorflow/core/lib/io/record_writer.cc (framing), tensorflow/core/util/event.proto and
// framework/summary.proto (fields).
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "arrcoc/core/types.hpp"

namespace arrcoc::train {

/// CRC-32C (Castagnoli), as RFC 3720 has it: reflected, initial and final XOR all ones.
std::uint32_t crc32c(std::string_view bytes);

class EventFile {
 public:
  /// Makes folder/events.out.tfevents.SECONDS.NAME. `first_step` > 0 marks a resumed run: readers forget later points
  /// of the files before. Error{bad_output}.
  EventFile(const std::filesystem::path& folder, std::string_view name, double wall_time, Index first_step);
  void scalar(std::string_view tag, Index step, float value, double wall_time);
  /// Error{bad_output} when the disk did not take it.
  void flush();
  const std::filesystem::path& path() const { return path_; }

 private:
  void record(const std::string& event);
  std::filesystem::path path_;
  std::ofstream out_;
};

}  // namespace arrcoc::train
