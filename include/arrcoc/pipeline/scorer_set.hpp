#pragma once
// ScorerSet<S...>: the maps of several scorers, one after the other. Host scorers and tensor scorers mix freely.
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/core/stages.hpp"

namespace arrcoc {

/// Throws Error{bad_stage_output} unless the map has n finite values.
inline void check_map(std::span<const float> map, Index n, std::string_view where) {
  require_that(static_cast<Index>(map.size()) == n, Code::bad_stage_output, where,
               [&] { return "expected " + std::to_string(n) + " values, got " + std::to_string(map.size()); });
  for (std::size_t i = 0; i < map.size(); ++i)
    require_that(map[i] - map[i] == 0.0f, Code::bad_stage_output, where,
                 [&] { return "expected finite values, got NaN or infinity at token " + std::to_string(i); });
}

template <class B>
struct SeenImage {
  const Evidence& host;
  const TensorEvidence<B>& tensor;
};

template <class... S>
struct ScorerSet {
  std::tuple<S...> scorers{};

  static constexpr Index size() { return sizeof...(S); }
  static constexpr Needs needs() {
    Needs all;
    ((all.evidence |= S::needs.evidence, all.phase = S::needs.phase > all.phase ? S::needs.phase : all.phase), ...);
    return all;
  }
  /// What the scorers on the host plane look at.
  static constexpr Needs host_needs() {
    Needs all;
    for (const Needs n : {Needs{}, (require::scores<S> ? Needs(S::needs) : Needs{})...}) {
      all.evidence |= n.evidence;
      all.phase = n.phase > all.phase ? n.phase : all.phase;
    }
    return all;
  }
  std::vector<std::string> names() const { return {std::string(S::name)...}; }

  /// [M, N], scorer by scorer.
  template <class B>
  std::vector<float> score_all(B& b, const SeenImage<B>& image) const {
    static_assert((check_one<S, B>() && ...));
    std::vector<float> maps;
    std::apply([&](const S&... s) { (append(b, s, image, maps), ...); }, scorers);
    return maps;
  }

 private:
  template <class One, class B>
  static consteval bool check_one() {
    if constexpr (!require::scores<One>) check_tensor_scorer<One, B>();
    else check_scorer<One>();
    return true;
  }
  template <class One, class B>
  static void append(B& b, const One& s, const SeenImage<B>& image, std::vector<float>& maps) {
    std::vector<float> map;
    if constexpr (require::scores<One>) map = s.score(image.host);
    else map = b.to_host(s.score(b, image.tensor));
    check_map(map, image.host.grid.count(), One::name);
    maps.insert(maps.end(), map.begin(), map.end());
  }
};

}  // namespace arrcoc
