// Questions about clips: order of parts, stock against keep-all, what is refused, and what the JSON says of time.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "arrcoc/engine/result_json.hpp"
#include "arrcoc/pipeline/clip.hpp"
#include "engine/demo_engine.hpp"
#include "pipeline/material.hpp"
#include "registry/errors.hpp"

using namespace arrcoc;
using namespace arrcoc::tests;

namespace {

/// Frames of noise that count how many were pulled.
struct Frames final : FrameSource {
  ClipInfo about;
  int* pulled;
  std::uint64_t at = 0;
  Frames(std::vector<double> seconds, Index height, Index width, int* count)
      : about{height, width, std::move(seconds), 2, {}, "noise"}, pulled(count) {
    for (std::size_t i = 0; i < about.seconds.size(); ++i) about.indices.push_back(static_cast<Index>(3 * i));
  }
  const ClipInfo& info() const override { return about; }
  Image next() override {
    ++*pulled;
    return noise_image(about.height, about.width, at++);
  }
};

InputClip clip(std::vector<double> seconds, Index height, Index width, int* pulled) {
  return {[=] { return std::make_unique<Frames>(seconds, height, width, pulled); }, "noise.mp4"};
}

AnswerRequest request(std::string_view pipeline, int* pulled, Index budget = 0) {
  AnswerRequest r;
  r.pictures.push_back({noise_image(64, 96, 5), "picture", 0, {}});
  r.clips.push_back(clip({0, 0.5, 1}, 160, 96, pulled));
  r.prompt = "When?";
  r.stock = pipeline == "stock";
  if (!r.stock) r.pipeline = preset_pipeline(pipeline);
  r.budget.tokens = budget;
  r.min_pixels = 1024;
  r.generation.max_new_tokens = 4;
  r.generation.ignore_eos = true;
  return r;
}

std::map<std::string, HostTensor> dumped(AnswerRequest r) {
  std::map<std::string, HostTensor> out;
  r.dump = [&](std::string_view name, const HostTensor& t) { out.emplace(name, t); };
  demo_engine().answer(r);
  return out;
}

Code code_of(const AnswerRequest& r) {
  try {
    demo_engine().answer(r);
  } catch (const Error& e) { return e.code(); }
  return Code{0};
}

}  // namespace

TEST_CASE("clips: keep-all is the stock model bit for bit, each frame is pulled once") {
  int pulled = 0;
  const AnswerResult stock = demo_engine().answer(request("stock", &pulled));
  CHECK(pulled == 3);
  CHECK(stock.grids == std::vector<Grid>{{2, 3}, {5, 3}});
  CHECK(stock.sources[1].pairs == std::vector<double>{0.25, 1});
  for (const char* pipeline : {"none/none/flat/full/gather", "none/none/flat/grid/gather",
                               "none/none/flat/random/layer", "none/feature_norm/fixed/top_k/gather"}) {
    const auto a = dumped(request("stock", &pulled)), b = dumped(request(pipeline, &pulled, 1000));
    CHECK(same_bits(a.at("logits").floats(), b.at("logits").floats()));
  }
}

TEST_CASE("clips: a budget is of the whole clip; the JSON has frame, time and place of every kept token") {
  int pulled = 0;
  const AnswerRequest r = request("none/frame_change:first=-1/fixed:scale=none/top_k/gather", &pulled, 7);
  const AnswerResult out = demo_engine().answer(r);
  CHECK(out.pictures[1].allocation.count() == 7);
  CHECK(out.costs.visual_tokens_before == 6 + 30);
  CHECK(out.costs.visual_tokens_after == 6 + 7);
  const auto json = nlohmann::json::parse(result_json(demo_engine().model(), r, out, {}));
  const auto& p = json.at("pictures").at(1);
  CHECK(p.at("file") == "noise.mp4");
  CHECK(p.at("size") == nlohmann::json({160, 96}));
  CHECK(p.at("frame_seconds") == nlohmann::json({0.0, 0.5, 1.0}));
  CHECK(p.at("frame_indices") == nlohmann::json({0, 3, 6}));
  CHECK(p.at("pairs").at(0) == nlohmann::json({{"frame", 0},
                                               {"seconds", 0.25},
                                               {"timestamp", "<0.2 seconds>"},
                                               {"tokens", 15},
                                               {"kept", 0},
                                               {"token_layers", 0.0},
                                               {"prefill_flops", 0.0},
                                               {"kv_bytes", 0.0}}));
  CHECK(p.at("pairs").at(1).at("kept") == 7);
  for (const auto& k : p.at("kept")) {
    CHECK(k.at("frame") == 1);
    CHECK(k.at("seconds") == 1.0);
    CHECK(k.at("token") == 15 + 3 * k.at("row").get<int>() + k.at("col").get<int>());
  }
  CHECK(!json.at("pictures").at(0).contains("pairs"));
  CHECK(!json.at("pictures").at(0).at("kept").at(0).contains("frame"));
}

