#pragma once
// Alarms of a run: a loss that has fallen apart, a gradient that is gone.
#include <cmath>
#include <optional>
#include <string>

#include "arrcoc/core/types.hpp"

namespace arrcoc::train {

/// Fed with the mean loss and gradient norm of each window of steps.
class Watch {
 public:
  static constexpr double factor = 2.0, margin = 0.5;  // collapsed: above factor * best + margin
  static constexpr int patience = 3;                   // windows in a row

  /// A sentence when training should stop.
  std::optional<std::string> add(double loss, double gradient_norm) {
    high_ = seen_ && !(loss <= factor * best_ + margin) ? high_ + 1 : 0;
    still_ = gradient_norm == 0 ? still_ + 1 : 0;
    if (high_ >= patience)
      return "the loss has collapsed: " + std::to_string(loss) + " over the last steps, " + std::to_string(best_) +
             " at best";
    if (still_ >= patience) return std::string("the gradient is exactly 0: nothing is being trained");
    if (!seen_ || loss < best_) best_ = loss;
    seen_ = true;
    return std::nullopt;
  }
  /// A checkpoint written now could hold the collapse.
  bool suspicious() const { return high_ > 0 || still_ > 0; }

 private:
  double best_ = 0;
  int high_ = 0, still_ = 0;
  bool seen_ = false;
};

}  // namespace arrcoc::train
