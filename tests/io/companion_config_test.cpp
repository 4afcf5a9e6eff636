// generation_config.json, the limits in preprocessor_config.json, the video processor's file.
#include <doctest/doctest.h>

#include "arrcoc/io/model_check.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/io/model_writer.hpp"
#include "demo_folder.hpp"

using namespace arrcoc;
using namespace arrcoc::io;
using test::Model;
using Json = nlohmann::json;

namespace {
constexpr const char *pictures = "preprocessor_config.json", *clips = "video_preprocessor_config.json",
                     *both = "processor_config.json", *generation = "generation_config.json";
}  // namespace

TEST_CASE("limits of the pictures: whole numbers written as floats, and transformers' own without a size") {
  const Model m;
  const auto limits = [&](const char* size, const char* key = "", const char* value = "") {
    Json j = m.json(pictures);
    j.erase("size");
    if (*size) j["size"] = Json::parse(size);
    if (*key) j[key] = Json::parse(value);
    m.put(pictures, j);
    const PreprocessConfig c = read_model_config(m.dir).preprocess;
    if (*key) j.erase(key), m.put(pictures, j);
    return std::pair(c.min_pixels, c.max_pixels);
  };
  CHECK(limits(R"({"shortest_edge":1024.0,"longest_edge":50000.0})") == std::pair<Index, Index>{1024, 50000});
  CHECK(limits("") == std::pair<Index, Index>{3136, 1003520});
  CHECK(limits("", "min_pixels", "1024") == std::pair<Index, Index>{1024, 1003520});
  CHECK(limits("", "max_pixels", "50000.0") == std::pair<Index, Index>{3136, 50000});
  m.set(pictures, "/resample", "3.0");
  CHECK(read_model_config(m.dir).preprocess.min_pixels == 3136);
  CHECK(read_model_config(m.dir).preprocess.resampling == Resampling::bicubic);
  m.set(pictures, "/resample", "2");
  CHECK(read_model_config(m.dir).preprocess.resampling == Resampling::bilinear);
  m.set(pictures, "/resample", "1.0");
  CHECK(read_model_config(m.dir).preprocess.resampling == Resampling::lanczos);
}

TEST_CASE("generation_config: what forbids tokens is read, what says something else is named") {
  const Model m;
  CHECK(read_model_config(m.dir).unused.empty());
  Json j = m.json(generation);
  j.update(Json::parse(R"({"no_repeat_ngram_size":3,"bad_words_ids":[[1,2],[3]],"suppress_tokens":[5,-1],"min_p":0.25,
    "begin_suppress_tokens":[6],"min_new_tokens":2,"max_new_tokens":99,"num_beams":1,"typical_p":1.0,"num_return_sequences":1,
    "early_stopping":false,"top_h":null,"pad_token_id":7,"use_cache":false})"));
  m.put(generation, j);
  const GenerationDefaults g = read_model_config(m.dir).generation;
  CHECK(g.bans.no_repeat_ngram_size == 3);
  CHECK(g.bans.bad_words_ids == std::vector<std::vector<TokenId>>{{1, 2}, {3}});
  CHECK(g.bans.suppress_tokens == std::vector<TokenId>{5, -1});
  CHECK(g.bans.begin_suppress_tokens == std::vector<TokenId>{6});
  CHECK(g.bans.min_new_tokens == 2);
  CHECK(g.bans.stop_ids == g.stop_ids);
  CHECK(g.max_new_tokens == 99);
  CHECK(g.min_p == 0.25f);
  CHECK(read_model_config(m.dir).unused.empty());
  j.update(Json::parse(R"({"num_beams":4,"early_stopping":true,"my_own":[1]})"));
  m.put(generation, j);
  CHECK(read_model_config(m.dir).unused == std::vector<std::string>{"generation_config.json's early_stopping (true)",
                                                                    "generation_config.json's my_own ([1])",
                                                                    "generation_config.json's num_beams (4)"});
}

TEST_CASE("the video processor: nested, its own file, or the pictures'; what it leaves out is transformers' default") {
  const Model m;
  const auto video = [&] { return read_model_config(m.dir).video; };
  const auto limits = [&] { return std::pair(video()->min_pixels, video()->max_pixels); };
  using Limits = std::pair<Index, Index>;
  CHECK(limits() == Limits{4096, 8388608});
  m.put(clips, Json::object());
  CHECK(limits() == Limits{131072, 786432});
  CHECK(video()->mean == std::vector<double>{.5, .5, .5});
  CHECK(video()->fps == 2);
  CHECK(video()->max_frames == 768);
  CHECK(video()->frame_cap == 0);
  m.put(clips, Json::parse(R"({"size":{"shortest_edge":2048.0,"longest_edge":281474976710656},"fps":0.5,"min_frames":2,
    "max_frames":9,"cap_pixels_per_frame":true,"max_video_tokens":16,"image_mean":[0.1,0.2,0.3],"image_std":[0.4,0.5,0.6],
    "num_frames":null,"return_metadata":false,"do_sample_frames":true,"video_processor_type":"Qwen3VLVideoProcessor"})"));
  CHECK(limits() == Limits{2048, Index{1} << 48});
  CHECK(video()->fps == 0.5);
  CHECK(video()->min_frames == 2);
  CHECK(video()->max_frames == 9);
  CHECK(video()->frame_cap == 16);
  CHECK(video()->mean == std::vector<double>{.1, .2, .3});
  CHECK(video()->std_dev == std::vector<double>{.4, .5, .6});
  CHECK(read_model_config(m.dir).unused.empty());
  m.set(clips, "/max_pixels", "99");
  CHECK(read_model_config(m.dir).unused ==
        std::vector<std::string>{"video_preprocessor_config.json's max_pixels (99)"});
  // In front of both: the object of processor_config.json. Behind: the pictures' file, unless it is of Qwen2-VL.
  m.put(both, Json::parse(R"({"video_processor":{"max_frames":7}})"));
  CHECK(video()->max_frames == 7);
  CHECK(read_model_config(m.dir).preprocess.min_pixels == 65536);
  m.put(both, Json::object());
  std::filesystem::remove(m.dir / clips);
  CHECK(limits() == Limits{65536, 2097152});
  m.set(pictures, "/image_processor_type", "\"Qwen2VLImageProcessor\"");
  CHECK(!video());
  m.put(both, Json{{"image_processor", m.json(pictures)}});
  std::filesystem::remove(m.dir / pictures);
  CHECK(!video());
}

