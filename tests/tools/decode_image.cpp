// Picture preparation as the library does it, for comparison with other programs.
//   decode_image white|drop|rgba|exif|path [resize HxW torchvision|pillow|pillow13|qwen-vl-utils
//   bicubic|bilinear|lanczos] IN OUT
//     "HEIGHT WIDTH" on stdout, RGB bytes in OUT
//   decode_image patches PATCH TEMPORAL MERGE MIN MAX MEAN STD IN OUT.npy
//     smart resize (torchvision), patchify
//   decode_image places PATCH TEMPORAL MERGE MEAN STD ROWS COLS KIND PLACES.npy IN OUT.npy
//     place_pixels of places [N, 4] on a grid of ROWS x COLS tokens
//   decode_image sizes < lines of "H W FACTOR MIN MAX"
//     "H W", or "error", a line each
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/io/npy.hpp"
#include "arrcoc/qwen3vl/patchify.hpp"
#include "arrcoc/qwen3vl/place_pixels.hpp"
#include "arrcoc/qwen3vl/resize.hpp"
#include "arrcoc/qwen3vl/smart_resize.hpp"

using namespace arrcoc;

namespace {

qwen3vl::Resize resize_named(const std::string& name) {
  return name == "pillow"          ? qwen3vl::Resize::pillow
         : name == "pillow13"      ? qwen3vl::Resize::pillow13
         : name == "qwen-vl-utils" ? qwen3vl::Resize::qwen_vl_utils
                                   : qwen3vl::Resize::torchvision;
}
Resampling filter_named(const std::string& name) {
  return name == "bilinear" ? Resampling::bilinear : name == "lanczos" ? Resampling::lanczos : Resampling::bicubic;
}

/// Means and deviations differ by channel, so that none can be taken for another.
PreprocessConfig by_channel(const std::string& mean, const std::string& deviation) {
  PreprocessConfig c;
  for (std::size_t k = 0; k < 3; ++k) {
    c.mean[k] = std::stod(mean) + 0.01 * static_cast<double>(k);
    c.std_dev[k] = std::stod(deviation) + 0.01 * static_cast<double>(k);
  }
  return c;
}

void decode(const std::vector<std::string>& a) {
  io::DecodeOptions o;
  std::vector<std::string> unused;
  o.alpha = a[0] == "drop" || a[0] == "path" ? io::Alpha::drop : a[0] == "rgba" ? io::Alpha::rgba : io::Alpha::white;
  o.exif = a[0] == "exif" || a[0] == "path";
  o.unused = &unused;
  Image image = io::read_image(a[a.size() - 2], o);
  for (const std::string& what : unused) std::fprintf(stderr, "%s\n", what.c_str());
  if (a.size() == 7) {
    const auto x = a[2].find('x');
    image = qwen3vl::resize(image.view(), std::stol(a[2].substr(0, x)), std::stol(a[2].substr(x + 1)),
                            resize_named(a[3]), filter_named(a[4]));
  }
  io::write_file(a.back(), std::string_view(reinterpret_cast<const char*>(image.rgb.data()), image.rgb.size()));
  std::printf("%ld %ld\n", static_cast<long>(image.height), static_cast<long>(image.width));
}

void patches(const std::vector<std::string>& a) {
  VisionConfig v;
  v.patch_size = std::stol(a[1]);
  v.temporal_patch_size = std::stol(a[2]);
  v.spatial_merge_size = std::stol(a[3]);
  PreprocessConfig c = by_channel(a[6], a[7]);
  c.min_pixels = std::stol(a[4]);
  c.max_pixels = std::stol(a[5]);
  const Image image = io::read_image(a[8]);
  const auto size =
      qwen3vl::smart_resize(image.height, image.width, v.patch_size * v.spatial_merge_size, c.min_pixels, c.max_pixels);
  const auto rows = qwen3vl::patchify(qwen3vl::resize_bicubic(image.view(), size.height, size.width).view(), v, c);
  const Grid grid = qwen3vl::merged_grid(size.height, size.width, v);
  io::write_npy(a[9],
                host_tensor(rows, {grid.count() * v.spatial_merge_size * v.spatial_merge_size, v.patch_values()}));
}

void places(const std::vector<std::string>& a) {
  VisionConfig v;
  v.patch_size = std::stol(a[1]);
  v.temporal_patch_size = std::stol(a[2]);
  v.spatial_merge_size = std::stol(a[3]);
  const HostTensor listed = io::read_npy(a[9]);
  std::vector<Place> all;
  for (Index i = 0; i < listed.dim(0); ++i) {
    const float* p = listed.floats().data() + 4 * i;
    all.push_back({p[0], p[1], p[2], p[3]});
  }
  const Image image = io::read_image(a[10]);
  const qwen3vl::Pixels out = qwen3vl::place_pixels(image.view(), {std::stol(a[6]), std::stol(a[7])}, std::move(all), v,
                                                    by_channel(a[4], a[5]), resize_named(a[8]));
  io::write_npy(a[11],
                host_tensor(out.rows, {static_cast<Index>(out.rows.size()) / v.patch_values(), v.patch_values()}));
}

void sizes() {
  for (Index h, w, factor, least, most; std::cin >> h >> w >> factor >> least >> most;) {
    try {
      const auto s = qwen3vl::smart_resize(h, w, factor, least, most);
      std::printf("%ld %ld\n", static_cast<long>(s.height), static_cast<long>(s.width));
    } catch (const Error&) { std::puts("error"); }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> a(argv + 1, argv + argc);
  try {
    if (a.size() == 1 && a[0] == "sizes") sizes();
    else if (a.size() == 10 && a[0] == "patches") patches(a);
    else if (a.size() == 12 && a[0] == "places") places(a);
    else if (a.size() == 3 || a.size() == 7) decode(a);
    else return 2;
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return e.exit_status();
  }
}
