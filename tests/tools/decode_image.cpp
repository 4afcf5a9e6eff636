// Decodes pictures as the library does and writes raw RGB, for comparison with other decoders.
//   decode_image white|drop|exif [resize HxW torchvision|pillow|pillow13] IN OUT   ->   "HEIGHT WIDTH" on stdout, bytes in OUT
#include <cstdio>
#include <string>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/qwen3vl/resize.hpp"

int main(int argc, char** argv) {
  using namespace arrcoc;
  std::vector<std::string> a(argv + 1, argv + argc);
  if (a.size() != 3 && a.size() != 6) return 2;
  try {
    io::DecodeOptions o;
    o.alpha = a[0] == "drop" ? io::Alpha::drop : io::Alpha::white;
    o.exif = a[0] == "exif";
    Image image = io::read_image(a[a.size() - 2], o);
    if (a.size() == 6) {
      const auto x = a[2].find('x');
      image = qwen3vl::resize_bicubic(image.view(), std::stol(a[2].substr(0, x)), std::stol(a[2].substr(x + 1)),
                                      a[3] == "pillow" ? qwen3vl::Resize::pillow : a[3] == "pillow13" ? qwen3vl::Resize::pillow13 : qwen3vl::Resize::torchvision);
    }
    io::write_file(a.back(), std::string_view(reinterpret_cast<const char*>(image.rgb.data()), image.rgb.size()));
    std::printf("%ld %ld\n", static_cast<long>(image.height), static_cast<long>(image.width));
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return e.exit_status();
  }
}
