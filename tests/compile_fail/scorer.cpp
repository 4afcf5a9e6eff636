// check_scorer and check_tensor_scorer: the first error says what to add.
#include "arrcoc/core/stages.hpp"
#include "core/archetype_backend.hpp"

using namespace arrcoc;
using B = arrcoc::tests::ArchetypeBackend;

struct Settings {
  float exponent = 1;
};
struct Whole {
  static constexpr std::string_view name = "whole";
  static constexpr Needs may_need{Phase::pixels, Need::textures};
  using Config = Settings;
  Config config{};
  std::vector<float> score(const Evidence&) const { return {}; }
};
struct WholeTensor {
  static constexpr std::string_view name = "whole";
  static constexpr Needs may_need{Phase::vision, Need::vision};
  using Config = Settings;
  Config config{};
  B::Tensor score(B&, const TensorEvidence<B>&) const { return {}; }
};

#if CASE == 0
static_assert(check_scorer<Whole>());
static_assert(check_tensor_scorer<WholeTensor, B>());
#elif CASE == 1
// expect: Scorer: add `static constexpr std::string_view name
struct Mine : Whole {
  void name();
};
static_assert(check_scorer<Mine>());
#elif CASE == 2
// expect: Scorer: add `using Config = ...;` and make S{} and S{Config} valid
struct Mine {
  static constexpr std::string_view name = "mine";
  static constexpr Needs may_need{};
  std::vector<float> score(const Evidence&) const { return {}; }
};
static_assert(check_scorer<Mine>());
#elif CASE == 3
// expect: Scorer: add `using Config = ...;` and make S{} and S{Config} valid
struct Mine : Whole {
  explicit Mine(int) {}
};
static_assert(check_scorer<Mine>());
#elif CASE == 4
// expect: Scorer: add `static constexpr Needs may_need{Phase::pixels, Need::textures};`
struct Mine : Whole {
  void may_need();
};
static_assert(check_scorer<Mine>());
#elif CASE == 5
// expect: Scorer: add `std::vector<float> score(const Evidence&) const`
struct Mine : Whole {
  std::vector<double> score(const Evidence&) const { return {}; }
};
static_assert(check_scorer<Mine>());
#elif CASE == 6
// expect: Scorer: add `std::vector<float> score(const Evidence&) const`
struct Mine : Whole {
  std::vector<float> score(const Evidence&) { return {}; }
};
static_assert(check_scorer<Mine>());
#elif CASE == 7
// expect: TensorScorer: add `static constexpr std::string_view name
struct Mine : WholeTensor {
  void name();
};
static_assert(check_tensor_scorer<Mine, B>());
#elif CASE == 8
// expect: TensorScorer: add `using Config = ...;` and make S{} and S{Config} valid
struct Mine : WholeTensor {
  using Config = std::string;
};
static_assert(check_tensor_scorer<Mine, B>());
#elif CASE == 9
// expect: TensorScorer: add `static constexpr Needs may_need{Phase::vision, Need::vision};`
struct Mine : WholeTensor {
  void may_need();
};
static_assert(check_tensor_scorer<Mine, B>());
#elif CASE == 10
// expect: TensorScorer: add `typename B::Tensor score(B&, const TensorEvidence<B>&) const` [N, 1]
struct Mine : WholeTensor {
  std::vector<float> score(B&, const TensorEvidence<B>&) const { return {}; }
};
static_assert(check_tensor_scorer<Mine, B>());
#elif CASE == 11
// expect: TensorScorer: add `typename B::Tensor score(B&, const TensorEvidence<B>&) const` [N, 1]
static_assert(check_tensor_scorer<Whole, B>());
#endif
