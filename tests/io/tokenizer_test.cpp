#include <doctest/doctest.h>

#include <ctime>
#include <random>

#include "arrcoc/core/error.hpp"
#include "io/temporary_folder.hpp"
#include "io/tokenizer_fixture.hpp"

using namespace arrcoc;
using namespace arrcoc::test;
using io::Tokenizer;

namespace {

std::string refusal(const Json& json) {
  try {
    Tokenizer::from_json(json.dump(), "t.json");
  } catch (const Error& e) {
    CHECK(e.code() == Code::bad_tokenizer);
    return e.what();
  }
  return "accepted";
}
void check_refused(const std::string& text, const std::string& part) {
  try {
    Tokenizer::from_json(text, "t.json");
    FAIL_CHECK("accepted: ", part);
  } catch (const Error& e) {
    CHECK(e.code() == Code::bad_tokenizer);
    CHECK_MESSAGE(std::string(e.what()).find(part) != std::string::npos, std::string(e.what()), " should say ", part);
  }
}
void put(const std::filesystem::path& file, const std::string& text) { std::ofstream(file, std::ios::binary) << text; }

void check_golden(const Tokenizer& tokenizer) {
  std::ifstream in(golden_folder() / "cases.jsonl");
  int cases = 0;
  for (std::string line; std::getline(in, line); ++cases) {
    const Json gold = Json::parse(line);
    const std::string text = gold["text"];
    INFO(text);
    const std::vector<TokenId> ids = gold["ids"];
    CHECK(tokenizer.encode(text) == ids);
    CHECK(tokenizer.encode(text, false) == gold["plain"].get<std::vector<TokenId>>());
    if (tokenizer.decode(ids) != text) continue;  // NFC changed it: the other package counts places differently
    const std::vector<io::TokenAt> tokens = tokenizer.encode_at(text);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::size_t begin = tokens[i].begin;  // it names the character, we the byte
      while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
      CHECK(begin == gold["begins"][i].get<std::size_t>());
    }
  }
  CHECK(cases == 200);
}

}  // namespace

TEST_CASE("the small vocabulary: ids and places are those of Hugging Face tokenizers") {
  check_golden(golden_tokenizer());
}

TEST_CASE("merges as strings, and as vocab.json with merges.txt, give the same tokenizer") {
  Json json = golden_json();
  std::string lines = "#version: 0.2\n";
  for (Json& merge : json["model"]["merges"]) {
    const std::string line = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
    lines += line + "\n";
    merge = line;
  }
  check_golden(Tokenizer::from_json(json.dump(), "strings"));

  Json reordered = Json::parse(json.dump());
  const std::string late =
      "{\"added_tokens\":" + reordered["added_tokens"].dump() +
      ",\"model\":{\"merges\":" + reordered["model"]["merges"].dump() +
      ",\"vocab\":" + reordered["model"]["vocab"].dump() +
      "},\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":" + reordered["pre_tokenizer"].dump() +
      ",\"decoder\":{\"type\":\"ByteLevel\"}}";
  check_golden(Tokenizer::from_json(late, "merges first"));

  TemporaryFolder folder;
  put(folder.path / "vocab.json", json["model"]["vocab"].dump());
  put(folder.path / "merges.txt", lines);
  Json decoder = Json::object();
  for (Json token : json["added_tokens"]) {
    const std::string id = std::to_string(token["id"].get<int>());
    token.erase("id");
    decoder[id] = token;
  }
  put(folder.path / "tokenizer_config.json",
      Json{{"tokenizer_class", "Qwen2Tokenizer"}, {"added_tokens_decoder", decoder}}.dump());
  check_golden(Tokenizer::from_folder(folder.path));
  put(folder.path / "tokenizer_config.json", Json{{"tokenizer_class", "LlamaTokenizer"}}.dump());
  CHECK_THROWS_WITH_AS(Tokenizer::from_folder(folder.path), doctest::Contains("LlamaTokenizer"), Error);
  std::filesystem::remove(folder.path / "tokenizer_config.json");
  put(folder.path / "added_tokens.json", R"({"<think>": 724})");
  CHECK(Tokenizer::from_folder(folder.path).encode("<think>") == std::vector<TokenId>{724});
  std::filesystem::remove(folder.path / "merges.txt");
  CHECK_THROWS_AS(Tokenizer::from_folder(folder.path), Error);
}

