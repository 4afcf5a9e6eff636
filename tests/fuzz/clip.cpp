// Animations (GIF, WebP, APNG): every frame. Programs for videos are not run.
#include "arrcoc/io/clip_file.hpp"
#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  fuzz::refuse_or_take([&] {
    io::ClipOptions options;
    options.alpha = static_cast<io::Alpha>(size % 3);
    options.max_pixels = 1 << 18;
    options.ffmpeg = options.ffprobe = "/nonexistent/program";
    const auto first_and_last = [](Index total, double) {
      return total > 1 ? std::vector<Index>{0, total - 1} : std::vector<Index>{0};
    };
    const auto source = io::open_clip(file.with(fuzz::text_of(data, size)), first_and_last, options);
    const ClipInfo& info = source->info();
    fuzz::must(info.indices.size() == info.seconds.size(), "a frame without a time");
    for (std::size_t i = 0; i < info.indices.size(); ++i)
      fuzz::must(source->next().rgb.size() == static_cast<std::size_t>(info.height * info.width * 3),
                 "pixels are missing");
  });
  return 0;
}
