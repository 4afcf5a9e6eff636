// What a question asks for by its words, and that the tensions it sets move the balance that way.
#include "arrcoc/balancers/question_kind.hpp"

#include <doctest/doctest.h>

#include <numeric>

#include "arrcoc/balancers/tension.hpp"
#include "laws/material.hpp"

using namespace arrcoc;

namespace {
TensionPoles settings(const char* question) { return read_question(question).tensions; }
/// Share of relevance in its greatest eighth: how focused it is. Depth has a curve of its own and stays as it is.
double concentration(const char* question) {
  const TensionPoles s = settings(question);
  Evidence e;
  e.tokens = Grid{16, 16};
  const auto maps = laws::scores(3 * 256, 5, false);
  auto r = AdaptiveTensionBalancer{{.particularize = s.particularize, .explore = s.explore, .diversify = s.diversify}}
               .balance(maps, e)
               .relevance;
  std::sort(r.rbegin(), r.rend());
  const auto sum = [&](std::ptrdiff_t n) { return std::accumulate(r.begin(), r.begin() + n, 0.0); };
  return sum(32) / sum(256);
}
}  // namespace

TEST_CASE("the notes' ordinal cases hold") {
  const auto formula = settings("What is the formula?"), describe = settings("Describe the scene"),
             unusual = settings("What is unusual here?"), car = settings("Where is the red car?"),
             list = settings("List all the objects");
  // (compress, exploit, focus) of the notes: formula .15 .60 .85, describe .80 .35 .25, unusual .50 .15 .40, the red
  // car exploit .75 focus .85, list explore .20 as exploit, focus .30. particularize = 1 - compress, and so on.
  CHECK(formula.particularize > unusual.particularize);
  CHECK(unusual.particularize > describe.particularize);
  CHECK(formula.diversify < unusual.diversify);
  CHECK(unusual.diversify < describe.diversify);
  CHECK(formula.explore < describe.explore);
  CHECK(describe.explore < unusual.explore);
  CHECK(car.explore < formula.explore);
  CHECK(car.diversify < list.diversify);
  CHECK(list.explore > describe.explore);
  CHECK(formula.deep > describe.deep);
  // What they do to the same three maps: formula is more focused than unusual, and that than describe.
  const double f = concentration("What is the formula?"), u = concentration("What is unusual here?"),
               d = concentration("Describe the scene");
  MESSAGE("share of relevance in the best eighth: formula ", f, ", unusual ", u, ", describe ", d);
  CHECK(f > u);
  CHECK(u > d);
}

TEST_CASE("kinds, confidence, and one sentence that says what was done") {
  const auto kind = [](const char* q) { return read_question(q).kind; };
  CHECK(kind("How many cars are visible?") == QuestionKind::count);
  CHECK(kind("Find the cat") == QuestionKind::specific);
  CHECK(kind("What does the grey text say?") == QuestionKind::specific);
  CHECK(kind("What is the TOTAL amount?") == QuestionKind::detail);
  CHECK(kind("Tell me about it") == QuestionKind::describe);
  for (const char* q : {"", "?", "Hm", "discount"}) {  // a word inside a word is none
    CHECK(kind(q) == QuestionKind::vague);
    CHECK(read_question(q).confidence == 0.f);
  }
  // What is counted is not what is asked.
  for (const char* q : {"How many times does it rain?", "How many dates are there?", "How many numbers?",
                        "how many different prices are listed", "How many red numbers do you see?", "How many pages"}) {
    CAPTURE(q);
    const QuestionReading r = read_question(q);
    CHECK(r.kind == QuestionKind::count);
    CHECK(r.words == "'how many'");
    CHECK(r.confidence == 1.f);
    CHECK_FALSE(r.mixed);
  }
  // A detail beside it makes it less sure, no other kind; two outweigh it. Alone they are what they were.
  const QuestionReading beside = read_question("How many times does the total appear?");
  CHECK(beside.kind == QuestionKind::count);
  CHECK(beside.confidence == 0.5f);
  CHECK(beside.mixed);
  CHECK(kind("How many lines stand above the total price of it?") == QuestionKind::detail);
  for (const char* q :
       {"What time is it?", "Which date is it?", "What is the number?", "So many dates: which price?"}) {
    CAPTURE(q);
    CHECK(kind(q) == QuestionKind::detail);
  }
  CHECK(kind("List the dates") == QuestionKind::detail);  // one cue each, and no "how many"
  const auto mixed = read_question("Describe the total");
  CHECK(mixed.confidence == 0.5f);
  CHECK(mixed.mixed);
  CHECK(mixed.kind == QuestionKind::detail);
  // A mixed question moves half as far.
  CHECK(mixed.tensions.diversify == doctest::Approx((0.5 + settings("total").diversify) / 2));
  CHECK(read_question("How many cats?").why.starts_with("'how many': count; it diversifies"));
  for (const char* q : {"", "total", "describe", "how many", "odd", "find"}) {
    const auto t = settings(q);
    for (const float v : {t.particularize, t.explore, t.diversify, t.deep}) CHECK((v >= 0.f && v <= 1.f));
    CHECK(AdaptiveTensionBalancer{{.particularize = t.particularize, .explore = t.explore}}.config.validate().empty());
  }
}