TEST_CASE("a pair that changed waits for its new rank, in long pieces as in short ones") {
  Json json = golden_json();
  Json vocab = Json::object();
  for (int byte = 0; byte < 256; ++byte) vocab[detail::spell(std::string(1, static_cast<char>(byte)))] = byte;
  for (const char* token : {"bc", "ab", "xa", "abc"}) vocab[token] = vocab.size();
  json["model"]["vocab"] = vocab;
  json["model"]["merges"] = {"b c", "a b", "x a", "a bc"};
  const Tokenizer t = Tokenizer::from_json(json.dump(), "stale");
  const std::vector<TokenId> once{258, 256};  // xa bc
  CHECK(t.encode("xabc") == once);
  std::string text;
  std::vector<TokenId> ids;
  for (int i = 0; i < 50; ++i) {
    text += "xabc";
    ids.insert(ids.end(), once.begin(), once.end());
  }
  CHECK(t.encode(text) == ids);
}

TEST_CASE("Qwen's vocabulary: the published vectors") {
  const std::optional<Tokenizer> qwen = qwen_tokenizer();
  if (!qwen) {
    MESSAGE("skipped: no tokenizer/qwen.tiktoken in ../shared/data or ARRCOC_SHARED");
    return;
  }
  using Ids = std::vector<TokenId>;
  const std::pair<std::string, Ids> vectors[] = {{"Hello world", {9707, 1879}},
                                                 {" Hello world", {21927, 1879}},
                                                 {"\n", {198}},
                                                 {"\n\n", {271}},
                                                 {"user", {872}},
                                                 {"assistant", {77091}},
                                                 {"system", {8948}},
                                                 {"Describe this image.", {74785, 419, 2168, 13}},
                                                 {"123", {16, 17, 18}},
                                                 {"a  b", {64, 220, 293}},
                                                 {"x \n y", {87, 715, 379}},
                                                 {"a\r\n\r\nb", {64, 871, 65}},
                                                 {"it's IT'S", {275, 594, 8700, 13272}},
                                                 {"e\u0301", {963}},
                                                 {"\u00e9", {963}},
                                                 {"\u212b", {144044}},
                                                 {"\u65e5\u672c\u8a9e", {101059, 102819}},
                                                 {"\U0001F642", {145080}},
                                                 {"< think>", {27, 1744, 29}},
                                                 {"</think>\n\n", {151668, 271}},
                                                 {"<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n",
                                                  {151644, 872, 198, 14990, 151645, 198, 151644, 77091, 198}},
                                                 {"<|endoftext|>", {151643}},
                                                 {"<|image_pad|>", {151655}},
                                                 {"<|vision_start|>", {151652}}};
  for (const auto& vector : vectors) {
    INFO(vector.first);
    CHECK(qwen->encode(vector.first) == vector.second);
  }
  CHECK(qwen->size() == 151669);
  CHECK(qwen->is_special(151655));
  CHECK_FALSE(qwen->is_special(151667));
}

TEST_CASE("a million bytes of anything take under a second") {
  const std::size_t million = 1 << 20;
  std::string marks = "a";
  while (marks.size() < million) marks += "\u0301\u0323";
  std::string almost;
  while (almost.size() < million) almost += "<|im_";
  const std::string inputs[] = {std::string(million, 'a'),
                                std::string(million, ' '),
                                std::string(million, ' ') + "x",
                                std::string(million, '\n'),
                                std::string(million, '='),
                                std::string(million, '<'),
                                std::string(million, '7'),
                                marks,
                                almost};
  for (const std::string& text : inputs) {
    INFO("starts with ", text.substr(0, 5));
    const std::clock_t begin = std::clock();
    const std::vector<TokenId> ids = golden_tokenizer().encode(text);
    CHECK(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC < 1.0);
    if (text != marks) CHECK(golden_tokenizer().decode(ids) == text);
  }
}

