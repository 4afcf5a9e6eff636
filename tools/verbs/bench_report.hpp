#pragma once
// What `arrcoc bench` measured, and how it is written.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/engine/model_summary.hpp"
#include "arrcoc/pipeline/costs.hpp"

namespace arrcoc::tools {

/// One stage of one run. Zero flops or bytes: not counted for this stage.
struct Row {
  std::string stage;
  double milliseconds = 0, flops = 0, bytes = 0;
  double gflops() const { return flops / milliseconds / 1e6; }
  /// Of the time that arithmetic and memory would need at the measured limits, whichever is longer.
  double share(const MachineLimits& m) const { return share(m.flops_per_second, m.bytes_per_second); }
  /// The same at what no kernel can pass; zero where that is not known.
  double of_roof(const MachineLimits& m) const {
    return m.register_flops_per_second > 0 ? share(m.register_flops_per_second, m.read_bytes_per_second) : 0;
  }

 private:
  double share(double flops_per_second, double bytes_per_second) const {
    return std::max(flops / flops_per_second, bytes / bytes_per_second) / (milliseconds / 1e3);
  }
};

struct Measured {
  std::string name;
  std::vector<std::pair<std::string, double>> memory;  // of the run that warms up, bytes
  Costs costs;
  std::vector<Row> rows;
};

/// A model in which runs were measured: how it was opened, and the most memory of the process (0: not known).
struct Bench {
  ModelSummary model;
  MachineLimits limits;
  std::vector<Measured> runs;
  Index repeat = 0;
  double load_ms = 0, load_bytes = 0, highest_bytes = 0;
};

/// One instruction set, everything kept.
struct PathBench {
  std::string isa, absent;  // why it was not run
  Bench bench;
};

std::string to_json(const Bench& bench);
std::string to_json(const std::vector<PathBench>& paths);
void print(const Bench& bench);
void print(const std::vector<PathBench>& paths);

}  // namespace arrcoc::tools
