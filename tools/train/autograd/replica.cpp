#include "replica.hpp"

#include <ATen/autocast_mode.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "arrcoc/injectors/rows.hpp"

namespace arrcoc::train {
namespace {

/// GEMM in bf16 for its scope; norms, softmax and losses stay float32.
class Autocast {
 public:
  Autocast(bool on, at::DeviceType device) : on_(on), device_(device) {
    if (!on_) return;
    at::autocast::set_autocast_dtype(device_, at::kBFloat16);
    at::autocast::set_autocast_enabled(device_, true);
  }
  ~Autocast() {
    if (!on_) return;
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, false);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
  at::DeviceType device_;
};

/// Looks initial values up by name and notes what was asked for.
WeightLookup initial_lookup(const ModelConfig& config, std::uint64_t seed, std::vector<Replica::Leaf>& asked) {
  auto list = std::make_shared<std::vector<std::pair<std::string, std::vector<Index>>>>(tensor_list(config));
  return [list, seed, &asked](std::string_view name) -> std::optional<HostTensor> {
    for (const auto& [known, shape] : *list) {
      if (known != name) continue;
      asked.push_back({known, shape, {}});
      return host_tensor(initial_values(known, shape, seed), shape);
    }
    return std::nullopt;
  };
}

/// Packs several sequences: `lengths[p]` = prefix, then each question.
PackedLayout pack(const std::vector<std::vector<Index>>& lengths, at::Device device) {
  const auto pictures = static_cast<Index>(lengths.size());
  Index longest = 0, total = 0;
  for (const auto& l : lengths) {
    const Index n = std::accumulate(l.begin(), l.end(), Index{0});
    longest = std::max(longest, n);
    total += n;
  }
  std::vector<std::int64_t> rows(static_cast<std::size_t>(pictures * longest)), places;
  std::vector<float> mask(static_cast<std::size_t>(pictures * longest * longest),
                          -std::numeric_limits<float>::infinity());
  Index row = 0;
  for (Index p = 0; p < pictures; ++p) {
    const auto& l = lengths[static_cast<std::size_t>(p)];
    float* m = mask.data() + p * longest * longest;
    Index begin = 0;
    for (std::size_t part = 0; part < l.size(); ++part) {
      const Index end = begin + l[part];
      for (Index i = begin; i < end; ++i) {
        for (Index j = 0; j < (part == 0 ? 0 : l[0]); ++j) m[i * longest + j] = 0;
        for (Index j = begin; j <= i; ++j) m[i * longest + j] = 0;
        rows[static_cast<std::size_t>(p * longest + i)] = row++;
        places.push_back(p * longest + i);
      }
      begin = end;
    }
    for (Index i = begin; i < longest; ++i) m[i * longest + i] = 0;
  }
  return {at::tensor(rows, at::kLong).view({pictures, longest}).to(device),
          at::tensor(mask, at::kFloat).view({pictures, 1, longest, longest}).to(device),
          at::tensor(places, at::kLong).to(device)};
}

/// A picture or clip and its framing as the next columns. -> their own positions, which stand behind `positions`, too
qwen3vl::Positions add_source(const Example& e, Index source, Prompt& prompt, qwen3vl::Positions& positions) {
  const Prompt alone = prefix_of(e);
  qwen3vl::Positions own = qwen3vl::build_positions(alone);
  for (std::size_t i = 0; i < own.t.size(); ++i) positions.push(own.t[i], own.h[i], own.w[i]);
  for (const VisionSpan& s : alone.spans)
    prompt.spans.push_back({static_cast<Index>(prompt.ids.size()) + s.begin, s.grid, source, s.frame});
  prompt.ids.insert(prompt.ids.end(), alone.ids.begin(), alone.ids.end());
  return own;
}

/// A drop as the decision that it imitates.
Allocation allocation_of(TokenSet tokens, const Kept& kept) {
  Allocation a = keep_everything(std::move(tokens));
  if (!kept.tokens.empty()) a.kept = kept.tokens;
  a.depth.assign(a.kept.size(), all_levels);
  a.why.assign(a.kept.size(), Provenance{});
  if (!kept.levels.empty()) a.depth.assign(kept.levels.begin(), kept.levels.end());
  return a;
}

/// Marks read in the right token, whichever cell said so: the sum over tokens of the common multiset.
Index right_in_token(const at::Tensor& said, const std::vector<std::int64_t>& labels) {
  const at::Tensor flat = said.cpu().contiguous();
  const auto* p = flat.const_data_ptr<std::int64_t>();
  Index right = 0;
  for (std::size_t begin = 0; begin < labels.size(); begin += reading_slots) {
    std::array<int, reading_classes> balance{};
    for (std::size_t i = begin; i < begin + reading_slots; ++i) ++balance[static_cast<std::size_t>(p[i])];
    for (std::size_t i = begin; i < begin + reading_slots; ++i)
      right += labels[i] != 0 && balance[static_cast<std::size_t>(labels[i])]-- > 0;
  }
  return right;
}
}  // namespace

void StepResult::add(const StepResult& r) {
  reading_loss += r.reading_loss;
  answer_loss += r.answer_loss;
  pointing_loss += r.pointing_loss;
  asked += r.asked;
  pointed += r.pointed;
  points += r.points;
  points_right += r.points_right;
  gradient_norm += r.gradient_norm;
  marks += r.marks;
  marks_right += r.marks_right;
  questions += r.questions;
  questions_right += r.questions_right;
}

Replica::Replica(const ModelConfig& config, const TrainerOptions& o)
    : bf16_(o.bf16),
      pointing_(o.pointing),
      backend_(o.threads, o.device),
      device_(o.device),
      model_(backend_, config, initial_lookup(config, o.seed, leaves_)) {
  require_that(backend_.leaves.size() == leaves_.size(), Code::bad_weight, "train",
               "every looked-up tensor must be imported once");
  for (std::size_t i = 0; i < leaves_.size(); ++i) leaves_[i].value = backend_.leaves[i];
  const auto leaf = [&](std::vector<float> v, std::vector<Index> shape, const std::string& name) {
    at::Tensor t = at::tensor(v, at::kFloat).view(shape).to(device_).requires_grad_(true);
    leaves_.push_back({name, std::move(shape), t});
    return t;
  };
  const Index width = config.vision.out_hidden_size, outputs = reading_slots * reading_classes;
  head_weight_ =
      leaf(initial_values("reading_head.weight", {outputs, width}, o.seed), {outputs, width}, "reading_head.weight");
  head_bias_ = leaf(std::vector<float>(static_cast<std::size_t>(outputs), 0.0f), {outputs}, "reading_head.bias");
  for (std::size_t i = 0; o.pointing && i < cell_weight_.size(); ++i) {
    const Index h = config.text.hidden_size;
    const std::string name = i == 0 ? "pointing_head.words." : "pointing_head.answers.";
    cell_weight_[i] =
        leaf(initial_values(name + "weight", {reading_slots, h}, o.seed), {reading_slots, h}, name + "weight");
    cell_bias_[i] =
        leaf(std::vector<float>(static_cast<std::size_t>(reading_slots), 0.0f), {reading_slots}, name + "bias");
  }
}

void Replica::share(const Replica& with) {
  for (std::size_t i = 0; i < leaves_.size(); ++i) leaves_[i].value.set_data(with.leaves_[i].value.detach());
}

at::Tensor Replica::longs(const std::vector<std::int64_t>& v) const { return at::tensor(v, at::kLong).to(device_); }

at::Tensor Replica::answers(const Batch& batch, const qwen3vl::VisionOut<TrainingBackend>& seen, double pointing_weight,
                            StepResult& r) {
  std::array<PointingTargets, 2> points;
  Prompt prompt;  // the pictures one after the other, each with its questions behind it
  std::vector<Allocation> allocations;
  qwen3vl::Positions positions;  // of all columns; every picture's questions begin where its own positions end
  Index dropped = 0;             // columns without a row, so far
  std::vector<std::vector<Index>> lengths;
  std::vector<std::int64_t> predicted_from, targets;
  std::vector<std::pair<Index, Index>> spans;                                        // of each question's targets
  const auto row = [&] { return static_cast<Index>(prompt.ids.size()) - dropped; };  // of the next column
  for (std::size_t p = 0; p < batch.examples.size(); ++p) {
    const Example& e = batch.examples[p];
    const Index first_row = row(), first_pad = first_row + pads_begin;
    const qwen3vl::Positions own = add_source(e, static_cast<Index>(p), prompt, positions);
    const std::vector<Index>& keep =
        allocations.emplace_back(allocation_of(e.tokens(), p < batch.kept.size() ? batch.kept[p] : Kept{})).kept;
    dropped += e.tokens().count() - static_cast<Index>(keep.size());
    lengths.push_back({row() - first_row});
    const auto note = [&](PointingTargets& t, const std::vector<Pointing>& all, Index begin) {
      for (const Pointing& point : all) {
        const auto at = std::lower_bound(keep.begin(), keep.end(), point.token);
        if (at == keep.end() || *at != point.token) continue;  // dropped: there is nothing to point at
        t.rows.push_back(begin + point.row);
        t.keys.push_back(first_pad + (at - keep.begin()));
        t.cells.push_back(point.cell);
      }
    };
    for (const AskedQuestion& q : e.questions) {
      const Index begin = row();
      if (pointing_weight > 0) {
        note(points[0], q.words, begin);
        note(points[1], q.answers, begin);
      }
      for (std::size_t i = 0; i < q.ids.size(); ++i) {
        const auto at = static_cast<float>(own.next + static_cast<Index>(i));
        positions.push(at, at, at);
        prompt.ids.push_back(q.ids[i]);
      }
      lengths.back().push_back(static_cast<Index>(q.ids.size()));
      spans.emplace_back(static_cast<Index>(targets.size()), 0);
      for (auto i = q.answer_begin; i < static_cast<Index>(q.ids.size()); ++i) {
        predicted_from.push_back(begin + i - 1);
        targets.push_back(q.ids[static_cast<std::size_t>(i)]);
      }
      spans.back().second = static_cast<Index>(targets.size());
    }
  }
  if (targets.empty()) return at::zeros({}, at::TensorOptions().dtype(at::kFloat).device(device_));
  const PackedLayout layout = pack(lengths, device_);
  const qwen3vl::Encoded<TrainingBackend> all{seen, model_.text().embed(backend_, prompt.ids), std::move(positions)};
  qwen3vl::Injected<TrainingBackend> in = kept_rows::own_rows(
      backend_, kept_rows::of_pictures(allocations, all.encoded, prompt, Honour::depth, "train", nullptr), all, prompt);
  backend_.layout = &layout;
  std::vector<Looked> looked;
  if (pointing_weight > 0) backend_.looked = &looked;
  qwen3vl::KvCache<TrainingBackend> state;
  RowsBefore before;
  const at::Tensor hidden =
      model_.text().prefill(backend_, std::move(in), state, 0, nullptr, pointing_weight > 0 ? &before : nullptr);
  backend_.layout = nullptr;
  backend_.looked = nullptr;
  const at::Tensor logits = model_.text().logits(backend_, hidden.index_select(0, longs(predicted_from)));
  const at::Tensor expected = longs(targets);
  const at::Tensor right = logits.argmax(1).eq(expected).to(at::kLong).cpu().contiguous();
  const auto* hit = right.const_data_ptr<std::int64_t>();
  for (const auto& [begin, end] : spans) {
    ++r.questions;
    r.questions_right += std::accumulate(hit + begin, hit + end, std::int64_t{0}) == end - begin;
  }
  at::Tensor loss = at::cross_entropy_loss(logits, expected);
  r.answer_loss = loss.item<float>();
  r.asked = 1;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i].rows.empty()) continue;
    const auto layer = before.rows.size() + i < points.size() ? 0 : before.rows.size() + i - points.size();
    const Pointed pointed =
        point_loss(layout, looked[layer], before.rows[layer], cell_weight_[i], cell_bias_[i], points[i]);
    loss = loss + pointing_weight * pointed.loss;
    r.pointing_loss += pointed.loss.item<float>();
    r.pointed = 1;
    r.points += static_cast<Index>(points[i].rows.size());
    r.points_right += pointed.right;
  }
  return loss;
}

