// Pictures of every container. The input's length chooses what is done with alpha and EXIF.
#include "arrcoc/io/dataset.hpp"
#include "arrcoc/io/image_file.hpp"
#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::refuse_or_take([&] {
    std::vector<std::string> unused;
    io::DecodeOptions options;
    options.alpha = static_cast<io::Alpha>(size % 3);
    options.exif = size % 2 == 0;
    options.max_pixels = 1 << 20;
    options.unused = &unused;
    (void)io::header_size(fuzz::text_of(data, size));
    const Image image = io::decode_image({reinterpret_cast<const std::byte*>(data), size}, options, "fuzz");
    fuzz::must(image.height > 0 && image.width > 0 && image.height * image.width <= options.max_pixels,
               "a size that was not asked for");
    fuzz::must(image.rgb.size() == static_cast<std::size_t>(image.height * image.width * 3), "pixels are missing");
  });
  return 0;
}
