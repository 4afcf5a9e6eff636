// A line of `tokenize`: a text or ids.
#include "arrcoc/io/jsonl.hpp"

#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto line = fuzz::text_of(data, size);
  fuzz::refuse_or_take([&] {
    const std::string text = io::parse_string_line(line, 1, "fuzz");
    fuzz::must(io::parse_string_line(io::string_line(text), 1, "fuzz") == text, "a text that does not read back");
  });
  fuzz::refuse_or_take([&] {
    const auto ids = io::parse_ids_line(line, 1, "fuzz");
    fuzz::must(io::parse_ids_line(io::ids_line(ids), 1, "fuzz") == ids, "ids that do not read back");
  });
  return 0;
}
