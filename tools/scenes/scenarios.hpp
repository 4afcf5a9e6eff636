#pragma once
// One function per scenario.
#include "scene.hpp"

namespace arrcoc::scenes {
// documents.cpp
Scene receipt(const SceneParams& p, GlyphAtlas& atlas);
Scene form(const SceneParams& p, GlyphAtlas& atlas);
Scene formula(const SceneParams& p, GlyphAtlas& atlas);
Scene tiger(const SceneParams& p, GlyphAtlas& atlas);
Scene camouflage(const SceneParams& p, GlyphAtlas& atlas);
Scene page(const SceneParams& p, GlyphAtlas& atlas);
Scene sheet(const SceneParams& p, GlyphAtlas& atlas);
Scene ledger(const SceneParams& p, GlyphAtlas& atlas);
// desk.cpp
Scene desk(const SceneParams& p, GlyphAtlas& atlas);
// pictures.cpp
Scene shapes(const SceneParams& p, GlyphAtlas& atlas);
Scene popout(const SceneParams& p, GlyphAtlas& atlas);
Scene street(const SceneParams& p, GlyphAtlas& atlas);
Scene relations(const SceneParams& p, GlyphAtlas& atlas);
// details.cpp
Scene popout_orientation(const SceneParams& p, GlyphAtlas& atlas);
Scene popout_size(const SceneParams& p, GlyphAtlas& atlas);
Scene popout_absence(const SceneParams& p, GlyphAtlas& atlas);
Scene popout_clutter(const SceneParams& p, GlyphAtlas& atlas);
Scene lone_dot(const SceneParams& p, GlyphAtlas& atlas);
Scene clock_room(const SceneParams& p, GlyphAtlas& atlas);
Scene panorama(const SceneParams& p, GlyphAtlas& atlas);
Scene mosaic(const SceneParams& p, GlyphAtlas& atlas);
Scene billboard(const SceneParams& p, GlyphAtlas& atlas);
// adversarial.cpp
Scene adversarial(const SceneParams& p, GlyphAtlas& atlas);
// controls.cpp
Scene noise_text_blank(const SceneParams& p, GlyphAtlas& atlas);
Scene painting(const SceneParams& p, GlyphAtlas& atlas);
Scene gradient(const SceneParams& p, GlyphAtlas& atlas);
Scene xray(const SceneParams& p, GlyphAtlas& atlas);
Scene face_wall(const SceneParams& p, GlyphAtlas& atlas);
Scene eight_queries(const SceneParams& p, GlyphAtlas& atlas);
// video.cpp
Scene video(const SceneParams& p, GlyphAtlas& atlas);
}  // namespace arrcoc::scenes
