#pragma once
// A run's answers in the files that other toolkits score.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/io/dataset.hpp"
#include "arrcoc/sweep/sweep.hpp"

namespace arrcoc {

/// vlmevalkit: the TSV of its predictions; lmms: lmms-eval's sample log; llava: LLaVA's answers; vqa2: VQA v2's
/// results.
inline constexpr std::string_view prediction_forms[] = {"vlmevalkit", "lmms", "llava", "vqa2"};

/// The rows of one column by its label ("default@64"); empty: the only one. Error{bad_usage} by `verb` that names
/// `flag` and lists the columns.
std::vector<SweepRow> rows_of_column(std::vector<SweepRow> rows, const std::string& label, std::string_view verb,
                                     std::string_view flag);

/// The whole file. `data` may be null; with it options, hints and categories are written too, and of a VLMEvalKit TSV
/// all columns but the picture, read again from its file. A row that failed says so, in VLMEvalKit's words in its TSV
/// and as an empty text elsewhere. Error{bad_usage} for an unknown form.
std::string predictions_text(const std::vector<SweepRow>& rows, std::string_view form, const std::string& model,
                             const io::Dataset* data);

}  // namespace arrcoc