TEST_CASE("the video processor: what is wrong or cannot be followed is named, in one sentence") {
  const Model m;
  const Json good = m.json(clips);
  const char* const table[][3] = {
      {"/size/shortest_edge", "-1", "size.shortest_edge: expected an integer from 1 to 281474976710656, got -1"},
      {"/size/longest_edge", "281474976710657", "size.longest_edge: expected an integer from 1 to 281474976710656"},
      {"/size/longest_edge", "1e300", "size.longest_edge: expected a number from 1.0 to 281474976710656.0"},
      {"/size/longest_edge", "99", "size: expected shortest_edge <= longest_edge (pixel counts), got 4096 and 99"},
      {"/size/longest_edge", "", "size.longest_edge: expected, got none"},
      {"/size", "448", "size: expected an object, got 448"},
      {"/fps", "0", "fps: expected a number from"},
      {"/fps", "-2", "fps: expected a number from"},
      {"/fps", "\"two\"", "fps: expected a number from"},
      {"/num_frames", "8", "num_frames: expected none beside frames a second (transformers refuses both), got 8"},
      {"/min_frames", "0", "min_frames: expected an integer from 1"},
      {"/max_frames", "3", "max_frames: expected at least min_frames (4), got 3"},
      {"/max_frames", "1.5", "max_frames: expected an integer from 1"},
      {"/do_sample_frames", "false", "do_sample_frames: expected true, got false"},
      {"/do_resize", "false", "do_resize: expected true, got false"},
      {"/resample", "4", "resample: expected 1 (Lanczos), 2 (bilinear) or 3 (bicubic), got 4 (box)"},
      {"/rescale_factor", "1", "rescale_factor: expected 1/255, got 1"},
      {"/image_mean", "0.5", "image_mean: expected three numbers, got 0.5"},
      {"/image_std", "[0.5,-1,0.5]", "image_std: expected three positive numbers, got [0.5,-1,0.5]"},
      {"/patch_size", "14", "patch_size: expected 16 as vision_config.patch_size says, got 14"},
      {"/temporal_patch_size", "4", "temporal_patch_size: expected 2"},
      {"/cap_pixels_per_frame", "1", "cap_pixels_per_frame: expected true or false, got 1"},
      {"/max_video_tokens", "100000000", "max_video_tokens: expected an integer from 1 to 99999999"},
      {"/video_processor_type", "\"Qwen2VLVideoProcessor\"",
       "video_processor_type: expected \"Qwen3VLVideoProcessor\", got \"Qwen2VLVideoProcessor\""},
  };
  for (const auto& entry : table) {
    const auto& [pointer, value, expected] = entry;
    m.set(clips, pointer, value);
    const ModelConfig read = read_model_config(m.dir);  // for pictures it is as good as any
    const std::string& said = read.clips_refused;
    CHECK(!read.video);
    const std::string at = pointer, named = "video_preprocessor_config.json." + std::string(expected);
    CHECK_MESSAGE(test::has(said, named), at << ": " << said);
    CHECK_MESSAGE(!test::has(said, "; "), said);
    m.put(clips, good);
  }
  std::ofstream(m.dir / clips) << R"({"fps": NaN})";
  CHECK(test::has(read_model_config(m.dir).clips_refused, clips));
  m.put(clips, Json::array());
  CHECK(
      test::has(read_model_config(m.dir).clips_refused, "video_preprocessor_config.json: expected an object, got []"));
  m.put(clips, good);
  CHECK(read_model_config(m.dir).clips_refused.empty());
}

TEST_CASE("the video processor of a model that is written is the one that it was read with") {
  const Model m;
  m.put(clips,
        Json::parse(R"({"size":{"shortest_edge":2048,"longest_edge":9000},"fps":0.5,"min_frames":2,"max_frames":9,
    "cap_pixels_per_frame":true,"max_video_tokens":16,"image_mean":[0.1,0.2,0.3]})"));
  const ModelFolder read = open_model(m.dir.string(), {}, "auto");
  ModelFiles files;
  files.config = read.config;
  const Json tokenizer = m.json("tokenizer.json");
  for (const Json& t : tokenizer.at("added_tokens"))
    files.added_tokens.push_back({t.at("content"), t.at("id"), t.at("special")});
  for (const ExpectedTensor& t : expected_weights(read.config))
    if (const auto tensor = read.weights(t.name)) files.tensors[t.name] = *tensor;
  write_model_folder(m.path / "again", files);
  const VideoPreprocessConfig again = read_model_config(m.path / "again").video.value();
  CHECK(std::pair(again.min_pixels, again.max_pixels) == std::pair<Index, Index>{2048, 9000});
  CHECK(again.mean == std::vector<double>{.1, .2, .3});
  CHECK(again.fps == 0.5);
  CHECK(std::pair(again.min_frames, again.max_frames) == std::pair<Index, Index>{2, 9});
  CHECK(again.frame_cap == 16);
}
