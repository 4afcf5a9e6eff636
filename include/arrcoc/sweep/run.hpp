#pragma once
// The questions about one picture or clip through every column of a sweep.
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "arrcoc/io/dataset.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/measure/vqa.hpp"
#include "arrcoc/sweep/sweep.hpp"

namespace arrcoc {

/// Questions that name the same pictures, or the same clip by the same clock, in the order of the file.
using PictureQuestions = std::vector<const io::Sample*>;
std::vector<PictureQuestions> by_picture(const std::vector<io::Sample>& samples);

struct PictureRows {
  std::vector<SweepRow> rows;                 // question by question, column by column
  std::vector<std::vector<StageTime>> times;  // of each row
  std::vector<StageTime> shared;              // of the pictures: decode_image, resize, vision; of a clip frames, vision
  std::string maps;                           // lines of RUN/maps, where they are kept
  Index boxes_lost = 0;              // questions about a clip none of whose boxes is in a frame that is looked at
  Index encodings = 0, dropped = 0;  // how often the tower ran; how often its results made room for others
  bool cancelled = false;
};

/// Opens the clip of a sample, its frames chosen.
using OpenClip = std::function<std::unique_ptr<FrameSource>(const io::Sample&)>;

class SweepRunner {
 public:
  /// `shared`: what every question has in common; its pictures are filled in here.
  SweepRunner(Engine& engine, std::vector<SweepColumn> columns, AnswerRequest shared, io::DecodeOptions decode,
              bool model_free, bool share_prefix)
      : engine_(engine),
        columns_(std::move(columns)),
        many_{std::move(shared), {}, share_prefix},
        decode_(decode),
        model_free_(model_free) {}
  /// All rows; where that ends in an error, each question alone and each of its columns alone, and a row with the
  /// reason for each that still fails. Errors of the machine and the model pass through, and those of a column's
  /// strategies and settings as long as it has answered nothing. A question none of whose boxes is in a frame that is
  /// looked at is one without boxes.
  PictureRows run_or_explain(const PictureQuestions& questions);
  /// How clips are opened; without it their rows say that nobody can.
  void open_clips_by(OpenClip open) { open_clip_ = std::move(open); }
  /// The data has pictures and clips: what a column cannot read of the one or the other is a row with its reason,
  /// whichever stands first.
  void of_both() { mixed_ = true; }
  /// Whose rules score; the default is measure::Flavour::vlmevalkit.
  void score_by(measure::Flavour flavour) { flavour_ = flavour; }
  /// Fills PictureRows::maps.
  void keep_maps() { keeps_maps_ = true; }
  /// Bytes of what the tower gave that are kept for a set's other columns (ManyRequest); rows do not depend on it.
  void hold_evidence(std::int64_t bytes) { many_.evidence_bytes = bytes; }
  /// A column, by its label, that has answered before this runner was made.
  void has_answered(const std::string& label) { answered_.insert(label); }
  const std::vector<SweepColumn>& columns() const { return columns_; }

 private:
  struct Slot;
  struct Work;
  using InkMaps =
      std::map<std::tuple<std::size_t, std::string, Index, Index>, std::vector<double>>;  // picture, framing, grid
  std::vector<Index> frames_of(const PictureQuestions& questions) const;  // looked at, where boxes name some
  std::vector<Slot> slots(const PictureQuestions& questions, const std::vector<Index>& frames) const;
  Work begin(const PictureQuestions& questions, const std::vector<Index>& frames) const;
  PictureRows finish(Work&& work) const;
  void open_pictures(const PictureQuestions& questions);
  void take_figures(const Slot& slot, const AnswerResult& result, InkMaps& inks, SweepRow& row) const;
  measure::TokenFigures figures_of_picture(const Slot& slot, const Realized& r, std::size_t p, InkMaps& inks,
                                           std::vector<float>& relevance) const;
  measure::TokenFigures figures_of_clip(const Slot& slot, const Realized& r, const SeenSource& seen,
                                        std::vector<float>& relevance) const;
  void answer(Work& work, std::size_t from, std::size_t to);
  void answer_or_explain(Work& work, std::size_t from, std::size_t to);
  void explain(Work& work, std::size_t i, const std::string& reason) const;
  static std::string asked(const Slot& slot);  // as rows say it: pictures inside the text are marks
  SweepRow begun_row(const io::Sample& sample, const SweepColumn& column) const;
  std::optional<double> correlation_of(const SweepRow& changed, const SweepRow& usual, Framing framing) const;
  SweepRow row_of(const Slot& slot, const AnswerResult& result, InkMaps& inks) const;

  Engine& engine_;
  std::vector<SweepColumn> columns_;
  ManyRequest many_;
  io::DecodeOptions decode_;
  bool model_free_;
  std::set<std::string> answered_;
  measure::Flavour flavour_ = measure::Flavour::vlmevalkit;
  bool keeps_maps_ = false, mixed_ = false;
  OpenClip open_clip_;
};

}  // namespace arrcoc
