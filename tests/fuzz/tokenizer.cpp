// tokenizer.json, then (behind 0x1e) a text that is encoded and decoded.
#include "arrcoc/io/tokenizer.hpp"

#include <algorithm>

#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::refuse_or_take([&] {
    const auto input = fuzz::parts(fuzz::text_of(data, size), 2);
    const auto tokenizer = io::Tokenizer::from_json(input[0], "fuzz");
    for (TokenId id = 0; id < std::min<Index>(tokenizer.size(), 300); ++id)
      fuzz::refuse_or_take([&] { (void)tokenizer.decode({id}, true); });
    std::size_t before = 0;
    for (const io::TokenAt& t : tokenizer.encode_at(input[1])) {
      fuzz::must(t.begin >= before && t.begin <= input[1].size(), "a token that begins nowhere");
      before = t.begin;
    }
    const auto ids = tokenizer.encode(input[1], false);
    io::StreamDecoder stream(tokenizer, false);
    std::string streamed;
    for (const TokenId id : ids) streamed += stream.push(id);
    fuzz::must(streamed + stream.finish() == tokenizer.decode(ids), "a stream that says something else");
  });
  return 0;
}
