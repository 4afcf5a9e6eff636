#include "arrcoc/core/host_tensor.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "arrcoc/core/check_finite.hpp"

using namespace arrcoc;

TEST_CASE("f32 to bf16 rounds as torch does") {
  struct {
    std::uint32_t f;
    std::uint16_t h;
  } const table[] = {{0x3f800000u, 0x3f80}, {0x80000000u, 0x8000}, {0x00000001u, 0x0000}, {0x000116c2u, 0x0001},
                     {0x7f7fc99eu, 0x7f80}, {0x7f7fffffu, 0x7f80}, {0x477fe000u, 0x4780}, {0x3f808000u, 0x3f80},
                     {0x3f818000u, 0x3f82}, {0x3f808001u, 0x3f81}, {0x3f807fffu, 0x3f80}, {0x00008000u, 0x0000},
                     {0x00008001u, 0x0001}, {0x7f800000u, 0x7f80}, {0xff800000u, 0xff80}, {0x3dcccccdu, 0x3dcd},
                     {0xc02df84du, 0xc02e}};
  for (const auto& [f, h] : table) CHECK(f32_to_bf16(std::bit_cast<float>(f)) == h);
}

TEST_CASE("NaN stays NaN and keeps its sign, whatever its payload") {
  for (const std::uint32_t bits : {0x7f800001u, 0x7fffffffu, 0xff800001u, 0xffc00000u}) {
    const float back = bf16_to_f32(f32_to_bf16(std::bit_cast<float>(bits)));
    CHECK(back != back);
    CHECK((std::bit_cast<std::uint32_t>(back) >> 31) == (bits >> 31));
  }
}

TEST_CASE("every bf16 code survives the way through f32") {
  for (std::uint32_t h = 0; h < 65536; ++h) {
    const bool nan = (h & 0x7fffu) > 0x7f80u;
    if (!nan) REQUIRE(f32_to_bf16(bf16_to_f32(static_cast<std::uint16_t>(h))) == h);
  }
}

TEST_CASE("f16 to f32 as NumPy does: chosen codes, and FNV-1a over all that are not NaN") {
  struct {
    std::uint16_t h;
    std::uint32_t f;
  } const table[] = {{0x0000, 0x00000000u}, {0x0001, 0x33800000u}, {0x03ff, 0x387fc000u}, {0x0400, 0x38800000u},
                     {0x3c00, 0x3f800000u}, {0x7bff, 0x477fe000u}, {0x7c00, 0x7f800000u}, {0xfc00, 0xff800000u},
                     {0x8000, 0x80000000u}, {0x8001, 0xb3800000u}, {0x3555, 0x3eaaa000u}, {0xc500, 0xc0a00000u}};
  for (const auto& [h, f] : table) CHECK(std::bit_cast<std::uint32_t>(f16_to_f32(h)) == f);
  std::uint64_t sum = 0xcbf29ce484222325ull;
  for (std::uint32_t h = 0; h < 65536; ++h)
    if ((h & 0x7fffu) <= 0x7c00u)
      sum = (sum ^ std::bit_cast<std::uint32_t>(f16_to_f32(static_cast<std::uint16_t>(h)))) * 0x100000001b3ull;
  CHECK(sum == 0xa4d3893bfed78fedull);
}

TEST_CASE("a host tensor owns its values and checks its shape") {
  HostTensor t;
  {
    std::vector<float> v{1, 2, 3, 4, 5, 6};
    t = host_tensor(std::move(v), {2, 3});
  }
  CHECK(t.count() == 6);
  CHECK(t.bytes() == 24);
  CHECK(t.dim(5) == 1);
  CHECK(t.floats()[5] == 6.0f);
  CHECK(shape_text(t.shape) == "[2, 3]");
  CHECK_THROWS_WITH_AS(host_tensor(std::vector<float>{1, 2}, {3}),
                       "[host_tensor] shape [3] does not hold 2 values (E201)", Error);
  CHECK_THROWS_WITH_AS(host_tensor(std::vector<std::uint16_t>{1}, {1}).floats(),
                       "[host_tensor] expected aligned F32 values, got BF16 (E201)", Error);
  CHECK_THROWS_AS(float_at(host_tensor(std::vector<std::int32_t>{1}, {1}), 0), Error);
  CHECK(HostTensor{}.empty());
}

TEST_CASE("floats are read from any dtype at any alignment") {
  const std::vector<std::uint8_t> raw{0xff, 0x80, 0x3f, 0x00, 0xc0, 0xff};  // bf16 1 and -2 at byte 1
  const HostTensor t{DType::bf16, {2}, reinterpret_cast<const std::byte*>(raw.data()) + 1, nullptr};
  CHECK(to_floats(t) == std::vector<float>{1.0f, -2.0f});
}

TEST_CASE("check_finite finds one bad value anywhere") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::size_t place : {0, 1, 1023, 1024, 2999}) {
    for (const float bad : {inf, -inf, nan}) {
      std::vector<float> v(3000, std::numeric_limits<float>::max());
      CHECK_NOTHROW(check_finite("w", host_tensor(v, {3000})));
      v[place] = bad;
      CHECK_THROWS_WITH_AS(check_finite("w", host_tensor(v, {3000})),
                           ("[weights] w: expected finite values, got " +
                            std::string(bad != bad ? "NaN"
                                        : bad > 0  ? "inf"
                                                   : "-inf") +
                            " at place " + std::to_string(place) + " of 3000 (E404)")
                               .c_str(),
                           Error);
      std::vector<std::uint16_t> h(3000, 0x7f7f);
      CHECK_NOTHROW(check_finite("w", host_tensor(h, {3000})));
      h[place] = f32_to_bf16(bad);
      CHECK_THROWS_AS(check_finite("w", host_tensor(h, {3000})), Error);
    }
  }
  const std::uint16_t half[] = {0x7bff, 0xfbff, 0x7c00};
  const auto* p = reinterpret_cast<const std::byte*>(half);
  CHECK_NOTHROW(check_finite("w", {DType::f16, {2}, p, nullptr}));
  CHECK_THROWS_AS(check_finite("w", {DType::f16, {3}, p, nullptr}), Error);
  CHECK_NOTHROW(check_finite("ids", host_tensor(std::vector<std::int32_t>{-1, 0x7f800000}, {2})));
  CHECK_NOTHROW(check_finite("none", host_tensor(std::vector<float>{}, {0})));
}
