#include "channel_lines.hpp"

#include <algorithm>
#include <filesystem>

#include "arrcoc/core/split.hpp"
#include "arrcoc/engine/engine.hpp"
#include "arrcoc/texture/channels/catalogue.hpp"

namespace arrcoc::tools {
namespace {

struct ChannelLine {
  std::string_view name, is;
};
constexpr ChannelLine lines[] = {
    {"red", "mean red / 255"},
    {"green", "mean green / 255"},
    {"blue", "mean blue / 255"},
    {"row", "the place's centre, down / grid"},
    {"col", "the place's centre, across / grid"},
    {"edge_x", "mean |gx| / 1020: vertical strokes and borders"},
    {"edge_y", "mean |gy| / 1020: horizontal ones"},
    {"coherence", "1 on a straight rule, near 0 on text, grain and blank"},
    {"colour_contrast", "colour against rings of 1, 2 and 4 cells"},
    {"intensity_contrast", "luma against rings of 1, 2 and 4 cells"},
    {"orientation_contrast", "direction of edges against rings of 1, 2 and 4 cells"},
    {"cluster_distance", "distance from the picture's main colours"},
    {"edge_entropy", "how mixed flat, weak and strong edges are"},
    {"luma", "mean luma / 255"},
    {"saturation", "mean of largest - smallest of the three colours"},
    {"lab_l", "CIELAB lightness of the mean light"},
    {"lab_a", "CIELAB green to red"},
    {"lab_b", "CIELAB blue to yellow"},
    {"eccentricity", "distance from the picture's middle / the corner's"},
    {"polar_angle", "angle around the middle, 1/2 to the right, 3/4 above"},
    {"sobel_x", "mean gradient across, signed: the two sides of a stroke cancel"},
    {"sobel_y", "mean gradient down, signed"},
    {"sobel_abs", "mean size of the gradient, |gx| + |gy|"},
    {"sobel_magnitude", "mean length of the gradient"},
    {"orientation", "main direction of the edges / pi"},
    {"corner", "edges in two directions at once"},
    {"local_variance", "root of the mean variance in 5 x 5 pixels"},
    {"intensity_entropy", "entropy of 32 bins of luma"},
    {"gradient_entropy", "entropy of 9 bins of edge strength that double"},
    {"spectral_residual", "what the log spectrum has beyond its local mean"},
    {"gabor_0", "vertical strokes, wavelength 4 pixels"},
    {"gabor_45", "strokes at 45 degrees"},
    {"gabor_90", "horizontal strokes"},
    {"gabor_135", "strokes at 135 degrees"},
    {"on_dog", "lighter than its surroundings"},
    {"off_dog", "darker than its surroundings"},
    {"black_hat", "dark strokes up to 8 pixels wide, on any ground"},
    {"top_hat", "light strokes up to 8 pixels wide, on any ground"},
    {"stroke_width", "width of the strokes in pixels / 9"},
    {"text_likeness", "thin strokes that begin often in both directions"},
    {"edge_distance", "mean distance to the nearest strong edge / the longer side"},
    {"slic_distance", "distance from the middle of its superpixel"},
    {"slic_size", "size of its superpixel"},
    {"slic_contrast", "its superpixel's colour against the picture's mean"},
    {"duplicate_block", "1 where an equal box came before"},
    {"temporal_difference",
     "mean change of luma in a clip; of a picture from a file: maps=temporal_difference=FILE.npy"},
    {"flow", "how far the cell moved in a clip, in cells; of a picture from a file: maps=flow=FILE.npy"},
    {"depth", "from a file alone: maps=depth=FILE.npy"},
    {"mask", "from a file alone: maps=mask=FILE.npy"},
    {"attention", "what a vision model looks at, from a file alone: maps=attention=FILE.npy"},
    {"saliency_1", "sobel_magnitude again (the sketch's fault)"},
    {"saliency_2", "sobel_magnitude again (the sketch's fault)"},
    {"saliency_3", "sobel_magnitude again (the sketch's fault)"},
    {"colour_variance", "variance of the cell's three colours: its saturation"},
    {"colour_mean", "mean of the cell's three colours"},
    {"saliency", "sobel_magnitude again (the sketch's fault)"},
    {"luminance", "lab_l again (the sketch's fault)"},
};

std::string line_of(const std::string& channel) {
  const std::string base = channel.substr(0, channel.find('.'));
  const auto at =
      std::find_if(std::begin(lines), std::end(lines), [&](const ChannelLine& l) { return l.name == base; });
  std::string text = "    " + channel;
  if (at == std::end(lines)) return text + "\n";
  text += std::string(channel.size() < 20 ? 21 - channel.size() : 1, ' ') + std::string(at->is);
  if (base != channel) text += ", over a box " + channel.substr(base.size() + 1) + " times as high and wide";
  return text + "\n";
}

/// The channels of a small picture: a texture's names are known when it is made.
std::vector<std::string> channels_of(const Entry& texture, const std::vector<std::string>& plugins) {
  const Image small(32, 32);
  EvidenceRequest r;
  r.picture = small.view();
  r.grid = {1, 1};
  r.pipeline = parse_pipeline_name(texture.name + "/contrast/fixed/full/gather");
  r.plugins.assign(plugins.begin(), plugins.end());
  return allocate_evidence(r).realized.textures->channels;
}

}  // namespace

std::string channel_lines(const Entry& texture, const std::vector<std::string>& plugins) {
  const bool any = std::any_of(texture.settings.begin(), texture.settings.end(),
                               [](const ConfigField& f) { return f.path == "channels"; });
  std::string text =
      any ? "  channels to choose from, each also as NAME.3, .5, .7, .9 over a box so many times as large\n"
          : "  channels\n";
  for (const std::string& c : any ? texture::channel_names() : channels_of(texture, plugins)) text += line_of(c);
  if (any)
    for (const texture::ChannelSet& s : texture::sets)
      text += "    " + std::string(s.name) + std::string(21 - s.name.size(), ' ') + "a set of " +
              std::to_string(split(s.channels, '+').size()) + "\n";
  return text;
}

}  // namespace arrcoc::tools
