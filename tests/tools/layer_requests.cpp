// What the oracle of the language model's inside runs:
//   layer_requests BACKEND MODEL CASE OUT
// CASE holds ids.npy [L], spans.npy [pictures, 3] (begin, rows, columns of tokens), tokens.npy [N, H], level_I.npy, and
// plan.txt, one instruction a line:
//   question COLUMN...          injector NAME [SETTING]...  decode ID...
//   kept|depth|entry PICTURE N...                           merge PICTURE (TOKEN WEIGHT)...   once for each kept token
//   request|ask LAYER INDEX WHAT ROWS HEADS PAYERS before|after [COLUMN...]     beside the layer, or before its edit
//   drop LAYER COLUMN...
//   attention                   of the answer, in a run of its own
// Writes logits.npy [1 + decoded, V], lengths.npy, request|ask_LAYER_NUMBER_PICTURE.npy and attention_PICTURE.npy. Run
// once more without the requests, it must give the same bits.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "arrcoc/injectors/entry.hpp"
#include "arrcoc/injectors/gather.hpp"
#include "arrcoc/injectors/merge.hpp"
#include "arrcoc/injectors/order.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/io/npy.hpp"
#include "arrcoc/pipeline/answer_attention.hpp"
#include "arrcoc/qwen3vl/generate.hpp"
#include "tools/on_backend.hpp"

using namespace arrcoc;

namespace {

namespace fs = std::filesystem;

template <class E>
E named(const std::string& word, std::initializer_list<E> values) {
  for (const E v : values)
    if (name_of(v) == word) return v;
  fail(Code::bad_usage, "layer_requests", "no such word: " + word);
}

template <class T = Index>
std::vector<T> rest(std::istream& in) {
  std::vector<T> out;
  for (T v{}; in >> v;) out.push_back(v);
  return out;
}

Request read_request(std::istream& in) {
  using R = Request;
  const auto over = {R::Over::mean, R::Over::max, R::Over::each};
  std::string what, rows, heads, payers, rope;
  Request r;
  r.site = R::Site::layer;
  in >> r.index >> what >> rows >> heads >> payers >> rope;
  r.what = named(what, {R::What::hidden, R::What::q, R::What::k, R::What::v, R::What::received});
  r.rows = named(rows, {R::Rows::visual, R::Rows::all, R::Rows::last, R::Rows::question, R::Rows::vision_end,
                        R::Rows::list, R::Rows::text});
  r.heads = named(heads, over);
  r.payers = named(payers, over);
  r.rope = rope == "before" ? R::Rope::before : R::Rope::after;
  r.list = rest(in);
  return r;
}

struct Plan {
  std::string injector = "gather";
  std::vector<std::string> settings;
  std::vector<Allocation> allocations;
  std::map<Index, std::vector<Request>> beside, before;
  std::map<Index, std::vector<Index>> drop;
  std::vector<TokenId> decode;
  bool attention = false;
};

Plan read_plan(const fs::path& file, Prompt& prompt) {
  Plan plan;
  for (const VisionSpan& s : prompt.spans) plan.allocations.push_back(keep_everything(s.grid));
  std::ifstream lines(file);
  for (std::string line, word; std::getline(lines, line);) {
    std::istringstream in(line);
    in >> word;
    Index number = 0;
    if (word == "question") {
      prompt.question = rest(in);
    } else if (word == "injector") {
      in >> plan.injector;
      plan.settings = rest<std::string>(in);
    } else if (word == "attention") {
      plan.attention = true;
    } else if (word == "decode") {
      plan.decode = rest<TokenId>(in);
    } else {
      in >> number;
      if (word == "request") plan.beside[number].push_back(read_request(in));
      else if (word == "ask") plan.before[number].push_back(read_request(in));
      else if (word == "drop") plan.drop[number] = rest(in);
      else {
        Allocation& a = plan.allocations.at(static_cast<std::size_t>(number));
        if (word == "kept") {
          a.kept = rest(in);
          a.depth.assign(a.kept.size(), all_levels);
          a.why.assign(a.kept.size(), {});
          for (std::size_t i = 0; i < a.why.size(); ++i)  // an order of its own, for `order score`
            a.why[i].rank = static_cast<Index>((i * 5 + 3) % a.why.size());
        } else if (word == "depth") {
          a.depth = rest<std::uint32_t>(in);
        } else if (word == "entry") {
          a.entry = rest(in);
        } else if (word == "merge") {
          a.merge.emplace_back();
          for (MergePart m; in >> m.token >> m.weight;) a.merge.back().push_back(m);
        } else {
          fail(Code::bad_usage, "layer_requests", "no such instruction: " + word);
        }
      }
    }
  }
  return plan;
}

template <class B>
struct Hook final : qwen3vl::LayerHook<B> {
  const Plan& plan;
  const std::vector<Request> none{};
  bool asking;
  fs::path out;

  Hook(const Plan& p, bool a, fs::path o) : plan(p), asking(a), out(std::move(o)) {}

