#pragma once
// A copy of the demo model to be damaged, and what its tests say.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "temporary_folder.hpp"

namespace arrcoc::test {

/// A fresh copy of the demo model, to be damaged.
struct Model : TemporaryFolder {
  Model() {
    static const TemporaryFolder original;
    static const bool written = (io::write_demo_model(original.path / "m", 1), true);
    (void)written;
    dir = path / "m";
    std::filesystem::copy(original.path / "m", dir);
  }
  std::filesystem::path dir;
  nlohmann::json json(const char* file) const { return nlohmann::json::parse(io::read_file(dir / file)); }
  void put(const char* file, const nlohmann::json& j) const { std::ofstream(dir / file) << j.dump(); }
  /// Sets the value at a JSON pointer; "" erases the key.
  void set(const char* file, const std::string& pointer, const std::string& value) const {
    nlohmann::json j = json(file);
    const nlohmann::json::json_pointer at(pointer);
    if (value.empty()) j[at.parent_pointer()].erase(at.back());
    else j[at] = nlohmann::json::parse(value);
    put(file, j);
  }
};

template <class F>
std::string message_of(Code code, F&& f) {
  try {
    f();
  } catch (const Error& e) {
    CHECK_MESSAGE(e.code() == code, e.what());
    return e.what();
  }
  return "no error";
}

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace arrcoc::test
