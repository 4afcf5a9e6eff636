// The conformance suite on the kernels for every instruction set that this processor has, forced one by one.
#include <algorithm>

#include "arrcoc/eigen/path_times.hpp"

#include "conformance/conformance.hpp"
#include "conformance/every_kernel.hpp"
#include "qwen3vl/selfcheck.hpp"

using namespace arrcoc;
using conformance::same_bits;

namespace {

Isa under_test = Isa::generic;

struct OnPath : EigenDispatch {
  OnPath() : EigenDispatch(eigen::with_isa({}, under_test)) {}
};

constexpr Isa all[] = {Isa::generic, Isa::avx2, Isa::avx512, Isa::avx512bf16, Isa::amx};

/// f() for each of them that is there, as a subcase of its name (so that `-sc=amx` takes that one alone); the others
/// are named.
template <class F>
void on_each(F&& f) {
  CHECK(std::ranges::any_of(all, eigen::usable));
  for (const Isa isa : all) {
    const std::string name(name_of(isa));
    SUBCASE(name.c_str()) {
      if (eigen::usable(isa)) {
        under_test = isa;
        f(isa);
      } else {
        MESSAGE("not run: ", name,
                processor_has(isa) ? std::string(": no kernels") : std::string(": not of this processor"));
      }
    }
  }
}

}  // namespace

TEST_CASE("paths: conformance of every one") {
  namespace c = conformance;
  on_each([](Isa) {
    for (const auto group :
         {c::linear<OnPath>, c::matmul<OnPath>, c::embeddings<OnPath>, c::norms<OnPath>, c::pointwise<OnPath>,
          c::reductions<OnPath>, c::row_moves<OnPath>, c::rope<OnPath>, c::attention<OnPath>, c::key_bias<OnPath>,
          c::caches<OnPath>, c::pictures<OnPath>, c::loops<OnPath>, c::mistakes<OnPath>})
      c::run_group(group);
  });
}

TEST_CASE("paths: the whole model is within 1e-5 of transformers on every one") {
  on_each([](Isa) {
    arrcoc::tests::selfcheck_stages<OnPath>();
    arrcoc::tests::selfcheck_generation<OnPath>();
    arrcoc::tests::selfcheck_experts<OnPath>();
  });
}

TEST_CASE("paths: the same bits on 1, 2 and 4 threads, in float32 and in bf16") {
  on_each([](Isa isa) {
    for (const bool bf16 : {false, true}) {
      const auto on = [&](int threads) {
        EigenDispatch b(eigen::with_isa({.threads = threads, .bf16 = bf16}, isa));
        return conformance::everything(b);
      };
      const std::vector<float> one = on(1);
      CHECK(one.size() > 1000000);
      for (const int threads : {2, 4}) CHECK(same_bits(on(threads), one));
    }
  });
}

TEST_CASE("paths: each has kernels of its own, and those that this program is compiled for are those of its path") {
  std::vector<std::vector<float>> seen;
  for (const Isa isa : all) {
    if (isa == Isa::amx || !eigen::usable(isa)) continue;
    INFO("on ", std::string(name_of(isa)));
    const EigenOptions options = eigen::with_isa({.threads = 1}, isa);
    const eigen::Path* path = eigen::path_of(isa);
    REQUIRE(options.path == path);
    CHECK(path->isa == isa);
    CHECK(path->bf16 == (isa == Isa::avx512bf16));
    // A product of long rows has another order of its sum on every width of registers.
    auto m = conformance::random_matrix(1, 5000, 1), n = conformance::random_matrix(1, 5000, 2);
    const auto product = [&](const auto& b) {
      const auto w = b.import_weight(conformance::stored(m, DType::f32, {1, 5000}), Layout::out_in);
      return b.to_host(b.linear(b.from_host(n.floats(), 1, 5000), w));
    };
    seen.push_back(product(EigenDispatch(options)));
    if (isa == compiled_isa()) CHECK(same_bits(product(EigenBackend(options)), seen.back()));
  }
  CHECK(seen.size() >= 1);
  for (std::size_t i = 0; i + 1 < std::min<std::size_t>(seen.size(), 3); ++i) CHECK(!same_bits(seen[i], seen[i + 1]));
}

TEST_CASE("paths: what is not there is refused by name") {
  for (const Isa isa : all)
    if (!processor_has(isa))
      CHECK_THROWS_WITH_AS(eigen::with_isa({}, isa), doctest::Contains(std::string(name_of(isa)).c_str()), Error);
  CHECK(eigen::usable(eigen::best_isa()));
  CHECK_THROWS_WITH_AS(EigenDispatch(EigenOptions{}), doctest::Contains("got no kernels"), Error);
  CHECK(!isa_named("sse").has_value());
  CHECK(isa_named("avx2") == Isa::avx2);
}

TEST_CASE("paths: the fastest is chosen by what was measured, and noise does not choose") {
  const auto chosen = [](double first, double second) {
    return eigen::fastest({{Isa::avx512bf16, true, first, 0, 0}, {Isa::avx512, false, second, 0, 0}}).bf16;
  };
  CHECK(chosen(0.5, 1.0));
  CHECK(chosen(1.05, 1.0));
  CHECK(!chosen(1.2, 1.0));
  CHECK(!chosen(1.9, 1.0));  // 160 against 83 GFLOP/s, as on a Xeon without tiles
  std::vector<eigen::PathTimes> choices = eigen::path_choices(Isa::automatic, true, true);
  REQUIRE(!choices.empty());
  eigen::measure(choices);
  for (const eigen::PathTimes& c : choices) {
    MESSAGE(std::string(name_of(c.isa)), c.bf16 ? std::string(" bf16") : std::string(" f32"), ": ", c.product, ", ",
            c.row, ", ", c.attention, " ms");
    CHECK(c.product > 0.01);  // 38 million multiply-adds
    CHECK(c.row > 0);
    CHECK(c.attention > 0.01);
    CHECK(c.all() < 1e6);
  }
}

TEST_CASE("paths: the loops of the roofs do what they say they did, and read every word") {
  on_each([](Isa isa) {
    const eigen::Roofs& r = eigen::path_of(isa)->roofs;
    const auto worked = [](const eigen::RegisterWork& w, Index steps) {
      CHECK(w.flops > 0);
      CHECK(w.flops == 4 * w.sum);
      CHECK(std::fmod(w.flops, static_cast<double>(steps)) == 0);
    };
    for (const Index steps : {1, 7, 1000}) {
      worked(r.floats(steps), steps);
      if (r.pairs != nullptr) worked(r.pairs(steps), steps);
      if (isa == Isa::amx) worked(r.tiles(steps), steps);
    }
    CHECK((r.pairs != nullptr) == (isa >= Isa::avx512bf16));
    Rng rng(7);
    std::vector<std::uint32_t> words(1027);
    for (auto& w : words) w = static_cast<std::uint32_t>(rng.below(Index{1} << 32));
    for (const std::size_t n : {0u, 1u, 64u, 1024u, 1027u}) {
      std::uint32_t expected = 0;
      for (std::size_t i = 0; i < n; ++i) expected ^= words[i];
      CHECK(r.read(std::span(words).first(n)) == expected);
    }
  });
}
