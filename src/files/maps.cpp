// Maps from .npy files, for textures and scorers.
#include <algorithm>

#include "arrcoc/core/check_finite.hpp"
#include "arrcoc/core/split.hpp"
#include "arrcoc/io/npy.hpp"
#include "arrcoc/registry/learned.hpp"

namespace arrcoc {

Plane<float> read_map(const std::filesystem::path& file) {
  const HostTensor t = io::read_npy(file);
  require_that(t.shape.size() == 2 && t.shape[0] > 0 && t.shape[1] > 0, Code::bad_array, file.string(),
               [&] { return "expected a map [rows, cols], got " + shape_text(t.shape); });
  Plane<float> out(t.shape[0], t.shape[1]);
  const auto copy = [&](const auto* from) {
    for (std::size_t i = 0; i < out.values.size(); ++i) out.values[i] = static_cast<float>(from[i]);
  };
  switch (t.dtype) {
    case DType::f32: check_finite(file.string(), t), copy(reinterpret_cast<const float*>(t.data)); break;
    case DType::i32: copy(reinterpret_cast<const std::int32_t*>(t.data)); break;
    case DType::i64: copy(reinterpret_cast<const std::int64_t*>(t.data)); break;
    case DType::u8: copy(reinterpret_cast<const std::uint8_t*>(t.data)); break;
    default: fail(Code::bad_array, file.string(), "expected numbers f4, i4, i8 or u1");
  }
  return out;
}

TextureMaps read_maps(std::string_view text, const std::vector<std::string>& known) {
  TextureMaps out;
  for (const std::string& pair : split(text, '+')) {
    const auto equals = pair.find('=');
    require_that(equals != std::string::npos && equals > 0, Code::bad_config, "texture.maps",
                 [&] { return "expected CHANNEL=FILE.npy, joined by +, got '" + pair + "'"; });
    const std::string channel = pair.substr(0, equals);
    require_that(std::find(known.begin(), known.end(), channel) != known.end(), Code::bad_config, "texture.maps",
                 [&] { return "no channel is named '" + channel + "'" + nearest_names(channel, known); });
    require_that(out.emplace(channel, read_map(pair.substr(equals + 1))).second, Code::bad_config, "texture.maps",
                 [&] { return "channel '" + channel + "' stands twice"; });
  }
  return out;
}

}  // namespace arrcoc
