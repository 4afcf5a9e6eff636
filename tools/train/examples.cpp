#include "examples.hpp"

#include <algorithm>
#include <map>

#include "../scenes/builder.hpp"

namespace arrcoc::train {
namespace {
constexpr std::size_t drill_characters = 24;
}  // namespace

Index reading_class(const std::string& what) {
  if (what.size() == 1) return what[0] >= 33 && what[0] <= 126 ? what[0] - 32 : 0;
  static const std::map<std::string, Index, std::less<>> known = [] {
    std::map<std::string, Index, std::less<>> m;
    Index next = 95;
    for (const auto& c : scenes::palette)
      for (const auto& s : scenes::shape_names) m[std::string(c.name) + " " + std::string(s)] = next++;
    for (const auto& c : scenes::palette) m[std::string(c.name) + " car"] = next++;
    m["table"] = next++;
    return m;
  }();
  const auto it = known.find(what);
  return it == known.end() ? 0 : it->second;
}

std::vector<scenes::Question> reading_drills(const scenes::Scene& scene) {
  struct Word { std::string text; Box box; };
  std::vector<Word> words;
  const Box* last = nullptr;
  for (const scenes::Mark& m : scene.marks) {
    if (m.what.size() != 1) {
      last = nullptr;
      continue;
    }
    if (last != nullptr && m.box.row0 == last->row0 && m.box.row1 == last->row1 && m.box.col0 == last->col1) {
      words.back().text += m.what;
      words.back().box.col1 = m.box.col1;
    } else {
      words.push_back({m.what, m.box});
    }
    last = &m.box;
  }
  std::map<std::string, int> times;
  for (const Word& w : words) ++times[w.text];
  std::vector<scenes::Question> out;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (times[words[i].text] > 1) continue;
    scenes::Question q;
    q.question = "Read on from " + words[i].text + ".";
    q.boxes = {words[i].box};
    std::string answer;
    for (std::size_t k = i + 1; k < words.size() && (answer.empty() || answer.size() + 1 + words[k].text.size() <= drill_characters); ++k) {
      answer += (answer.empty() ? "" : " ") + words[k].text;
      q.boxes.push_back(words[k].box);
    }
    q.answers = {answer};
    out.push_back(std::move(q));
  }
  return out;
}

std::vector<TokenId> prefix_ids(Index tokens) {
  std::vector<TokenId> ids = Vocabulary::encode("<|im_start|>user\n<|vision_start|>");
  ids.insert(ids.end(), static_cast<std::size_t>(tokens), Vocabulary::special_id("<|image_pad|>"));
  ids.push_back(Vocabulary::special_id("<|vision_end|>"));
  return ids;
}

Example make_example(const scenes::Scene& scene, const ModelConfig& config, Index max_questions, std::uint64_t seed, Index max_drills) {
  const VisionConfig& v = config.vision;
  const Index side = v.patch_size * v.spatial_merge_size, p = v.patch_size, h = scene.image.height, w = scene.image.width;
  require_that(h % side == 0 && w % side == 0, Code::bad_config, "train", "picture sides must be multiples of the token size");
  Example e;
  e.image_height = h;
  e.image_width = w;
  e.grid = {h / side, w / side};
  e.pixels.patches = {1, h / p, w / p};
  e.pixels.rows.reserve(static_cast<std::size_t>(e.pixels.patches.count() * v.patch_values()));
  qwen3vl::for_each_patch(e.pixels.patches, v.spatial_merge_size, [&](Index row, Index col) {
    for (Index c = 0; c < 3; ++c)
      for (Index t = 0; t < v.temporal_patch_size; ++t)
        for (Index y = 0; y < p; ++y)
          for (Index x = 0; x < p; ++x)
            e.pixels.rows.push_back((static_cast<float>(scene.image.rgb[static_cast<std::size_t>(((row * p + y) * w + col * p + x) * 3 + c)]) - 127.5f) / 127.5f);
  });
  e.labels.assign(static_cast<std::size_t>(e.grid.count() * reading_slots), 0);
  for (const scenes::Mark& m : scene.marks) {
    const scenes::Point at = m.centre();
    const Index cls = reading_class(m.what), row = at.row / side, col = at.col / side;
    if (cls == 0 || row >= e.grid.rows || col >= e.grid.cols) continue;
    const Index cell = (at.row % side) * reading_rows / side * reading_cols + (at.col % side) * reading_cols / side;
    e.labels[static_cast<std::size_t>(e.grid.at(row, col) * reading_slots + cell)] = cls;
  }
  const auto ask = [&](const std::vector<scenes::Question>& all, Index most, Rng rng) {
    std::vector<const scenes::Question*> answerable;
    for (const scenes::Question& q : all)
      if (!q.answers.empty() && !q.answers.front().empty()) answerable.push_back(&q);
    const auto count = static_cast<Index>(answerable.size());
    for (const Index i : rng.sample(count, std::min(count, most))) {
      const scenes::Question& q = *answerable[static_cast<std::size_t>(i)];
      AskedQuestion a;
      a.ids = Vocabulary::encode(q.question + "<|im_end|>\n<|im_start|>assistant\n");
      a.answer_begin = static_cast<Index>(a.ids.size());
      a.question = q.question;
      a.answer = q.answers.front();
      a.boxes = q.boxes;
      const auto answer = Vocabulary::encode(a.answer + "<|im_end|>");
      a.ids.insert(a.ids.end(), answer.begin(), answer.end());
      e.questions.push_back(std::move(a));
    }
  };
  ask(scene.questions, max_questions, Rng(derive_seed(seed, "questions")));
  if (max_drills > 0) ask(reading_drills(scene), max_drills, Rng(derive_seed(seed, "drills")));
  return e;
}

}  // namespace arrcoc::train