at::Tensor Replica::reading(const Batch& batch, const qwen3vl::VisionOut<TrainingBackend>& seen, StepResult& r) const {
  std::vector<std::int64_t> labels;
  for (const Example& e : batch.examples) labels.insert(labels.end(), e.labels.begin(), e.labels.end());
  at::Tensor x = seen.tokens;
  for (const at::Tensor& level : seen.deepstack) x = x + level;
  const at::Tensor scores = at::linear(x, head_weight_, head_bias_).view({-1, reading_classes});
  const at::Tensor expected = longs(labels), filled = expected.ne(0).to(at::kFloat);
  const at::Tensor each = at::cross_entropy_loss(scores, expected, {}, at::Reduction::None);
  // An empty cell counts half; a batch of almost empty pictures does not outweigh the others.
  const at::Tensor loss =
      (each * (0.5 + 0.5 * filled)).sum() / filled.sum().clamp_min(static_cast<double>(labels.size()) / 16);
  r.marks = static_cast<Index>(labels.size()) - static_cast<Index>(std::count(labels.begin(), labels.end(), 0));
  r.marks_right = right_in_token(scores.argmax(1), labels);
  r.reading_loss = loss.item<float>();
  return loss;
}

StepResult Replica::forward(const Batch& batch, const Weights& weights, at::Tensor* loss) {
  require_that(!batch.examples.empty() && (batch.kept.empty() || batch.kept.size() == batch.examples.size()),
               Code::shape_mismatch, "train", "expected at least one example, and drops for all of them or none");
  const Autocast autocast(bf16_, device_.type());
  StepResult r;
  std::vector<float> rows;
  std::vector<qwen3vl::PatchPlan> grids;
  for (const Example& e : batch.examples) {
    rows.insert(rows.end(), e.pixels.rows.begin(), e.pixels.rows.end());
    grids.push_back({e.pixels.patches, {}, {}});
  }
  const Index width = model_.config().vision.patch_values();
  const auto seen =
      model_.vision().run(backend_, backend_.from_host(rows, static_cast<Index>(rows.size()) / width, width), grids);
  at::Tensor total = at::zeros({}, at::TensorOptions().dtype(at::kFloat).device(device_));
  const at::Tensor read = reading(batch, seen, r);
  if (weights.reading > 0) total = total + weights.reading * read;
  if (weights.answer > 0) total = total + weights.answer * answers(batch, seen, weights.pointing / weights.answer, r);
  if (loss != nullptr) *loss = total;
  return r;
}

}  // namespace arrcoc::train
