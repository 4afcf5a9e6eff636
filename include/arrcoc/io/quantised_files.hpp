#pragma once
// Matrices in int8 or int4 kept beside a model, a file for each use and form: FOLDER/quantised/layers-int8.safetensors
// (docs/formats.md). They stand for weight files of certain names, sizes and times, and for no others.
#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/weight_format.hpp"
#include "arrcoc/io/safetensors.hpp"

namespace arrcoc::io {

/// Where the file of a use and form lies beside the model in `folder`.
std::filesystem::path quantised_file(const std::filesystem::path& folder, WeightUse use, WeightFormat format);

class QuantisedFiles {
 public:
  QuantisedFiles() = default;
  /// Maps those of the files of `formats` that are there and were made of the weights that `identity` names
  /// (ModelFolder). Error 402, 403 for one that cannot be read, Error{bad_weight} for one of another form.
  QuantisedFiles(const std::filesystem::path& folder, std::string_view identity, const WeightFormats& formats);

  /// The matrix [out, in]; no bytes where no file is in use. Error{bad_weight} where the file lacks it, has it in other
  /// sizes, or has a scale that is not finite.
  FormBytes find(std::string_view name, WeightUse use, WeightFormat format, Index out, Index in) const;
  /// A file is in use: whoever made it has read every value of the weights, and found all finite.
  bool any() const { return !used_.empty(); }
  /// Names of the files in use, from the model's folder on.
  const std::vector<std::string>& used() const { return used_; }
  /// A phrase for each file that is there and not in use, for it was made of other weights, or by another rule.
  const std::vector<std::string>& unused() const { return unused_; }

 private:
  void open(const std::filesystem::path& folder, std::string_view identity, WeightUse use, WeightFormat format);

  std::array<std::shared_ptr<const SafetensorsFile>, weight_use_names.size()> files_{};
  std::array<std::string, weight_use_names.size()> paths_{};
  std::vector<std::string> used_, unused_;
};

struct QuantisedMatrix {
  std::string name;
  Index out = 0, in = 0;
};

/// Writes the file of a use and form, matrix by matrix as `make(i)` gives them; scales stay in memory until the end.
/// Makes the folder. Returns its bytes. Error{bad_output}.
Index write_quantised(const std::filesystem::path& folder, std::string_view identity, WeightUse use,
                      WeightFormat format, std::span<const QuantisedMatrix> matrices,
                      const std::function<FormBytes(std::size_t)>& make);

}  // namespace arrcoc::io
