// The name of a pipeline, and (behind 0x1e) a path and a value of one more setting.
#include "arrcoc/registry/grammar.hpp"

#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::parts(fuzz::text_of(data, size), 3);
  fuzz::refuse_or_take([&] {
    const PipelineSpec spec = parse_pipeline_name(input[0]);
    const std::string name = spec.budget ? full_name(spec, *spec.budget) : full_name(spec);
    fuzz::must(parse_pipeline_name(name) == spec, "a name that does not read back");
  });
  fuzz::refuse_or_take([&] {
    (void)preset_pipeline(input[0]);
    (void)named_settings(input[0]);
    const std::string with = with_setting(input[0], input[1], input[2]);
    (void)preset_pipeline(with);
    (void)without_setting(with, input[1]);
  });
  fuzz::refuse_or_take([&] { (void)parse_depth(input[0], 3); });
  fuzz::refuse_or_take([&] { (void)parse_budget(input[0], "fuzz"); });
  return 0;
}
