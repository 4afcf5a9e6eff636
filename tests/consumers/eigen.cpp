// A user's program: two numbers through the Eigen backend.
#include <cstdio>
#include <vector>

#include "arrcoc/eigen.hpp"

int main() {
  arrcoc::EigenBackend backend;
  const std::vector<float> row{1.0f, 2.0f};
  const auto t = backend.from_host(row, 1, 2);
  std::printf("%d\n", static_cast<int>(backend.to_host(backend.matmul(t, t, true))[0]));
}