  const std::vector<Request>& of(const std::map<Index, std::vector<Request>>& all, Index layer) const {
    const auto it = all.find(layer);
    return asking && it != all.end() ? it->second : none;
  }
  void write(const std::string& kind, Index layer, const qwen3vl::ByPicture& answers) const {
    for (std::size_t p = 0; p < answers.size(); ++p)
      for (std::size_t r = 0; r < answers[p].size(); ++r)
        io::write_npy(
            out / (kind + "_" + std::to_string(layer) + "_" + std::to_string(r) + "_" + std::to_string(p) + ".npy"),
            answers[p][r].values);
  }
  std::optional<qwen3vl::RowEdit> before_layer(B&, Index layer, const qwen3vl::LayerView<B>& view) override {
    if (const auto& wanted = of(plan.before, layer); !wanted.empty()) write("ask", layer, view.answer(wanted));
    const auto it = plan.drop.find(layer);
    if (it == plan.drop.end()) return std::nullopt;
    qwen3vl::RowEdit edit;
    for (std::size_t i = 0; i < view.rows.size(); ++i)
      if (std::find(it->second.begin(), it->second.end(), view.rows[i].column) == it->second.end())
        edit.keep.push_back(static_cast<Index>(i));
    return edit;
  }
  std::vector<Request> requests(Index layer) const override { return of(plan.beside, layer); }
  void answered(Index layer, qwen3vl::ByPicture answers) override { write("request", layer, answers); }
};

template <class B>
qwen3vl::Injected<B> inject(B& b, const Plan& plan, const qwen3vl::Encoded<B>& e, const Prompt& prompt) {
  const std::span<const Allocation> a(plan.allocations);
  if (plan.injector == "entry") return EntryInjector{}.inject(b, a, e, prompt, nullptr);
  if (plan.injector == "merge") {
    MergeConfig config;
    for (const std::string& s : plan.settings)
      if (s == "log_size") config.log_size = true;
      else config.match = std::stod(s);
    return MergeInjector{config}.inject(b, a, e, prompt, nullptr);
  }
  if (plan.injector == "order")
    return OrderInjector{{plan.settings.at(0), plan.settings.size() > 1 ? std::stoll(plan.settings[1]) : 0}}.inject(
        b, a, e, prompt, nullptr);
  return GatherInjector{}.inject(b, a, e, prompt, nullptr);
}

std::vector<Index> integers(const fs::path& file) {
  const HostTensor t = io::read_npy(file.string());
  require_that(t.dtype == DType::i64, Code::bad_array, file.string(), "expected int64");
  const auto* first = reinterpret_cast<const Index*>(t.data);
  return {first, first + t.count()};
}

template <class B>
void run(const std::vector<std::string>& words) {
  B b;
  const fs::path from = words[2], to = words[3];
  const io::ModelFolder folder = io::open_model(words[1], {});
  const qwen3vl::LanguageModel<B> model(b, folder.config.text, folder.weights);
  Prompt prompt;
  for (const Index id : integers(from / "ids.npy")) prompt.ids.push_back(static_cast<TokenId>(id));
  const std::vector<Index> spans = integers(from / "spans.npy");
  for (std::size_t i = 0; i < spans.size(); i += 3)
    prompt.spans.push_back({spans[i], {spans[i + 1], spans[i + 2]}, static_cast<Index>(i / 3)});
  const Plan plan = read_plan(from / "plan.txt", prompt);
  const auto read = [&](const std::string& name) {
    const HostTensor t = io::read_npy((from / name).string());
    return b.from_host(t.floats(), t.dim(0), t.dim(1));
  };
  qwen3vl::Encoded<B> e;
  e.vision.tokens = read("tokens.npy");
  for (int l = 0; fs::exists(from / ("level_" + std::to_string(l) + ".npy")); ++l)
    e.vision.deepstack.push_back(read("level_" + std::to_string(l) + ".npy"));
  e.embeddings = model.embed(b, prompt.ids);
  e.positions = qwen3vl::build_positions(prompt);
  qwen3vl::GenerateOptions options;
  options.keep_logits = true;
  options.max_new_tokens = 1;
  options.forced = plan.decode;
  const auto generated = [&](bool asking) {
    Hook<B> hook(plan, asking, to);
    return qwen3vl::generate(b, model, inject(b, plan, e, prompt), prompt.ids, options, nullptr, &hook);
  };
  const auto out = generated(true), plain = generated(false);
  const auto same = [&](const std::vector<float>& logits) {
    require_that(logits.size() == plain.logits.size() &&
                     std::memcmp(logits.data(), plain.logits.data(), logits.size() * sizeof(float)) == 0,
                 Code::bad_stage_output, "layer_requests", "the logits differ with and without requests");
  };
  same(out.logits);
  if (plan.attention) {
    AnswerAttention<B> attention(folder.config.text.layers);
    same(qwen3vl::generate(b, model, inject(b, plan, e, prompt), prompt.ids, options, nullptr, &attention).logits);
    for (std::size_t p = 0; p < prompt.spans.size(); ++p) {
      const Index n = prompt.spans[p].grid.count();
      io::write_npy(to / ("attention_" + std::to_string(p) + ".npy"), host_tensor(attention.of(p, n), {n}));
    }
  }
  const Index vocab = folder.config.text.vocab_size;
  io::write_npy(to / "logits.npy", host_tensor(out.logits, {static_cast<Index>(out.logits.size()) / vocab, vocab}));
  io::write_npy(to / "lengths.npy", host_tensor(std::vector<std::int64_t>(out.cached.begin(), out.cached.end()),
                                                {static_cast<Index>(out.cached.size())}));
}

}  // namespace

int main(int count, char** words) {
  return tests::main_on_backend(
      count, words, "layer_requests", "MODEL CASE OUT", [](std::size_t n) { return n == 4; },
      []<class B>(const std::vector<std::string>& all) { run<B>(all); });
}
