#pragma once
// The questions about one picture through every column of a sweep.
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "arrcoc/io/dataset.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/measure/vqa.hpp"
#include "arrcoc/sweep/sweep.hpp"

namespace arrcoc {

/// Questions that name the same pictures, in the order of the file.
using PictureQuestions = std::vector<const io::Sample*>;
std::vector<PictureQuestions> by_picture(const std::vector<io::Sample>& samples);

struct PictureRows {
  std::vector<SweepRow> rows;                 // question by question, column by column
  std::vector<std::vector<StageTime>> times;  // of each row
  std::vector<StageTime> shared;              // of the pictures: decode_image, resize, vision
  bool cancelled = false;
};

class SweepRunner {
 public:
  /// `shared`: what every question has in common; its pictures are filled in here.
  SweepRunner(Engine& engine, std::vector<SweepColumn> columns, AnswerRequest shared, io::DecodeOptions decode,
              bool model_free, bool share_prefix)
      : engine_(engine),
        columns_(std::move(columns)),
        shared_(std::move(shared)),
        decode_(decode),
        model_free_(model_free),
        share_prefix_(share_prefix) {}
  PictureRows run(const PictureQuestions& questions);
  /// run(); where data end in an error, each question alone, and a row with the reason for each column of those that
  /// still fail. Errors of the machine, the model and the strategies pass through.
  PictureRows run_or_explain(const PictureQuestions& questions);
  /// Whose rules score; the default is measure::Flavour::vlmevalkit.
  void score_by(measure::Flavour flavour) { flavour_ = flavour; }
  const std::vector<SweepColumn>& columns() const { return columns_; }

 private:
  struct Slot;
  using InkMaps = std::map<std::tuple<std::size_t, bool, Index, Index>, std::vector<double>>;  // picture, framed, grid
  std::vector<Slot> slots(const PictureQuestions& questions) const;
  SweepRow begun_row(const io::Sample& sample, const SweepColumn& column) const;
  SweepRow row_of(const Slot& slot, const AnswerResult& result, InkMaps& inks) const;

  Engine& engine_;
  std::vector<SweepColumn> columns_;
  AnswerRequest shared_;
  io::DecodeOptions decode_;
  bool model_free_, share_prefix_;
  measure::Flavour flavour_ = measure::Flavour::vlmevalkit;
};

}  // namespace arrcoc