TEST_CASE("clips: published methods and controls spend the budget exactly; with all of it they are the stock model") {
  int pulled = 0;
  const auto stock = dumped(request("stock", &pulled));
  for (const char* pipeline : {"uniform_frames", "vcast", "semvid", "dycoke", "vidcom2",
                               "none/frame_change/fixed/frame_quota:by=even:floor=2/gather"}) {
    CAPTURE(pipeline);
    for (const Index budget : {1, 7, 16, 29}) {
      const AnswerResult out = demo_engine().answer(request(pipeline, &pulled, budget));
      CHECK(out.pictures[1].allocation.tokens.frames == 2);
      CHECK(out.pictures[1].allocation.count() == budget);
    }
    const auto all = dumped(request(pipeline, &pulled, 1000));
    CHECK(same_bits(stock.at("logits").floats(), all.at("logits").floats()));
  }
  // One of two frames whole, and what is left of the budget of the other.
  const auto in_first = [&](const char* pipeline, Index budget) {
    const AnswerResult out = demo_engine().answer(request(pipeline, &pulled, budget));
    const auto& kept = out.pictures[1].allocation.kept;
    return std::count_if(kept.begin(), kept.end(), [](Index t) { return t < 15; });
  };
  CHECK(in_first("uniform_frames", 15) == 0);
  CHECK(in_first("uniform_frames", 16) == 15);
  CHECK(in_first("dycoke", 15) == 15);
  CHECK(in_first("dycoke", 20) == 15);
  CHECK(in_first("vcast", 8) == 4);
  CHECK(in_first("none/frame_change/fixed/frame_quota:by=even/gather", 9) == 5);
}

TEST_CASE("clips: DyCoke as a whole is two decisions, the second taken anew for each token among what the first left") {
  int pulled = 0;
  AnswerRequest r = request("stock", &pulled);
  r.stock = false;
  r.pipeline = parse_pipeline_name(
      "none/none/flat/dycoke/gather@20%layer_attention:layer=2:rows=last/fixed/top_k/reversible:before=3");
  r.budget.tokens = 5;
  const AnswerResult out = demo_engine().answer(r);
  REQUIRE(out.reselected.size() == 3);
  bool changes = false;
  for (const Reselected& turn : out.reselected) {
    const std::vector<Index>& kept = turn.kept.at(1);
    CHECK(kept.size() == 5);
    CHECK(std::includes(out.decisions[0].pictures[1].allocation.kept.begin(),
                        out.decisions[0].pictures[1].allocation.kept.end(), kept.begin(), kept.end()));
    changes = changes || kept != out.reselected[0].kept.at(1);
  }
  CHECK(changes);  // what one token did not look at comes back
}

TEST_CASE("clips: parts stand in the order given, text among them, in both layouts") {
  int pulled = 0;
  AnswerRequest r = request("stock", &pulled);
  const auto usual = dumped(r).at("input_ids").count();
  using Kind = RequestPart::Kind;
  r.parts = {{Kind::clip}, {Kind::text, "before"}, {Kind::picture}};
  const auto mixed = dumped(r);
  CHECK(mixed.at("input_ids").count() > usual);
  CHECK(mixed.at("frames").count() == 2);
  AnswerResult out = demo_engine().answer(r);
  CHECK(out.sources[0].is_clip());
  CHECK(!out.sources[1].is_clip());
  CHECK(out.grids == std::vector<Grid>{{5, 3}, {2, 3}});
  r.clip_layout = ClipLayout::flat;
  CHECK(dumped(r).at("input_ids").count() == mixed.at("input_ids").count() - 2);
  r.clip_layout = ClipLayout::block;
  CHECK(dumped(r).at("input_ids").count() < mixed.at("input_ids").count() - 10);
  r.parts = {{Kind::clip}, {Kind::text, "before"}};
  CHECK(code_of(r) == Code::bad_prompt);
}

