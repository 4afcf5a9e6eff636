#include "trainer.hpp"

#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>

#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "arrcoc/io/safetensors.hpp"

namespace arrcoc::train {
namespace {

/// GEMM in bf16 for its scope; norms, softmax and losses stay float32.
class Autocast {
 public:
  explicit Autocast(bool on) : on_(on) {
    if (!on_) return;
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::set_autocast_enabled(at::kCPU, true);
  }
  ~Autocast() {
    if (!on_) return;
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
};

at::Tensor long_tensor(const std::vector<std::int64_t>& v) { return at::tensor(v, at::kLong); }

/// Looks initial values up by name and remembers the order.
WeightLookup initial_lookup(const ModelConfig& config, std::uint64_t seed, std::vector<std::string>& names, std::vector<std::vector<Index>>& shapes) {
  auto list = std::make_shared<std::vector<std::pair<std::string, std::vector<Index>>>>(tensor_list(config));
  return [list, seed, &names, &shapes](std::string_view name) -> std::optional<HostTensor> {
    for (const auto& [known, shape] : *list) {
      if (known != name) continue;
      names.push_back(known);
      shapes.push_back(shape);
      return host_tensor(initial_values(known, shape, seed), shape);
    }
    return std::nullopt;
  };
}

/// Packs several sequences: `lengths[p]` = prefix, then each question.
PackedLayout pack(const std::vector<std::vector<Index>>& lengths) {
  const auto pictures = static_cast<Index>(lengths.size());
  Index longest = 0, total = 0;
  for (const auto& l : lengths) {
    const Index n = std::accumulate(l.begin(), l.end(), Index{0});
    longest = std::max(longest, n);
    total += n;
  }
  std::vector<std::int64_t> rows(static_cast<std::size_t>(pictures * longest)), places;
  std::vector<float> mask(static_cast<std::size_t>(pictures * longest * longest), -std::numeric_limits<float>::infinity());
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
  return {long_tensor(rows).view({pictures, longest}), at::tensor(mask, at::kFloat).view({pictures, 1, longest, longest}), long_tensor(places)};
}

}  // namespace

namespace {
/// Marks read in the right token, whichever cell said so: the sum over tokens of the common multiset.
Index right_in_token(const at::Tensor& said, const std::vector<std::int64_t>& labels) {
  const at::Tensor flat = said.contiguous();
  const auto* p = flat.const_data_ptr<std::int64_t>();
  Index right = 0;
  for (std::size_t begin = 0; begin < labels.size(); begin += reading_slots) {
    std::array<int, reading_classes> balance{};
    for (std::size_t i = begin; i < begin + reading_slots; ++i) ++balance[static_cast<std::size_t>(p[i])];
    for (std::size_t i = begin; i < begin + reading_slots; ++i) right += labels[i] != 0 && balance[static_cast<std::size_t>(labels[i])]-- > 0;
  }
  return right;
}
}  // namespace

double learning_rate_at(const OptimizerConfig& o, Index step) {
  const double warm = o.warm_up > 0 ? std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(o.warm_up)) : 1.0;
  if (o.total <= o.warm_up) return o.learning_rate * warm;
  const double t = std::clamp(static_cast<double>(step - o.warm_up) / static_cast<double>(o.total - o.warm_up), 0.0, 1.0);
  return o.learning_rate * warm * (o.final_share + (1 - o.final_share) * 0.5 * (1 + std::cos(3.14159265358979 * t)));
}

Trainer::Trainer(ModelConfig config, std::uint64_t seed, int threads, bool bf16)
    : bf16_(bf16), backend_(threads), model_(backend_, config, initial_lookup(config, seed, names_, shapes_)) {
  parameters_ = backend_.leaves;
  const Index width = config.vision.out_hidden_size, outputs = reading_slots * reading_classes;
  const auto leaf = [&](std::vector<float> v, std::vector<Index> shape, const char* name) {
    at::Tensor t = at::tensor(v, at::kFloat).view(shape).requires_grad_(true);
    parameters_.push_back(t);
    names_.emplace_back(name);
    shapes_.push_back(std::move(shape));
    return t;
  };
  head_weight_ = leaf(initial_values("reading_head.weight", {outputs, width}, seed), {outputs, width}, "reading_head.weight");
  head_bias_ = leaf(std::vector<float>(static_cast<std::size_t>(outputs), 0.0f), {outputs}, "reading_head.bias");
  require_that(parameters_.size() == names_.size(), Code::bad_weight, "train", "every looked-up tensor must be imported once");
  for (const at::Tensor& p : parameters_) {
    moments_.push_back(at::zeros_like(p));
    squares_.push_back(at::zeros_like(p));
    counts_.push_back(at::zeros({}, at::kFloat));
  }
}

Index Trainer::parameters() const {
  Index n = 0;
  for (const at::Tensor& p : parameters_) n += p.numel();
  return n - head_weight_.numel() - head_bias_.numel();
}

at::Tensor Trainer::answers(const std::vector<Example>& batch, const qwen3vl::VisionOut<TrainingBackend>& seen, const KeptTokens& kept, StepResult& r) {
  std::vector<TokenId> ids;
  std::vector<Index> pad_rows, features;
  std::vector<std::vector<Index>> lengths;
  std::vector<std::int64_t> predicted_from, targets;
  std::vector<std::pair<Index, Index>> spans;   // of each question's targets
  qwen3vl::Injected<TrainingBackend> in;
  Index first_feature = 0;
  for (std::size_t p = 0; p < batch.size(); ++p) {
    const Example& e = batch[p];
    const std::vector<TokenId> prefix = prefix_ids(e.grid.count());
    Prompt prompt;
    prompt.ids = prefix;
    prompt.spans = {{pads_begin, e.grid, 0}};
    const qwen3vl::Positions full = qwen3vl::build_positions(prompt);
    std::vector<Index> keep;
    if (p < kept.size() && !kept[p].empty()) keep = kept[p];
    else for (Index i = 0; i < e.grid.count(); ++i) keep.push_back(i);
    std::vector<Index> columns;
    for (Index c = 0; c < pads_begin; ++c) columns.push_back(c);
    for (const Index k : keep) {
      pad_rows.push_back(static_cast<Index>(ids.size()) + static_cast<Index>(columns.size()));
      features.push_back(first_feature + k);
      columns.push_back(pads_begin + k);
    }
    columns.push_back(static_cast<Index>(prefix.size()) - 1);
    const qwen3vl::Positions own = qwen3vl::gather_columns(full, columns);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      ids.push_back(prefix[static_cast<std::size_t>(columns[i])]);
      in.positions.push(own.t[i], own.h[i], own.w[i]);
    }
    lengths.push_back({static_cast<Index>(columns.size())});
    for (const AskedQuestion& q : e.questions) {
      const auto begin = static_cast<Index>(ids.size());
      for (std::size_t i = 0; i < q.ids.size(); ++i) {
        const auto at = static_cast<float>(full.next + static_cast<Index>(i));
        in.positions.push(at, at, at);
        ids.push_back(q.ids[i]);
      }
      lengths.back().push_back(static_cast<Index>(q.ids.size()));
      spans.emplace_back(static_cast<Index>(targets.size()), 0);
      for (auto i = q.answer_begin; i < static_cast<Index>(q.ids.size()); ++i) {
        predicted_from.push_back(begin + i - 1);
        targets.push_back(q.ids[static_cast<std::size_t>(i)]);
      }
      spans.back().second = static_cast<Index>(targets.size());
    }
    first_feature += e.grid.count();
  }
  const PackedLayout layout = pack(lengths);
  in.embeddings = backend_.scatter_rows(model_.text().embed(backend_, ids), pad_rows, backend_.gather_rows(seen.tokens, features));
  for (const at::Tensor& level : seen.deepstack) in.levels.push_back({pad_rows, backend_.gather_rows(level, features)});
  for (std::size_t i = 0; i < ids.size(); ++i) in.columns.push_back(static_cast<Index>(i));
  backend_.layout = &layout;
  qwen3vl::DecodeState<TrainingBackend> state;
  const at::Tensor hidden = model_.text().prefill(backend_, std::move(in), state, 0);
  backend_.layout = nullptr;
  const at::Tensor logits = model_.text().logits(backend_, hidden.index_select(0, long_tensor(predicted_from)));
  const at::Tensor expected = long_tensor(targets);
  const at::Tensor right = logits.argmax(1).eq(expected).to(at::kLong).contiguous();
  const auto* hit = right.const_data_ptr<std::int64_t>();
  for (const auto& [begin, end] : spans) {
    ++r.questions;
    r.questions_right += std::accumulate(hit + begin, hit + end, std::int64_t{0}) == end - begin;
  }
  return at::cross_entropy_loss(logits, expected);
}

