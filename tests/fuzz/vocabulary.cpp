// vocab.json, merges.txt, added_tokens.json, tokenizer_config.json and a text, parted by 0x1e.
#include "arrcoc/io/tokenizer.hpp"
#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  fuzz::refuse_or_take([&] {
    const auto input = fuzz::parts(fuzz::text_of(data, size), 5);
    folder.put("vocab.json", input[0]);
    folder.put("merges.txt", input[1]);
    folder.put("added_tokens.json", input[2]);
    folder.put("tokenizer_config.json", input[3]);
    const auto tokenizer = io::Tokenizer::from_folder(folder.path);
    (void)tokenizer.decode(tokenizer.encode(input[4]));
  });
  return 0;
}
