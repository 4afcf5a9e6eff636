#include "scene.hpp"

#include <algorithm>
#include <array>

#include "scenarios.hpp"

namespace arrcoc::scenes {
namespace {
struct Entry { std::string_view name; Scene (*draw)(const SceneParams&, GlyphAtlas&); };
constexpr std::array<Entry, 10> entries{{{"receipt", receipt}, {"form", form}, {"formula", formula}, {"tiger", tiger}, {"camouflage", camouflage},
                                         {"page", page}, {"shapes", shapes}, {"popout", popout}, {"street", street}, {"relations", relations}}};
}  // namespace

const std::vector<std::string>& scenario_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> v;
    for (const Entry& e : entries) v.emplace_back(e.name);
    return v;
  }();
  return names;
}

Scene make_scene(const SceneParams& p, GlyphAtlas& atlas) {
  require_that(p.height >= 128 && p.width >= 128 && p.height <= 8192 && p.width <= 8192, Code::bad_config, "scenes",
               [&] { return "size: expected 128 to 8192 px a side, got " + std::to_string(p.height) + "x" + std::to_string(p.width); });
  const auto it = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.name == p.scenario; });
  require_that(it != entries.end(), Code::unknown_strategy, "scenes", [&] {
    std::string known;
    for (const Entry& e : entries) known += (known.empty() ? "" : ", ") + std::string(e.name);
    return "unknown scenario '" + p.scenario + "'; expected one of " + known; });
  return it->draw(p, atlas);
}

}  // namespace arrcoc::scenes
