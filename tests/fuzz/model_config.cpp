// config.json, generation_config.json, preprocessor_config.json, video_preprocessor_config.json, parted by 0x1e.
#include "arrcoc/core/model_config.hpp"

#include "arrcoc/io/model_folder.hpp"
#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  fuzz::refuse_or_take([&] {
    const auto input = fuzz::parts(fuzz::text_of(data, size), 4);
    folder.put("config.json", input[0]);
    folder.put("generation_config.json", input[1]);
    folder.put("preprocessor_config.json", input[2]);
    folder.put("video_preprocessor_config.json", input[3]);
    (void)io::read_model_config(folder.path);
  });
  return 0;
}