StepResult Trainer::forward(const std::vector<Example>& batch, double reading_weight, double answer_weight, const KeptTokens& kept, at::Tensor* loss) {
  const Autocast autocast(bf16_);
  StepResult r;
  std::vector<float> rows;
  std::vector<qwen3vl::PatchGrid> grids;
  std::vector<std::int64_t> labels;
  for (const Example& e : batch) {
    rows.insert(rows.end(), e.pixels.rows.begin(), e.pixels.rows.end());
    labels.insert(labels.end(), e.labels.begin(), e.labels.end());
    grids.push_back(e.pixels.patches);
  }
  const Index width = model_.config().vision.patch_values();
  const auto seen = model_.vision().run(backend_, backend_.from_host(rows, static_cast<Index>(rows.size()) / width, width), grids);
  at::Tensor total = at::zeros({}, at::kFloat);
  {
    at::Tensor x = seen.tokens;
    for (const at::Tensor& level : seen.deepstack) x = x + level;
    const at::Tensor scores = at::linear(x, head_weight_, head_bias_).view({-1, reading_classes});
    const at::Tensor expected = long_tensor(labels);
    const at::Tensor filled = expected.ne(0).to(at::kFloat);
    const at::Tensor each = at::cross_entropy_loss(scores, expected, {}, at::Reduction::None);
    const at::Tensor reading = (each * (0.5 + 0.5 * filled)).sum() / filled.sum().clamp_min(1);  // an empty cell counts half
    r.marks = filled.sum().item<float>();
    r.marks_right = right_in_token(scores.argmax(1), labels);
    r.reading_loss = reading.item<float>();
    if (reading_weight > 0) total = total + reading_weight * reading;
  }
  if (answer_weight > 0) {
    const at::Tensor a = answers(batch, seen, kept, r);
    r.answer_loss = a.item<float>();
    total = total + answer_weight * a;
  }
  if (loss != nullptr) *loss = total;
  return r;
}

