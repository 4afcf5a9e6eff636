#pragma once
// One function per scenario.
#include "scene.hpp"

namespace arrcoc::scenes {
Scene receipt(const SceneParams& p, GlyphAtlas& atlas);
Scene form(const SceneParams& p, GlyphAtlas& atlas);
Scene formula(const SceneParams& p, GlyphAtlas& atlas);
Scene tiger(const SceneParams& p, GlyphAtlas& atlas);
Scene camouflage(const SceneParams& p, GlyphAtlas& atlas);
Scene page(const SceneParams& p, GlyphAtlas& atlas);
Scene shapes(const SceneParams& p, GlyphAtlas& atlas);
Scene popout(const SceneParams& p, GlyphAtlas& atlas);
Scene street(const SceneParams& p, GlyphAtlas& atlas);
Scene relations(const SceneParams& p, GlyphAtlas& atlas);
}  // namespace arrcoc::scenes
