// Scorers that look at an earlier look: against NumPy (tests/oracle/overlap_rules.py), and what they refuse.
//
// Inhibition worked out: a 2 x 3 grid whose token 0 was kept, radius 1, decay 1/2. It covers itself wholly; 1, 3 and 4
// are one token away, 2 and 5 two:
//   cover  1 .5 0 / .5 .5 0    ->    0 .5 1 / .5 .5 1
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "arrcoc/scorers/previous/inhibition.hpp"
#include "arrcoc/scorers/previous/previous_attention.hpp"
#include "arrcoc/scorers/previous/previous_relevance.hpp"

using namespace arrcoc;

namespace {

template <class T>
std::vector<T> numbers(std::istream& in) {
  std::string line;
  std::getline(in, line);
  std::istringstream words(line);
  std::vector<T> out;
  for (T x{}; words >> x;) out.push_back(x);
  return out;
}

Evidence after(Look look, TokenSet now) {
  Evidence e;
  look.tokens = on_grid(look.tokens, now.grid);
  e.tokens = std::move(now);
  e.previous = std::move(look);
  return e;
}

}  // namespace

TEST_CASE("maps of an earlier look, carried by area, are NumPy's") {
  std::ifstream in(ARRCOC_TESTS_DIR "/golden/overlap.txt");
  Index maps = 0;
  for (std::string head; std::getline(in, head);) {
    if (head.empty()) continue;
    CAPTURE(head);
    std::istringstream words(head);
    std::string name;
    Index rows = 0, cols = 0, now_rows = 0, now_cols = 0;
    InhibitionConfig config;
    words >> name >> rows >> cols >> now_rows >> now_cols >> config.radius >> config.decay;
    Look look{TokenSet(rows, cols), numbers<float>(in), {}};
    look.kept = numbers<Index>(in);
    look.attention = look.relevance;
    const std::vector<float> boxes = numbers<float>(in), expected = numbers<float>(in);
    TokenSet now(now_rows, now_cols);
    for (std::size_t i = 0; i + 3 < boxes.size(); i += 4)
      now.places.push_back({boxes[i], boxes[i + 1], boxes[i + 2], boxes[i + 3]});
    const Evidence e = after(look, now);
    const std::vector<float> map = name == "inhibition"           ? InhibitionScorer{config}.score(e)
                                   : name == "previous_relevance" ? PreviousRelevanceScorer{}.score(e)
                                                                  : PreviousAttentionScorer{}.score(e);
    REQUIRE(map.size() == expected.size());
    for (std::size_t i = 0; i < map.size(); ++i) CHECK(std::abs(map[i] - expected[i]) <= 2e-6f);
    ++maps;
  }
  CHECK(maps == 30);
}

TEST_CASE("inhibition, worked out; before the first fixation there is none") {
  Look look{TokenSet(2, 3), std::vector<float>(6), {0}};
  CHECK(InhibitionScorer{{.radius = 1, .decay = 0.5}}.score(after(look, TokenSet(2, 3))) ==
        std::vector<float>{0, .5f, 1, .5f, .5f, 1});
  look.kept.clear();
  CHECK(InhibitionScorer{}.score(after(look, TokenSet(2, 3))) == std::vector<float>(6, 1.f));
}

TEST_CASE("what an earlier look does not have is refused") {
  Evidence e;
  e.tokens = TokenSet(2, 2);
  const auto refusal = [&](const auto& scorer) {
    try {
      (void)scorer.score(e);
    } catch (const Error& error) {
      CHECK(error.code() == Code::missing_evidence);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  CHECK(refusal(PreviousRelevanceScorer{}).find("an earlier look") != std::string::npos);
  e.previous = Look{TokenSet(2, 2), std::vector<float>(4), {0}};
  CHECK(refusal(PreviousAttentionScorer{}).find("expected an earlier look that answered") != std::string::npos);
  Look torn{TokenSet(2, 2), std::vector<float>(3), {0}};
  e.previous = torn;
  CHECK_THROWS_AS(PreviousRelevanceScorer{}.score(e), Error);
}
