// The name of a pipeline, and (behind 0x1e) a path and a value of one more setting.
#include "arrcoc/registry/grammar.hpp"

#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::parts(fuzz::text_of(data, size), 3);
  fuzz::refuse_or_take([&] {
    PipelineSpec spec = parse_pipeline_name(input[0]);
    const auto name_of = [](const PipelineSpec& s) { return s.budget ? full_name(s, *s.budget) : full_name(s); };
    PipelineSpec again = parse_pipeline_name(name_of(spec));
    fuzz::must(name_of(again) == name_of(spec), "a name that is another when it was read back");
    spec.settings = again.settings;  // a name leaves out values that it cannot hold
    fuzz::must(again == spec, "a name that does not read back");
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