TEST_CASE("decode replaces ill-formed bytes as Python's errors='replace' does") {
  const std::string r = "\uFFFD";
  const std::pair<std::string, std::string> vectors[] = {{"\xF0\x9F\x99", r},
                                                         {"\xF0\x9F\x99\x82", "\U0001F642"},
                                                         {"\xE2\x28\xA1", r + "(" + r},
                                                         {"\xED\xA0\x80", r + r + r},
                                                         {"\xC0\xAF", r + r},
                                                         {"\xF4\x90\x80\x80", r + r + r + r},
                                                         {"\xF1\x80\x80\x41", r + "A"},
                                                         {"\xE0\x80\xAF", r + r + r},
                                                         {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", r + r + r + r + "A"},
                                                         {"\xFF\xFE", r + r},
                                                         {"a\x80z", "a" + r + "z"},
                                                         {"\xC3", r},
                                                         {"\xC3\xC3\xA9", r + "\u00e9"}};
  for (const auto& [bytes, text] : vectors) {
    const std::vector<TokenId> ids = byte_ids(golden_tokenizer(), bytes);
    CHECK(golden_tokenizer().decode(ids) == text);
    io::StreamDecoder stream(golden_tokenizer());
    std::string streamed;
    for (const TokenId id : ids) streamed += stream.push(id);
    CHECK(streamed + stream.finish() == text);
    CHECK(stream.finish().empty());
  }
}

TEST_CASE("a stream never shows part of a character, and shows it as soon as it is whole") {
  io::StreamDecoder stream(golden_tokenizer());
  const std::vector<TokenId> ids = byte_ids(golden_tokenizer(),
                                            "a\xF0\x9F\x99\x82"
                                            "b");
  std::vector<std::string> shown;
  for (const TokenId id : ids) shown.push_back(stream.push(id));
  CHECK(shown == std::vector<std::string>{"a", "", "", "", "\U0001F642", "b"});
  CHECK(stream.finish().empty());

  // Bytes that begin a character but are followed by another token's bytes.
  const std::vector<TokenId> broken = byte_ids(golden_tokenizer(), "\xF0\x9Fx");
  CHECK(stream.push(broken[0]).empty());
  CHECK(stream.push(broken[1]).empty());
  CHECK(stream.push(broken[2]) == "\uFFFDx");

  std::mt19937 random(5);
  for (int round = 0; round < 500; ++round) {
    std::vector<TokenId> any;
    for (int i = 0; i < 12; ++i)
      any.push_back(static_cast<TokenId>(random() % static_cast<unsigned>(golden_tokenizer().size())));
    io::StreamDecoder all(golden_tokenizer(), false);
    std::string text;
    for (const TokenId id : any) text += all.push(id);
    CHECK(text + all.finish() == golden_tokenizer().decode(any));
  }
}

TEST_CASE("special tokens: by content, skipped on request, plain on request") {
  const Tokenizer& t = golden_tokenizer();
  const TokenId end = t.id_of("<|im_end|>"), think = t.id_of("<think>");
  CHECK(t.decode({end, think}) == "<|im_end|><think>");
  CHECK(t.decode({end, think}, true) == "<think>");
  CHECK(t.bytes_of(end) == "<|im_end|>");
  io::StreamDecoder hides(t), shows(t, false);
  CHECK(hides.push(end).empty());
  CHECK(hides.push(think) == "<think>");
  CHECK(shows.push(end) == "<|im_end|>");
  CHECK(t.id_of("no such token") == -1);
  CHECK(t.encode("<|im_end|>", false).size() > 1);
  CHECK(t.decode(t.encode("<|im_end|>", false)) == "<|im_end|>");

  const std::string text = "<|im_end|> <|im_end|> <|im_end|>";
  const io::TextRange middle{11, 21};
  std::vector<std::size_t> places;
  for (const io::TokenAt& token : t.encode_at(text, std::span(&middle, 1)))
    if (token.id == end) places.push_back(token.begin);
  CHECK(places == std::vector<std::size_t>{0, 22});
  const io::TextRange touching{5, 6};  // a token that a plain range cuts is none
  CHECK(t.encode_at("<|im_end|>", std::span(&touching, 1)).size() > 1);

  for (const TokenId id : {-1, static_cast<int>(t.size()), 2147483647})
    CHECK_THROWS_WITH_AS(t.decode({id}), doctest::Contains(std::to_string(id).c_str()), Error);
}

TEST_CASE("added tokens: the longest at the leftmost place; normalised ones are found after NFC") {
  Json json = golden_json();
  const auto add = [&](const char* content, int id, bool normalized) {
    json["added_tokens"].push_back({{"id", id}, {"content", content}, {"special", false}, {"normalized", normalized}});
  };
  add("[ab", 726, false);
  add("[abcd]", 727, false);
  add("bcd]!", 728, false);
  add("\u00e9\u00e9", 729, true);
  const Tokenizer t = Tokenizer::from_json(json.dump(), "added");
  CHECK(t.encode("[abcd]") == std::vector<TokenId>{727});
  CHECK(t.encode("[abcd]!").size() == 2);
  CHECK(t.encode("[abcx")[0] == 726);
  CHECK(t.encode("xbcd]!").back() == 728);
  CHECK(t.encode("e\u0301e\u0301") == std::vector<TokenId>{729});
  CHECK(t.encode("e\u0301e\u0301", false).size() > 1);
  CHECK(t.encode_at("xe\u0301\u00e9y")[1].begin == 1);
  const std::vector<io::TokenAt> moved = t.encode_at("a\u0315\u0316");  // the marks change places, a does not
  CHECK(moved[0].begin == 0);
  CHECK(moved[1].begin == 1);
}

TEST_CASE("white space, letters and numbers are those of Unicode 16, whatever PCRE2 knows") {
  // Merges of a neighbour with a character's first byte show whether the two came in one piece.
  Json json = golden_json();
  const auto merge = [&](const std::string& left, const std::string& bytes) {
    const std::string right = detail::spell(bytes.substr(0, 1));
    if (json["model"]["vocab"].contains(left + right)) return;
    json["model"]["vocab"][left + right] = 1000 + json["model"]["vocab"].size();
    json["model"]["merges"].push_back({left, right});
  };
  struct Case {
    std::string left, character;
    bool together;
  };
  const Case cases[] = {
      {"!", "\u180e", true},  // no space since Unicode 6.3
      {"!", "\u0085", false},     {"!", "\u2003", false},
      {"!", "\u200b", true},                                  // NEL and EM SPACE are, ZERO WIDTH SPACE is not
      {"x", "\U0002EBF0", true},  {"x", "\U000323AF", true},  // ideographs of Unicode 15.1 and 15
      {"x", "\U00016D42", true},  {"x", "\uA7DA", true},
      {"x", "\U0001E030", true},                               // letters of Unicode 16, 16, 15
      {"!", "\U00011F50", false}, {"!", "\U00016D70", false},  // digits of Unicode 15 and 16
      {"!", "\U000323B0", true},                               // a letter since Unicode 17: not yet
  };
  for (const Case& c : cases) merge(c.left, c.character);
  const Tokenizer t = Tokenizer::from_json(json.dump(), "pieces");
  for (const Case& c : cases) {
    INFO(c.left, c.character);
    CHECK((t.encode(c.left + c.character)[0] >= 1000) == c.together);
  }
}

TEST_CASE("encode refuses what is not UTF-8, naming the byte") {
  for (const char* text : {"ab\xFF", "ab\xED\xA0\x80", "ab\xC0\x80", "ab\xE2\x82", "ab\xF5\x80\x80\x80", "ab\x80"}) {
    try {
      golden_tokenizer().encode(text);
      FAIL_CHECK("accepted");
    } catch (const Error& e) {
      CHECK(e.code() == Code::bad_text);
      CHECK(std::string(e.what()).find("at byte 2") != std::string::npos);
    }
  }
  CHECK(golden_tokenizer().encode(std::string("a\0b", 3)).size() >= 2);
}

TEST_CASE("components we do not know are refused by name") {
  const Json good = golden_json();
  REQUIRE(refusal(good) == "accepted");
  const auto with = [&](const char* pointer, Json value) {
    Json json = good;
    json[Json::json_pointer(pointer)] = std::move(value);
    return json;
  };
  const std::pair<Json, std::string> cases[] = {
      {with("/normalizer", {{"type", "NFKC"}}), "NFKC"},
      {with("/normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "Lowercase"}}}}}), "Lowercase"},
      {with("/normalizer", "NFC"), "normalizer has no type"},
      {with("/pre_tokenizer", nullptr), "pre_tokenizer"},
      {with("/pre_tokenizer", {{"type", "Metaspace"}}), "Metaspace"},
      {with("/pre_tokenizer/pretokenizers/0/type", "Whitespace"), "Whitespace"},
      {with("/pre_tokenizer/pretokenizers/0/behavior", "Removed"), "Removed"},
      {with("/pre_tokenizer/pretokenizers/0/invert", true), "invert"},
      {with("/pre_tokenizer/pretokenizers/0/pattern", {{"String", " "}}), "pattern.Regex"},
      {with("/pre_tokenizer/pretokenizers/0/pattern/Regex", "(a"), "does not compile"},
      {with("/pre_tokenizer/pretokenizers/1/add_prefix_space", true), "add_prefix_space"},
      {with("/pre_tokenizer/pretokenizers", Json::array({good["pre_tokenizer"]["pretokenizers"][0]})), "no ByteLevel"},
      {with("/post_processor", {{"type", "BertProcessing"}}), "BertProcessing"},
      {with("/post_processor",
            {{"type", "TemplateProcessing"}, {"single", {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}}}}),
       "adds tokens"},
      {with("/decoder", {{"type", "WordPiece"}}), "WordPiece"},
      {with("/decoder", nullptr), "no decoder"},
      {with("/model/type", "Unigram"), "Unigram"},
      {with("/model", nullptr), "no model"},
      {with("/model/dropout", 0.1), "dropout"},
      {with("/model/byte_fallback", true), "byte_fallback"},
      {with("/model/end_of_word_suffix", "</w>"), "end_of_word_suffix"},
      {with("/added_tokens/0/lstrip", 1), "lstrip"},
  };
  for (const auto& wrong : cases) {
    const std::string message = refusal(wrong.first);
    CHECK_MESSAGE(message.find(wrong.second) != std::string::npos, message, " should name ", wrong.second);
  }
  CHECK(refusal(with("/post_processor", {{"type", "ByteLevel"}, {"trim_offsets", false}})) == "accepted");
  CHECK(refusal(with("/post_processor", {{"type", "TemplateProcessing"},
                                         {"single", {{{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}}})) == "accepted");
  CHECK(refusal(with("/normalizer", nullptr)) == "accepted");
}

TEST_CASE("malformed files are refused with a reason") {
  const Json good = golden_json();
  const std::string text = good.dump();
  const auto changed = [&](auto&& edit) {
    Json json = good;
    edit(json);
    return json.dump();
  };
  check_refused(text.substr(0, text.size() / 2), "JSON");
  check_refused("", "JSON");
  check_refused("[]", "JSON object");
  check_refused("7", "JSON object");
  check_refused(text + "x", "JSON");
  check_refused(std::string("\0", 1) + text, "NUL");
  check_refused(std::string(100000, '['), "levels");
  check_refused(R"({"model":{"type":"BPE","vocab":{"a":0,"a":1},"merges":[]}})", "twice");
  check_refused(R"({"model":{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}})", "belongs to two tokens");
  check_refused(R"({"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}})", "out of range");
  check_refused(R"({"model":{"type":"BPE","vocab":{"a":2147483647},"merges":[]}})", "out of range");
  check_refused(R"({"model":{"type":"BPE","vocab":{"a":18446744073709551615},"merges":[]}})", "out of range");
  check_refused(R"({"model":{"type":"BPE","vocab":{"a":1.5},"merges":[]}})", "whole number");
  check_refused(R"({"model":{"type":"BPE","vocab":{"a":"0"},"merges":[]}})", "whole number");
  check_refused(R"({"model":{"type":"BPE","vocab":{"a":[0]},"merges":[]}})", "whole number");
  check_refused(R"({"model":{"type":"BPE","vocab":[["a",0]],"merges":[]}})", "no vocab");
  check_refused(R"({"model":{"type":"BPE","vocab":{"a":0}}})", "no merges");
  check_refused(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"model":{}})", "duplicate key");
  check_refused(changed([](Json& j) {
                  j["model"]["merges"].push_back({"a", "\u0100\u0101"});
                }),
                "not in the vocabulary");
  check_refused(changed([](Json& j) { j["model"]["merges"].push_back({"~", "~"}); }), "\"~~\"");
  check_refused(changed([](Json& j) { j["model"]["merges"].push_back(j["model"]["merges"][0]); }), "listed twice");
  check_refused(changed([](Json& j) { j["model"]["merges"].push_back({"a"}); }), "two parts");
  check_refused(changed([](Json& j) { j["model"]["merges"].push_back({"a", "b", "c"}); }), "two parts");
  check_refused(changed([](Json& j) { j["model"]["merges"].push_back("a"); }), "one space");
  check_refused(changed([](Json& j) { j["model"]["merges"].push_back("a b c"); }), "one space");
  check_refused(changed([](Json& j) { j["model"]["merges"].push_back(3); }), "must be");
  check_refused(changed([](Json& j) { j["model"]["merges"].push_back({1, 2}); }), "must be");
  check_refused(changed([](Json& j) { j["model"]["vocab"].erase("!"); }), "byte 33");
  check_refused(changed([](Json& j) { j["added_tokens"][1].erase("id"); }), "no id");
  check_refused(changed([](Json& j) { j["added_tokens"][1]["id"] = -5; }), "out of range");
  check_refused(changed([](Json& j) { j["added_tokens"][1]["id"] = 5'000'000'000; }), "out of range");
  check_refused(changed([](Json& j) { j["added_tokens"][1]["id"] = 3; }), "belongs to two tokens");
  check_refused(changed([](Json& j) { j["added_tokens"][1]["id"] = j["added_tokens"][0]["id"]; }),
                "belongs to two tokens");
  check_refused(changed([](Json& j) { j["added_tokens"][1]["content"] = j["added_tokens"][0]["content"]; }),
                "listed twice");
  check_refused(changed([](Json& j) { j["added_tokens"][1]["content"] = ""; }), "empty");
  check_refused(changed([](Json& j) { j["added_tokens"][1].erase("content"); }), "no content");
  check_refused(changed([](Json& j) { j["added_tokens"] = 3; }), "must be a list");
  check_refused(changed([](Json& j) { j["added_tokens"][1]["special"] = "yes"; }), "true or false");
}

TEST_CASE("an expression that never ends is stopped") {
  Json json = golden_json();
  json["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(?:a+)+$|b";
  const Tokenizer t = Tokenizer::from_json(json.dump(), "slow.json");
  CHECK_THROWS_WITH_AS(t.encode(std::string(60, 'a') + "c"), doctest::Contains("gave up"), Error);
}
