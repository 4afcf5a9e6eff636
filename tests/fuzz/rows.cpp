// The rows of a run as `compare` and `report` read them.
#include "arrcoc/sweep/sweep.hpp"

#include "arrcoc/sweep/predictions.hpp"
#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  fuzz::refuse_or_take([&] {
    const auto rows = read_rows(file.with(fuzz::text_of(data, size)).string());
    fuzz::refuse_or_take([&] {
      const auto groups = summarise(rows);
      (void)summary_table(groups);
      (void)summary_csv(groups);
      (void)summary_json(groups, {});
      (void)axes_of(groups);
    });
    fuzz::refuse_or_take([&] { (void)compare_json(compare_runs(rows, rows)); });
    for (const auto form : prediction_forms)
      fuzz::refuse_or_take([&] { (void)predictions_text(rows, form, "fuzz", nullptr); });
  });
  return 0;
}