StepResult Trainer::evaluate(const std::vector<Example>& batch, bool with_answers, const KeptTokens& kept) {
  const at::NoGradGuard no_grad;
  return forward(batch, 1, with_answers ? 1 : 0, kept, nullptr);
}

StepResult Trainer::step(const std::vector<Example>& batch, const OptimizerConfig& o, double reading_weight, double answer_weight, const KeptTokens& kept) {
  at::Tensor loss;
  StepResult r = forward(batch, reading_weight, answer_weight, kept, &loss);
  const double value = loss.item<float>();
  require_that(std::isfinite(value), Code::bad_number, "train", [&] { return "the loss is not finite at step " + std::to_string(steps_) + "; the last checkpoint is intact"; });
  loss.backward();
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> decayed[5], plain[5];  // parameters, gradients, moments, squares, counts
  std::vector<at::Tensor> gradients;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    at::Tensor g = parameters_[i].grad();
    if (!g.defined()) continue;
    gradients.push_back(g);
    auto* group = parameters_[i].dim() > 1 ? decayed : plain;
    for (const auto& [slot, t] : {std::pair(0, parameters_[i]), {1, g}, {2, moments_[i]}, {3, squares_[i]}, {4, counts_[i]}}) group[slot].push_back(t);
  }
  r.gradient_norm = at::stack(at::_foreach_norm(gradients)).norm().item<float>();
  if (r.gradient_norm > o.clip) at::_foreach_mul_(gradients, o.clip / r.gradient_norm);
  const double rate = learning_rate_at(o, steps_);
  for (auto* group : {decayed, plain}) {
    if (group[0].empty()) continue;
    at::_foreach_add_(group[4], 1);
    at::_fused_adamw_(group[0], group[1], group[2], group[3], {}, group[4], rate, o.beta1, o.beta2, group == decayed ? o.weight_decay : 0.0, 1e-8, false, false);
  }
  for (const at::Tensor& p : parameters_) p.mutable_grad().reset();
  ++steps_;
  return r;
}

namespace {
HostTensor to_host_tensor(const at::Tensor& t, const std::vector<Index>& shape) {
  const at::Tensor c = t.detach().contiguous();
  return host_tensor(std::vector<float>(c.const_data_ptr<float>(), c.const_data_ptr<float>() + c.numel()), shape);
}
}  // namespace

void Trainer::save(const std::filesystem::path& file) const {
  std::map<std::string, HostTensor, std::less<>> all;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    all[names_[i]] = to_host_tensor(parameters_[i], shapes_[i]);
    all["moment." + names_[i]] = to_host_tensor(moments_[i], shapes_[i]);
    all["square." + names_[i]] = to_host_tensor(squares_[i], shapes_[i]);
    all["count." + names_[i]] = to_host_tensor(counts_[i], {1});
  }
  all["step"] = host_tensor(std::vector<std::int64_t>{steps_}, {1});
  io::write_safetensors(file, all);
}

void Trainer::save_weights(const std::filesystem::path& file) const {
  std::map<std::string, HostTensor, std::less<>> all;
  for (std::size_t i = 0; i < parameters_.size(); ++i) all[names_[i]] = to_host_tensor(parameters_[i], shapes_[i]);
  all["step"] = host_tensor(std::vector<std::int64_t>{steps_}, {1});
  io::write_safetensors(file, all);
}

void Trainer::load(const std::filesystem::path& file) {
  const auto f = io::SafetensorsFile::open(file);
  const at::NoGradGuard no_grad;
  const auto copy = [&](const std::string& name, const at::Tensor& into, bool required) {
    const HostTensor t = f.tensor(name);
    if (!required && t.count() != into.numel()) return;
    require_that(!t.empty() && t.count() == into.numel(), Code::bad_weight, "train", [&] { return name + ": the checkpoint is of another configuration"; });
    const auto v = to_floats(t);
    into.copy_(at::tensor(v, at::kFloat).view(into.sizes()));
  };
  for (std::size_t i = 0; i < parameters_.size(); ++i) copy(names_[i], parameters_[i], !names_[i].starts_with("reading_head"));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    copy("moment." + names_[i], moments_[i], false);
    copy("square." + names_[i], squares_[i], false);
    copy("count." + names_[i], counts_[i], false);
  }
  std::int64_t step = 0;
  const HostTensor s = f.tensor("step");
  if (!s.empty()) std::memcpy(&step, s.data, sizeof step);
  steps_ = step;
}

}  // namespace arrcoc::train
