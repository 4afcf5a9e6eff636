// Datasets on disk: three kinds of file that say the same, folders that appear whole.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/image_file.hpp"
#include "io/temporary_folder.hpp"
#include "scenes/files/dataset.hpp"

using namespace arrcoc;
using namespace arrcoc::scenes;
using arrcoc::test::TemporaryFolder;
using nlohmann::json;

namespace {

DatasetOptions options(const std::filesystem::path& out, std::string_view scenario, Index count) {
  DatasetOptions o;
  o.out = out;
  o.count = count;
  o.scenarios = choose_scenarios(scenario);
  o.params.frames = 3;
  return o;
}

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::istringstream in(io::read_file(file));
  std::vector<std::string> out;
  for (std::string l; std::getline(in, l);) out.push_back(l);
  return out;
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> out(1);
  for (const char c : line) {
    if (c == '\t') out.emplace_back();
    else out.back() += c;
  }
  return out;
}

template <class F>
int code_of(F&& f) {
  try {
    f();
  } catch (const Error& e) { return static_cast<int>(e.code()); }
  return 0;
}

}  // namespace

TEST_CASE("base64 (RFC 4648, section 10) and JSON strings") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foob") == "Zm9vYg==");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64("\xff\xfe\xfb\xff") == "//77/w==");
  CHECK(json::parse(json_string("a\"b\\c\n\t\x01")) == "a\"b\\c\n\t\x01");
}

TEST_CASE("JSONL, TSV and COCO parse back and agree") {
  const TemporaryFolder folder;
  const auto out = folder.path / "set";
  GlyphAtlas atlas;
  DatasetOptions o = options(out, "all", 30);
  o.params.seed = 4'999'990;
  const DatasetSummary made = write_dataset(o, atlas);
  CHECK(made.scenes == 30);
  CHECK(made.pictures == 29 + 3);
  const auto rows = lines_of(out / "questions.jsonl"), table = lines_of(out / "questions.tsv");
  REQUIRE(static_cast<Index>(rows.size()) == made.questions);
  REQUIRE(table.size() == rows.size() + 1);
  CHECK(table[0] == "index\timage\tquestion\tanswer\tcategory\tsplit\tmetric\tboxes");
  std::set<std::string> ids, splits;
  std::size_t boxes = 0;
  std::string shown;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const json q = json::parse(rows[i]);
    CHECK(ids.insert(q.at("id").get<std::string>()).second);
    splits.insert(q.at("split").get<std::string>());
    for (const auto& name : q.at("images")) CHECK(std::filesystem::exists(out / name.get<std::string>()));
    CHECK(q.at("answers").empty() == (q.at("metric") == "none"));
    for (const auto& b : q.at("boxes")) CHECK((b.size() == 4 && b[0] < b[2] && b[1] < b[3]));
    if (q.contains("box_images")) CHECK(q.at("box_images").size() == q.at("boxes").size());
    CHECK(q.contains("cut_seconds") == (q.at("scenario") == "video"));
    if (q.contains("cut_seconds")) {
      CHECK(q.at("fps") == 8);
      REQUIRE(q.at("box_seconds").size() == q.at("boxes").size());
      for (std::size_t k = 0; k < q.at("box_seconds").size(); ++k)
        CHECK(q.at("box_seconds")[k].get<double>() * 8 == q.at("box_images")[k].get<double>());
    }
    boxes += q.at("boxes").size();
    const auto fields = fields_of(table[i + 1]);
    REQUIRE(fields.size() == 8);
    CHECK(fields[0] == std::to_string(i + 1));
    CHECK(fields[2] == q.at("question").get<std::string>());
    CHECK(json::parse(fields[7]) == q.at("boxes"));
    const std::string first = q.at("images")[0].get<std::string>(), bytes = base64(io::read_file(out / first));
    if (first != shown)
      CHECK((q.at("images").size() == 1 ? fields[1] == bytes : fields[1].starts_with("['" + bytes + "',")));
    else CHECK(fields[1].size() < 65);  // names the row that holds the picture
    if (first == shown) CHECK(fields_of(table[static_cast<std::size_t>(std::stol(fields[1]))])[1].size() > 65);
    shown = first;
  }
  CHECK(splits == std::set<std::string>{"train", "dev"});
  const json coco = json::parse(io::read_file(out / "boxes.json"));
  CHECK(static_cast<Index>(coco.at("images").size()) == made.pictures);
  CHECK(static_cast<Index>(coco.at("annotations").size()) == made.boxes);
  std::set<Index> images, categories;
  for (const auto& i : coco.at("images")) images.insert(i.at("id").get<Index>());
  for (const auto& c : coco.at("categories")) categories.insert(c.at("id").get<Index>());
  std::size_t answers = 0;
  for (const auto& a : coco.at("annotations")) {
    CHECK(images.contains(a.at("image_id").get<Index>()));
    CHECK(categories.contains(a.at("category_id").get<Index>()));
    answers += a.contains("question_id");
  }
  CHECK(answers == boxes);
  CHECK(json::parse(io::read_file(out / "dataset.json")).at("seed") == 4'999'990);
}

