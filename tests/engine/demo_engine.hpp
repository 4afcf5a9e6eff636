#pragma once
// One eigen engine over the seeded demo model on disk, shared by the tests of a program.
#include <memory>

#include "arrcoc/engine/engine.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "io/temporary_folder.hpp"

namespace arrcoc::tests {

inline Engine& demo_engine() {
  static test::TemporaryFolder folder;
  static const std::unique_ptr<Engine> e = [] {
    io::write_demo_model(folder.path / "model", 3);
    EngineOptions o;
    o.model = (folder.path / "model").string();
    return make_eigen_engine(o);
  }();
  return *e;
}

}  // namespace arrcoc::tests