TEST_CASE("clips: what is of pictures alone refuses them") {
  int pulled = 0;
  AnswerRequest r = request("none/text_likeness/fixed/top_k/gather", &pulled);
  CHECK(code_of(r) == Code::missing_evidence);
  r.pipeline = parse_pipeline_name("none/none/flat/full/gather:passes=fixations");
  CHECK(code_of(r) == Code::bad_usage);
  for (const char* change : {"grey_square", "flip", "brightness_0.8", "shift_32", "jpeg_30", "scale_2"}) {
    const std::string picture = std::string("picture=") + change;
    r.pipeline = parse_pipeline_name("none/none/flat/full/gather:" + picture);
    CHECK(code_of(r) == Code::bad_usage);
    CHECK_THROWS_WITH_AS(demo_engine().answer(r), doctest::Contains((picture + " is of pictures alone").c_str()),
                         Error);
  }
  r.pipeline = parse_pipeline_name("none/none/flat/one_region/downsample");
  CHECK(code_of(r) == Code::bad_stage_output);
  r = request("stock", &pulled);
  r.clips[0] = clip({0}, 64, 64, &pulled);
  CHECK(code_of(r) == Code::bad_video);
  r.clips[0] = clip({1, 0}, 64, 64, &pulled);
  CHECK(code_of(r) == Code::bad_video);
  ManyRequest many;
  many.shared = request("stock", &pulled);
  many.asks.push_back({});
  many.asks[0].prompt = "x";
  many.asks[0].pipeline = parse_pipeline_name("none/none/flat/full/gather:passes=fixations");
  CHECK_THROWS_AS(demo_engine().answer_many(many), Error);
}

TEST_CASE("clips: many questions at once get what each gets alone, the frames pulled once for all, or twice") {
  int pulled = 0;
  const std::vector<std::string> inside{"uniattn", "none/none/flat/random/early"};  // all pairs at once
  std::vector<std::string> columns{"stock", "full", "uniform_frames", "none/frame_change/fixed/top_k/gather",
                                   "default"};
  for (const bool more : {false, true}) {
    if (more) columns.insert(columns.begin() + 2, inside.begin(), inside.end());
    ManyRequest m;
    m.shared = request("stock", &pulled);
    for (const std::string& column : columns)
      for (const char* question : {"When?", "What is it?"}) {
        Ask& a = m.asks.emplace_back();
        a.prompt = question;
        a.stock = column == "stock";
        if (!a.stock) a.pipeline = preset_pipeline(column);
        a.budget.tokens = 7;
      }
    pulled = 0;
    const ManyResult many = demo_engine().answer_many(m);
    CHECK(pulled == (more ? 6 : 3));
    for (std::size_t i = 0; i < m.asks.size(); ++i) {
      CAPTURE(columns[i / 2]);
      AnswerRequest r = request(columns[i / 2], &pulled, 7);
      r.prompt = m.asks[i].prompt;
      const AnswerResult alone = demo_engine().answer(r), &together = many.answers[i];
      CHECK(together.tokens == alone.tokens);
      for (const std::size_t p : {0u, 1u}) CHECK(together.pictures[p].allocation == alone.pictures[p].allocation);
      CHECK(together.costs.prefill_flops == alone.costs.prefill_flops);
      CHECK(together.sources[1].pairs == alone.sources[1].pairs);
    }
  }
}

TEST_CASE("clips: the oracle keeps the cells under a frame's boxes in that frame's pair") {
  int pulled = 0;
  AnswerRequest r = request("oracle", &pulled, 2);
  r.pictures.clear();
  // Frames 0, 3 and 6 of the file; 160 x 96 px in 5 x 3 cells. Frame 1 was not looked at, 6 is the second pair.
  r.clips[0].boxes = {{0, 0, 32, 32, 1}, {64, 32, 96, 64, 3}, {128, 64, 160, 96, 6}};
  const AnswerResult out = demo_engine().answer(r);
  CHECK(out.pictures[0].allocation.kept == std::vector<Index>{7, 15 + 14});
  CHECK(boxes_of_pairs(r.clips[0].boxes, std::vector<Index>{0, 3, 6}, 2) ==
        std::vector<Box>{{64, 32, 96, 64, 0}, {128, 64, 160, 96, 1}});
  r.clips[0].boxes.clear();
  CHECK(code_of(r) == Code::missing_evidence);
}
