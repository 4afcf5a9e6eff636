// check_texture: the first error says what to add.
#include "arrcoc/core/stages.hpp"

using namespace arrcoc;

struct Settings {
  int bins = 16;
};
struct Whole {
  static constexpr std::string_view name = "whole";
  using Config = Settings;
  Config config{};
  Textures generate(ImageView, const TokenSet&) const { return {}; }
};

#if CASE == 0
static_assert(check_texture<Whole>());
#elif CASE == 1
// expect: TextureGenerator: add `static constexpr std::string_view name
struct Mine : Whole {
  void name();
};
#elif CASE == 2
// expect: TextureGenerator: add `using Config = ...;` and make S{} and S{Config} valid
struct Mine : Whole {
  using Config = std::string;
};
#elif CASE == 3
// expect: TextureGenerator: add `Textures generate(ImageView, const TokenSet&) const`
struct Mine : Whole {
  Textures generate(ImageView) const { return {}; }
};
#elif CASE == 4
// expect: TextureGenerator: add `Textures generate(ImageView, const TokenSet&) const`
struct Mine : Whole {
  std::vector<float> generate(ImageView, const TokenSet&) const { return {}; }
};
#endif

#if CASE != 0
static_assert(check_texture<Mine>());
#endif
