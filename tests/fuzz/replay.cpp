// A target without its engine: every file that is named, or lies in a folder that is named, goes through it.
//   fuzz_seeds_TARGET FILE_OR_FOLDER...
#include <algorithm>
#include <chrono>
#include <iostream>

#include "arrcoc/io/atomic_file.hpp"
#include "fuzz.hpp"

namespace fs = std::filesystem;

int main(int count, char** words) {
  std::vector<fs::path> files;
  for (int i = 1; i < count; ++i) {
    if (!fs::is_directory(words[i])) files.emplace_back(words[i]);
    else
      for (const auto& one : fs::directory_iterator(words[i])) files.push_back(one.path());
  }
  std::sort(files.begin(), files.end());
  int findings = files.empty() ? 1 : 0;
  for (const fs::path& file : files) {
    const std::string bytes = arrcoc::io::read_file(file);
    arrcoc::fuzz::refusal.clear();
    const auto begin = std::chrono::steady_clock::now();
    try {
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    } catch (const std::exception& e) {
      ++findings;
      std::cout << file.string() << ": " << e.what() << "\n";
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (!arrcoc::fuzz::refusal.empty())
      std::cout << file.filename().string() << " is refused: " << arrcoc::fuzz::refusal.substr(0, 200) << "\n";
    if (took.count() > 10) {
      ++findings;
      std::cout << file.string() << ": took " << took.count() << " s\n";
    }
  }
  if (arrcoc::fuzz::taken == 0) {
    ++findings;
    std::cout << "nothing is taken\n";
  }
  std::cout << "replay: " << files.size() << " inputs, " << findings << " findings\n";
  return findings == 0 ? 0 : 1;
}
