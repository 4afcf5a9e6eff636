#pragma once
// The tiny model's two pictures, and plans over their 2 x 3 and 2 x 1 tokens.
#include <doctest/doctest.h>

#include "arrcoc/eigen.hpp"
#include "arrcoc/injectors/gather.hpp"
#include "pipeline/material.hpp"

namespace arrcoc::tests {

struct InjectorCase {
  using B = EigenBackend;
  TinyModel<B> tiny{};
  TwoPictures t{};
  qwen3vl::Encoded<B> encoded = tiny.model.encode(tiny.backend, t.pixels(), t.prompt);
  std::vector<Allocation> plan{keep_everything({2, 3}), keep_everything({2, 1})};

  void keep(std::size_t picture, std::vector<Index> kept) {
    Allocation& a = plan[picture];
    a.depth.assign(kept.size(), all_levels);
    a.why.assign(kept.size(), {});
    for (std::size_t i = 0; i < kept.size(); ++i) a.why[i].rank = static_cast<Index>(i);
    a.kept = std::move(kept);
  }
  template <class I>
  qwen3vl::Injected<B> rows(const I& injector) {
    return injector.inject(tiny.backend, std::span<const Allocation>(plan), encoded, t.prompt, nullptr);
  }
  template <class I>
  qwen3vl::Generated run(const I& injector, qwen3vl::LayerHook<B>* hook = nullptr) {
    auto options = TinyModel<B>::options().generate;
    options.max_new_tokens = 16;
    return qwen3vl::generate(tiny.backend, tiny.model.text(), rows(injector), t.prompt.ids, options, nullptr, hook);
  }
  template <class I>
  void refused(const I& injector, const std::string& sentence) {
    CHECK_THROWS_WITH_AS((void)run(injector), sentence.c_str(), Error);
  }
};

}  // namespace arrcoc::tests
