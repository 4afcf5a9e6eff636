#include "arrcoc/io/quantised_files.hpp"

#include <algorithm>

#include "arrcoc/core/check_finite.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "files/json_util.hpp"

namespace arrcoc::io {
namespace {

namespace fs = std::filesystem;

/// Of the rule by which core/weight_format.hpp rounds; another number makes all files stale.
constexpr std::string_view rule = "1";
/// Where a part of the file begins; the tail is as long as a block that readers of int4 may read past the end.
constexpr Index part_alignment = 64, tail_bytes = 512;

constexpr std::size_t place_of(WeightUse use) { return static_cast<std::size_t>(use); }

std::string base_name(WeightUse use, WeightFormat format) {
  return std::string(name_of(use)) + "-" + std::string(name_of(format)) + ".safetensors";
}

/// Shapes and dtypes of a matrix's two tensors.
std::pair<PlannedTensor, PlannedTensor> tensors_of(const QuantisedMatrix& m, WeightFormat format) {
  const Index groups = (m.in + scale_group - 1) / scale_group;
  const bool wide = format == WeightFormat::int8;
  return {{m.name + ".codes", wide ? "I8" : "U32", {m.out, wide ? m.in : groups * 4}, code_bytes(format, m.out, m.in)},
          {m.name + ".scales", wide ? "F32" : "BF16",
           wide ? std::vector<Index>{m.out} : std::vector<Index>{m.out, groups}, scale_bytes(format, m.out, m.in)}};
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

fs::path quantised_file(const fs::path& folder, WeightUse use, WeightFormat format) {
  return folder / "quantised" / base_name(use, format);
}

QuantisedFiles::QuantisedFiles(const fs::path& folder, std::string_view identity, const WeightFormats& formats) {
  for (const WeightUse use : {WeightUse::tower, WeightUse::layer, WeightUse::head})
    if (const WeightFormat f = formats.of(use); f == WeightFormat::int8 || f == WeightFormat::int4)
      open(folder, identity, use, f);
}

void QuantisedFiles::open(const fs::path& folder, std::string_view identity, WeightUse use, WeightFormat format) {
  const fs::path path = quantised_file(folder, use, format);
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(path, ignored))) return;
  auto file = std::make_shared<const SafetensorsFile>(SafetensorsFile::open(path));
  const std::string name = "quantised/" + path.filename().string();
  const auto said = [&](std::string_view key) {
    const auto it = file->metadata().find(key);
    return it == file->metadata().end() ? std::string() : it->second;
  };
  require_that(said("arrcoc_form") == name_of(format) && said("arrcoc_use") == name_of(use), Code::bad_weight,
               path.string(), [&] {
                 return "expected a file of `arrcoc quantise` that holds the " + std::string(name_of(use)) + " in " +
                        std::string(name_of(format)) + ", got " +
                        (said("arrcoc_form").empty()
                             ? "another"
                             : printable(said("arrcoc_use"), 40) + " in " + printable(said("arrcoc_form"), 40));
               });
  const bool same_rule = said("arrcoc_rule") == rule;
  if (!same_rule || said("arrcoc_weights") != identity) {
    unused_.push_back(name + ", made " + (same_rule ? "of other weights" : "by another rule") +
                      " (arrcoc quantise makes it anew)");
    return;
  }
  files_[place_of(use)] = std::move(file);
  paths_[place_of(use)] = path.string();
  used_.push_back(name);
}

FormBytes QuantisedFiles::find(std::string_view name, WeightUse use, WeightFormat format, Index out, Index in) const {
  const auto& file = files_[place_of(use)];
  if (!file) return {};
  const std::string& where = paths_[place_of(use)];
  const auto [codes, scales] = tensors_of({std::string(name), out, in}, format);
  FormBytes found;
  for (const PlannedTensor* t : {&codes, &scales}) {
    const auto it = file->entries().find(t->name);
    require_that(
        it != file->entries().end() && it->second.dtype == t->dtype && it->second.shape == t->shape, Code::bad_weight,
        where, [&] {
          return printable(t->name) + ": expected " + t->dtype + " " + shape_text(t->shape) + ", got " +
                 (it == file->entries().end() ? "none" : it->second.dtype + " " + shape_text(it->second.shape)) +
                 "; arrcoc quantise makes the file anew";
        });
    (t == &codes ? found.codes : found.scales) = file->bytes(t->name);
  }
  // Behind a matrix stands as much as readers take in one piece.
  const auto tail = file->bytes("tail");
  require_that(static_cast<Index>(tail.size()) == tail_bytes && tail.data() > found.codes.data() &&
                   tail.data() > found.scales.data(),
               Code::bad_weight, where, "expected a tail behind all tensors; arrcoc quantise makes the file anew");
  check_finite(scales.name,
               {format == WeightFormat::int8 ? DType::f32 : DType::bf16, scales.shape, found.scales.data(), nullptr});
  found.owner = file;
  return found;
}

Index write_quantised(const fs::path& folder, std::string_view identity, WeightUse use, WeightFormat format,
                      std::span<const QuantisedMatrix> matrices, const std::function<FormBytes(std::size_t)>& make) {
  std::vector<PlannedTensor> codes, scales;
  Index place = 0, total = 0;
  for (const QuantisedMatrix& m : matrices) {
    auto [c, s] = tensors_of(m, format);
    place += c.bytes;
    total += s.bytes;
    codes.push_back(std::move(c));
    scales.push_back(std::move(s));
  }
  const Index gap = (part_alignment - place % part_alignment) % part_alignment;
  codes.push_back({"gap", "U8", {gap}, gap});
  codes.insert(codes.end(), scales.begin(), scales.end());
  codes.push_back({"tail", "U8", {tail_bytes}, tail_bytes});
  const fs::path path = quantised_file(folder, use, format);
  std::error_code bad;
  fs::create_directories(path.parent_path(), bad);
  require_that(!bad, Code::bad_output, path.parent_path().string(), [&] { return "cannot be made: " + bad.message(); });
  const SafetensorsMetadata said{{"format", "pt"},
                                 {"arrcoc_form", std::string(name_of(format))},
                                 {"arrcoc_use", std::string(name_of(use))},
                                 {"arrcoc_rule", std::string(rule)},
                                 {"arrcoc_weights", std::string(identity)}};
  write_safetensors_parts(path, said, codes, part_alignment, [&](const PartSink& out) {
    std::string kept;
    kept.reserve(static_cast<std::size_t>(total));
    for (std::size_t i = 0; i < matrices.size(); ++i) {
      const FormBytes m = make(i);
      out(text_of(m.codes));
      kept += text_of(m.scales);
    }
    out(std::string(static_cast<std::size_t>(gap), '\0'));
    out(kept);
    out(std::string(static_cast<std::size_t>(tail_bytes), '\0'));
  });
  return place + gap + total + tail_bytes;
}

}  // namespace arrcoc::io
