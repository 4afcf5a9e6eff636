// The tokenizer on the small stored vocabulary, or on a model's: ARRCOC_BENCH_MODEL names its folder. Bytes a second
// are of the text; Complexity is in bytes and must come out at most N log N for each kind of text.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <iostream>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/chat_template.hpp"
#include "arrcoc/io/tokenizer.hpp"

using namespace arrcoc;

namespace {

std::string repeated(std::string_view unit, std::size_t bytes) {
  std::string text;
  while (text.size() + unit.size() <= bytes) text += unit;
  return text;
}

void encode(benchmark::State& state, const io::Tokenizer& tokenizer, std::string_view unit) {
  const std::string text = repeated(unit, static_cast<std::size_t>(state.range(0)));
  std::size_t tokens = 0;
  for (auto _ : state) {
    const std::vector<TokenId> ids = tokenizer.encode(text);
    tokens = ids.size();
    benchmark::DoNotOptimize(ids.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
  state.counters["tokens"] = static_cast<double>(tokens);
  state.SetComplexityN(state.range(0));
}

void decode(benchmark::State& state, const io::Tokenizer& tokenizer) {
  const std::vector<TokenId> ids = tokenizer.encode(
      repeated("The map shows a river, two bridges and 3 mills. ", static_cast<std::size_t>(state.range(0))));
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.decode(ids));
  state.SetItemsProcessed(static_cast<std::int64_t>(ids.size()) * state.iterations());
  state.SetComplexityN(state.range(0));
}

void prompt(benchmark::State& state, const io::Tokenizer& tokenizer) {
  const std::vector<io::Message> messages = {
      {"user",
       {{io::ContentPart::Kind::image, {}},
        {io::ContentPart::Kind::text, "What is written on the sign above the door?"}}}};
  const std::vector<Grid> grids = {{state.range(0), state.range(0)}};
  for (auto _ : state)
    benchmark::DoNotOptimize(io::build_prompt(messages, grids, tokenizer, ModelConfig{}, io::ChatTemplate::instruct));
}

}  // namespace

int main(int argc, char** argv) try {
  benchmark::Initialize(&argc, argv);
  const char* chosen = std::getenv("ARRCOC_BENCH_MODEL");
  const std::string folder = chosen != nullptr ? chosen : "tests/golden/tokenizer";
  const io::Tokenizer tokenizer = io::Tokenizer::from_folder(folder);
  benchmark::RegisterBenchmark("tokenizer/load", [folder](benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(io::Tokenizer::from_folder(folder).size());
  })->Unit(benchmark::kMillisecond);
  const std::pair<const char*, const char*> kinds[] = {{"prose", "The map shows a river, two bridges and 3 mills. "},
                                                       {"one_letter", "a"},
                                                       {"spaces", " "},
                                                       {"newlines", "\n"},
                                                       {"marks", "\u0301\u0323"},
                                                       {"ideographs", "\u6cb3\u6d41\u5728\u6865\u4e0b"},
                                                       {"almost_special", "<|im_"}};
  for (const auto& kind : kinds) {
    const std::string unit = kind.second;
    benchmark::RegisterBenchmark((std::string("tokenizer/encode/") + kind.first).c_str(),
                                 [&tokenizer, unit](benchmark::State& state) { encode(state, tokenizer, unit); })
        ->RangeMultiplier(16)
        ->Range(1 << 8, 1 << 20)
        ->Complexity(benchmark::oNLogN)
        ->Unit(benchmark::kMicrosecond);
  }
  benchmark::RegisterBenchmark("tokenizer/decode", [&tokenizer](benchmark::State& state) { decode(state, tokenizer); })
      ->RangeMultiplier(16)
      ->Range(1 << 8, 1 << 20)
      ->Complexity(benchmark::oN)
      ->Unit(benchmark::kMicrosecond);
  benchmark::RegisterBenchmark("tokenizer/prompt", [&tokenizer](benchmark::State& state) { prompt(state, tokenizer); })
      ->Arg(8)
      ->Arg(32)
      ->Arg(128)
      ->Unit(benchmark::kMicrosecond);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
} catch (const Error& e) {
  std::cerr << e.what() << '\n';
  return e.exit_status();
}
