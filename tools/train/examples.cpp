#include "examples.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include "../scenes/builder.hpp"
#include "arrcoc/io/chat_template.hpp"
#include "arrcoc/qwen3vl/patchify.hpp"
#include "arrcoc/qwen3vl/video_sampling.hpp"

namespace arrcoc::train {
namespace {
constexpr std::size_t drill_characters = 24;
constexpr std::size_t shortest_word = 3;  // of a question that is looked for in the picture

/// Characters drawn side by side.
struct Word {
  std::string text;
  Box box;
  std::size_t last = 0;  // mark
};

std::vector<Word> drawn_words(const scenes::Scene& scene) {
  std::vector<Word> words;
  const Box* before = nullptr;
  for (std::size_t i = 0; i < scene.marks.size(); ++i) {
    const scenes::Mark& m = scene.marks[i];
    if (m.what.size() != 1) {
      before = nullptr;
      continue;
    }
    if (before != nullptr && m.box.row0 == before->row0 && m.box.row1 == before->row1 && m.box.col0 == before->col1) {
      words.back().text += m.what;
      words.back().box.col1 = m.box.col1;
      words.back().last = i;
    } else {
      words.push_back({m.what, m.box, i});
    }
    before = &m.box;
  }
  return words;
}

std::string letters_of(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (std::isalnum(static_cast<unsigned char>(c)))
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// Token and cell of a mark's centre; nothing for one without a class or outside the picture.
std::optional<std::pair<Index, Index>> cell_of(const scenes::Mark& m, const Grid& grid, Index side) {
  const scenes::Point at = m.centre();
  const Index row = at.row / side, col = at.col / side;
  if (reading_class(m.what) == 0 || row >= grid.rows || col >= grid.cols) return std::nullopt;
  return std::pair(grid.at(row, col),
                   (at.row % side) * reading_rows / side * reading_cols + (at.col % side) * reading_cols / side);
}

/// The marks of the answer, spaces aside, among the characters in the question's boxes; nothing unless it stands there
/// once.
std::optional<std::vector<std::size_t>> marks_of_answer(const scenes::Scene& scene, const scenes::Question& q,
                                                        std::string_view text) {
  std::vector<std::size_t> inside;
  std::string drawn;
  for (std::size_t i = 0; i < scene.marks.size(); ++i) {
    const scenes::Mark& m = scene.marks[i];
    const auto at = m.centre();
    const bool in = std::any_of(q.boxes.begin(), q.boxes.end(), [&](const Box& b) {
      return static_cast<double>(at.row) >= b.row0 && static_cast<double>(at.row) < b.row1 &&
             static_cast<double>(at.col) >= b.col0 && static_cast<double>(at.col) < b.col1;
    });
    if (m.what.size() != 1 || !in) continue;
    inside.push_back(i);
    drawn += m.what;
  }
  std::string wanted;
  for (const char c : text)
    if (c != ' ') wanted += c;
  const auto at = drawn.find(wanted);
  if (wanted.empty() || at == std::string::npos || drawn.find(wanted, at + 1) != std::string::npos) return std::nullopt;
  return std::vector<std::size_t>(inside.begin() + static_cast<std::ptrdiff_t>(at),
                                  inside.begin() + static_cast<std::ptrdiff_t>(at + wanted.size()));
}

/// Fills in where the words and the answer of a question are drawn.
void point(const scenes::Scene& scene, const std::vector<Word>& drawn, const scenes::Question& q, const Grid& grid,
           Index side, AskedQuestion& a) {
  const auto add = [&](std::vector<Pointing>& to, std::size_t row, std::size_t mark) {
    if (const auto cell = cell_of(scene.marks[mark], grid, side))
      to.push_back({static_cast<Index>(row), cell->first, cell->second});
  };
  std::vector<std::size_t> ends;  // of each token in the text
  std::string text;
  for (const TokenId id : a.ids) ends.push_back((text += Vocabulary::decode({id})).size());
  for (std::size_t begin = 0; begin < a.question.size();) {
    const std::size_t end = std::min(a.question.find_first_of(" ?.,", begin), a.question.size());
    const std::string word = letters_of(std::string_view(a.question).substr(begin, end - begin));
    const Word* found = nullptr;
    int times = 0;
    for (const Word& w : drawn)
      if (word.size() >= shortest_word && letters_of(w.text) == word) found = &w, ++times;
    if (times == 1)
      add(a.words, static_cast<std::size_t>(std::lower_bound(ends.begin(), ends.end(), end) - ends.begin()),
          found->last);
    begin = end + 1;
  }
  const auto marks = marks_of_answer(scene, q, a.answer);
  std::size_t next = 0;
  for (auto i = static_cast<std::size_t>(a.answer_begin); marks && i + 1 < a.ids.size(); ++i) {
    const std::string token = Vocabulary::decode({a.ids[i]});
    const auto characters =
        static_cast<std::size_t>(std::count_if(token.begin(), token.end(), [](char c) { return c != ' '; }));
    if (characters > 0) add(a.answers, i - 1, (*marks)[next]);
    next += characters;
  }
}
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
  const std::vector<Word> words = drawn_words(scene);
  std::map<std::string, int> times;
  for (const Word& w : words) ++times[w.text];
  std::vector<scenes::Question> out;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (times[words[i].text] > 1) continue;
    scenes::Question q;
    q.question = "Read on from " + words[i].text + ".";
    q.boxes = {words[i].box};
    std::string answer;
    for (std::size_t k = i + 1;
         k < words.size() && (answer.empty() || answer.size() + 1 + words[k].text.size() <= drill_characters); ++k) {
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

Prompt prefix_of(const Example& e) {
  Prompt out;
  if (e.seconds.empty()) {
    out.ids = prefix_ids(e.grid.count());
    out.spans = {{pads_begin, e.grid, 0}};
    return out;
  }
  const auto say = [&](const std::string& text) {
    const auto ids = Vocabulary::encode(text);
    out.ids.insert(out.ids.end(), ids.begin(), ids.end());
  };
  say("<|im_start|>user\n<|vision_start|>");
  for (std::size_t pair = 0; pair < e.seconds.size(); ++pair) {
    say(io::clip_time_text(e.seconds[pair], ClipTimestamps::seconds) + "<|vision_start|>");
    out.spans.push_back({static_cast<Index>(out.ids.size()), e.grid, 0, static_cast<Index>(pair)});
    out.ids.insert(out.ids.end(), static_cast<std::size_t>(e.grid.count()), Vocabulary::special_id("<|video_pad|>"));
    say("<|vision_end|>");
  }
  say("<|vision_end|>");
  return out;
}

Example make_example(const scenes::Scene& scene, const ModelConfig& config, Index max_questions, std::uint64_t seed,
                     Index max_drills) {
  const VisionConfig& v = config.vision;
  const Index side = v.patch_size * v.spatial_merge_size, p = v.patch_size, h = scene.image.height,
              w = scene.image.width;
  require_that(h % side == 0 && w % side == 0, Code::bad_config, "train",
               "picture sides must be multiples of the token size");
  Example e;
  e.image_height = h;
  e.image_width = w;
  e.grid = {h / side, w / side};
  const bool film = !scene.frames.empty();
  std::vector<double> times;
  for (std::size_t f = 0; f < scene.frames.size(); ++f) times.push_back(scenes::video_seconds(static_cast<Index>(f)));
  e.seconds = qwen3vl::patch_seconds(times, v.temporal_patch_size);
  e.pixels.patches = {e.tokens().frames, h / p, w / p};
  e.pixels.rows.reserve(static_cast<std::size_t>(e.pixels.patches.count() * v.patch_values()));
  e.labels.assign(static_cast<std::size_t>(e.tokens().count() * reading_slots), 0);
  const auto frames = static_cast<Index>(scene.frames.size());
  for (Index pair = 0; pair < e.tokens().frames; ++pair) {
    const Index first = pair * v.temporal_patch_size;
    std::vector<ImageView> views;
    for (Index f = first; f < std::min(first + v.temporal_patch_size, frames); ++f)
      views.push_back(scene.frames[static_cast<std::size_t>(f)].image.view());
    if (!film) views.push_back(scene.image.view());
    const std::vector<float> rows = qwen3vl::patchify(views, v, {});
    e.pixels.rows.insert(e.pixels.rows.end(), rows.begin(), rows.end());
    for (const scenes::Mark& m : film ? scene.frames[static_cast<std::size_t>(first)].marks : scene.marks)
      if (const auto cell = cell_of(m, e.grid, side))
        e.labels[static_cast<std::size_t>((pair * e.grid.count() + cell->first) * reading_slots + cell->second)] =
            reading_class(m.what);
  }
  const std::vector<Word> words = drawn_words(scene);
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
      for (std::size_t k = 0; k < q.frames.size(); ++k) a.boxes[k].frame = q.frames[k] / v.temporal_patch_size;
      const auto answer = Vocabulary::encode(a.answer + "<|im_end|>");
      a.ids.insert(a.ids.end(), answer.begin(), answer.end());
      if (!film) point(scene, words, q, e.grid, side, a);
      e.questions.push_back(std::move(a));
    }
  };
  ask(scene.questions, max_questions, Rng(derive_seed(seed, "questions")));
  if (max_drills > 0 && !film) ask(reading_drills(scene), max_drills, Rng(derive_seed(seed, "drills")));
  return e;
}

}  // namespace arrcoc::train