TEST_CASE("threads do not change a byte, and pictures on disk are the pictures drawn") {
  const TemporaryFolder folder;
  GlyphAtlas atlas;
  DatasetOptions one = options(folder.path / "one", "mixed", 40), three = options(folder.path / "three", "mixed", 40);
  three.threads = 3;
  write_dataset(one, atlas);
  write_dataset(three, atlas);
  for (const char* name : {"questions.jsonl", "questions.tsv", "boxes.json", "dataset.json"})
    CHECK_MESSAGE(io::read_file(one.out / name) == io::read_file(three.out / name), name);
  SceneParams p;
  p.scenario = one.scenarios[17 % one.scenarios.size()];
  p.seed = 17;
  CHECK(io::read_image(one.out / "images" / (p.scenario + "_17.png")) == make_scene(p, atlas).image);
}

TEST_CASE("JPEG files: nearer at higher quality") {
  const TemporaryFolder folder;
  GlyphAtlas atlas;
  const Image drawn = make_scene({}, atlas).image;
  const auto distance = [&](int quality) {
    DatasetOptions o = options(folder.path / std::to_string(quality), "receipt", 1);
    o.jpeg_quality = quality;
    write_dataset(o, atlas);
    const Image read = io::read_image(o.out / "images" / "receipt_0.jpg");
    REQUIRE(read.rgb.size() == drawn.rgb.size());
    double sum = 0;
    for (std::size_t i = 0; i < read.rgb.size(); ++i) sum += std::abs(int{read.rgb[i]} - int{drawn.rgb[i]});
    return sum / static_cast<double>(read.rgb.size());
  };
  const double high = distance(95), low = distance(10);
  CHECK(high < 2);
  CHECK(low > 1.5 * high);
}

TEST_CASE("folders appear whole or not at all") {
  const TemporaryFolder folder;
  GlyphAtlas atlas;
  const auto out = folder.path / "set";
  const auto left = [&] {
    return std::distance(std::filesystem::directory_iterator(folder.path), std::filesystem::directory_iterator{});
  };
  DatasetOptions o = options(out, "shapes", 20);
  o.stop = [n = 0]() mutable { return ++n > 5; };
  CHECK(write_dataset(o, atlas).stopped);
  CHECK(left() == 0);
  o.stop = nullptr;
  o.params.font_scale = 1;
  CHECK(code_of([&] { write_dataset(o, atlas); }) == 101);
  CHECK(left() == 0);
  o.params.font_scale = 100;
  write_dataset(o, atlas);
  CHECK(left() == 1);
  CHECK(code_of([&] { write_dataset(o, atlas); }) == 106);  // not over what is there
  o.out = folder.path / "other";
  o.count = 0;
  CHECK(code_of([&] { write_dataset(o, atlas); }) == 101);
}

TEST_CASE("scenarios by name, group and list") {
  CHECK(choose_scenarios("receipt") == std::vector<std::string>{"receipt"});
  CHECK(choose_scenarios("form,receipt,form") == std::vector<std::string>{"form", "receipt"});
  CHECK(choose_scenarios("control").size() == 7);
  CHECK(choose_scenarios("all").size() == scenarios().size());
  CHECK(choose_scenarios("mixed").size() == 18);
  for (const char* bad : {"", "recipt", "form,", "form,,shapes"}) CHECK(code_of([&] { choose_scenarios(bad); }) == 501);
}

TEST_CASE("an atlas file draws the same pictures, and what is no atlas is refused") {
  const TemporaryFolder folder;
  GlyphAtlas drawn, loaded;
  SceneParams p;
  const Image image = make_scene(p, drawn).image;
  drawn.save(folder.path / "glyphs");
  loaded.load(folder.path / "glyphs");
  CHECK(make_scene(p, loaded).image == image);
  const std::string bytes = io::read_file(folder.path / "glyphs");
  for (const std::size_t n : {std::size_t{0}, std::size_t{7}, std::size_t{11}, bytes.size() / 2, bytes.size() - 1}) {
    io::write_file(folder.path / "cut", bytes.substr(0, n));
    GlyphAtlas none;
    CHECK(code_of([&] { none.load(folder.path / "cut"); }) == 410);
  }
}

TEST_CASE("contact sheets") {
  GlyphAtlas atlas;
  SceneParams p;
  const Image sheet = contact_sheet(p, 2, 3, 2, atlas);
  CHECK(sheet.height == 2 * 132 + 4);
  CHECK(sheet.width == 3 * 132 + 4);
  CHECK(code_of([&] { contact_sheet(p, 0, 3, 2, atlas); }) == 101);
}
