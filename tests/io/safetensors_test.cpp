#include "arrcoc/io/safetensors.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <fstream>

#include "temporary_folder.hpp"

using namespace arrcoc;
using namespace arrcoc::io;

namespace {

std::string file_bytes(const std::string& header, const std::string& data) {
  std::string out;
  for (unsigned i = 0; i < 8; ++i) out += static_cast<char>((std::uint64_t{header.size()} >> (8 * i)) & 0xff);
  return out + header + data;
}

/// The message of the error that `f` throws; checks its code.
template <class F>
std::string message_of(Code code, F&& f) {
  try {
    f();
  } catch (const Error& e) {
    CHECK_MESSAGE(e.code() == code, e.what());
    return e.what();
  }
  return "no error";
}

struct Bad {
  const char* header;
  std::uint64_t data;
  const char* message;
};

}  // namespace

TEST_CASE("a header that tiles its data is read") {
  const auto e = parse_safetensors_header(
      R"({"__metadata__":{"format":"pt","n":"1"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
      R"("z":{"dtype":"I64","shape":[0,7],"data_offsets":[4,4]},"q":{"dtype":"F8_E4M3","shape":[5],"data_offsets":[16,21]},"extra":{"dtype":"F4","shape":[2],"data_offsets":[21,22],"note":1}}   )",
      22, "h");
  REQUIRE(e.size() == 5);
  CHECK(e.at("a").shape.empty());
  CHECK(e.at("a").end == 4);
  CHECK(e.at("b").shape == std::vector<Index>{2, 3});
  CHECK(e.at("b").dtype == "BF16");
  CHECK(e.at("z").begin == e.at("z").end);
  CHECK(e.at("q").dtype == "F8_E4M3");
  CHECK(parse_safetensors_header("{}", 0, "h").empty());
}

TEST_CASE("malformed headers are refused, and the message says why") {
  const std::string deep = R"({"a":)" + std::string(100, '[') + std::string(100, ']') + "}";
  const std::string ranks =
      R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})";
  const std::string two_to_63 = R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})";
  const Bad table[] = {
      {"", 0, "expected JSON that starts with '{'"},
      {"[]", 0, "expected JSON that starts with '{'"},
      {" {}", 0, "expected JSON that starts with '{'"},
      {"\xef\xbb\xbf{}", 0, "expected JSON that starts with '{'"},
      {"{", 0, "JSON: parse error"},
      {"{}x", 0, "JSON: parse error"},
      {"{} {}", 0, "JSON: parse error"},
      {R"({"a":1,})", 0, "JSON: parse error"},
      {"{\"\xff\":1}", 0, "JSON: parse error"},
      {R"({"a":{"dtype":"U8","shape":[1e999],"data_offsets":[0,1]}})", 1, "JSON: number overflow"},
      {deep.c_str(), 0, "at most 64 levels"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
       1, "duplicate key 'a'"},
      {R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "duplicate key 'dtype'"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
       1, "duplicate key 'a'"},
      {R"({"__metadata__":{"a":"1","a":"2"}})", 0, "duplicate key 'a'"},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, "duplicate key '__metadata__'"},
      {R"({"a":{"dtype":"U8","shape":[01],"data_offsets":[0,1]}})", 1, "JSON: parse error"},
      {R"({"__metadata__":[]})", 0, "__metadata__: expected an object, got []"},
      {R"({"__metadata__":{"format":1}})", 0, "__metadata__.format: expected a string, got 1"},
      {R"({"a":3})", 0, "tensor 'a': expected an object, got 3"},
      {R"({"a":{"shape":[1],"data_offsets":[0,1]}})", 1, "tensor 'a': expected a 'dtype'"},
      {R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1, "tensor 'a': expected a 'shape'"},
      {R"({"a":{"dtype":"U8","shape":[1]}})", 1, "tensor 'a': expected a 'data_offsets'"},
      {R"({"a":{"dtype":"X7","shape":[1],"data_offsets":[0,1]}})", 1, "unknown dtype \"X7\""},
      {R"({"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}})", 4, "unknown dtype \"f32\""},
      {R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,1]}})", 1, "unknown dtype 7"},
      {R"({"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}})", 1,
       "shape: expected a list of at most 32 sizes, got 1"},
      {ranks.c_str(), 1, "shape: expected a list of at most 32 sizes"},
      {R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1, "shape: expected a whole number, got -1"},
      {R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", 1, "shape: expected a whole number, got 1.0"},
      {R"({"a":{"dtype":"U8","shape":["1"],"data_offsets":[0,1]}})", 1, "shape: expected a whole number"},
      {R"({"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,1]}})", 1, "overflows"},
      {R"({"a":{"dtype":"U8","shape":[18446744073709551617],"data_offsets":[0,1]}})", 1, "expected a whole number"},
      {two_to_63.c_str(), 0, "overflows"},
      {R"({"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}})", 0, "overflows"},
      {R"({"a":{"dtype":"F6_E2M3","shape":[3],"data_offsets":[0,2]}})", 2, "expected 2 bytes, got 2"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1, "data_offsets: expected [begin, end], got [0]"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}})", 1, "data_offsets: expected [begin, end]"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1, "data_offsets: expected begin <= end, got [1,0]"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}})", 1, "data_offsets: expected a whole number, got -1"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "F32 [2]: expected 8 bytes, got 4"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 3, "ends at byte 4; expected at most 3"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 5,
       "expected 4 bytes of data, as the header says, got 5"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[1,5]}})", 5,
       "tensor 'a' leaves a hole: expected to begin at byte 0, got 1"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})",
       5, "tensor 'b' leaves a hole: expected to begin at byte 2, got 3"},
      {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[3],"data_offsets":[2,5]}})",
       5, "tensor 'b' overlaps another: expected to begin at byte 3, got 2"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
       2, "overlaps another"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"z":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})",
       4, "overlaps another"},
      {"{}", 1, "expected 0 bytes of data"},
  };
  for (const Bad& bad : table) {
    CAPTURE(bad.header);
    const std::string text =
        message_of(Code::bad_safetensors, [&] { parse_safetensors_header(bad.header, bad.data, "h"); });
    CHECK_MESSAGE(text.find(bad.message) != std::string::npos, text);
    CHECK(text.substr(0, 4) == "[h] ");
    CHECK(text.find("(E403)") != std::string::npos);
  }
  CHECK(message_of(Code::bad_safetensors, [&] {
          parse_safetensors_header(std::string("{}\0x", 4), 0, "h");
        }).find("NUL") != std::string::npos);
}

TEST_CASE("files that lie about their header are refused") {
  const test::TemporaryFolder folder;
  const auto open = [&](const std::string& bytes) {
    const auto file = folder.path / "x.safetensors";
    std::ofstream(file, std::ios::binary) << bytes;
    return message_of(Code::bad_safetensors, [&] { SafetensorsFile::open(file); });
  };
  CHECK(open("").find("expected at least 10 bytes, got 0") != std::string::npos);
  CHECK(open(std::string(8, '\0')).find("expected at least 10 bytes, got 8") != std::string::npos);
  CHECK(open(std::string(16, '\0')).find("starts with '{'") != std::string::npos);
  CHECK(open(std::string(16, '\xff')).find("header length: expected at most 8 bytes, got 18446744073709551615") !=
        std::string::npos);
  std::string one_more = file_bytes("{}", "");
  one_more[0] = 3;
  CHECK(open(one_more).find("header length: expected at most 2 bytes, got 3") != std::string::npos);
  const std::string good = file_bytes(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "12345678");
  CHECK(open(good) == "no error");
  for (std::size_t cut = 0; cut < good.size(); ++cut) CHECK(open(good.substr(0, cut)) != "no error");
  CHECK(open(good + "9") != "no error");
}

TEST_CASE("a header of more than 100 MB is refused before it is read") {
  const test::TemporaryFolder folder;
  const auto file = folder.path / "x.safetensors";
  std::string start(8, '\0');
  const std::uint64_t length = 100'000'001;
  std::memcpy(start.data(), &length, 8);
  std::ofstream(file, std::ios::binary) << start << "{";
  std::filesystem::resize_file(file, 8 + length);  // sparse
  CHECK(message_of(Code::bad_safetensors, [&] {
          SafetensorsFile::open(file);
        }).find("expected at most 100000000 bytes, got 100000001") != std::string::npos);
}

TEST_CASE("what is no file is refused") {
  const test::TemporaryFolder folder;
  CHECK(message_of(Code::file_missing, [&] { SafetensorsFile::open(folder.path / "none"); }).find("no such file") !=
        std::string::npos);
  CHECK(message_of(Code::file_unreadable, [&] {
          SafetensorsFile::open(folder.path);
        }).find("expected a regular file") != std::string::npos);
}

TEST_CASE("values outlive the file object, and misaligned ones are readable") {
  const test::TemporaryFolder folder;
  const auto file = folder.path / "x.safetensors";
  const float values[] = {1.5f, -2.0f};
  std::string data(1, '\7');
  data.append(reinterpret_cast<const char*>(values), sizeof values);
  std::ofstream(file, std::ios::binary) << file_bytes(
      R"({"u":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"f":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})",
      data);
  HostTensor f, u;
  {
    const auto opened = SafetensorsFile::open(file);
    f = opened.tensor("f");
    u = opened.tensor("u");
    CHECK(opened.tensor("absent").empty());
  }
  std::filesystem::remove(file);
  REQUIRE(f.floats().size() == 2);
  CHECK(f.floats()[0] == 1.5f);
  CHECK(f.floats()[1] == -2.0f);
  CHECK(u.dtype == DType::u8);
  CHECK(static_cast<int>(*u.data) == 7);
}

TEST_CASE("known dtypes that cannot be weights are listed, but not readable") {
  const test::TemporaryFolder folder;
  const auto file = folder.path / "x.safetensors";
  std::ofstream(file, std::ios::binary) << file_bytes(
      R"({"q":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},"d":{"dtype":"F64","shape":[1],"data_offsets":[2,10]}})",
      "0123456789");
  const auto opened = SafetensorsFile::open(file);
  CHECK(opened.entries().size() == 2);
  CHECK(message_of(Code::bad_weight, [&] {
          opened.tensor("q");
        }).find("tensor 'q': expected F32, F16, BF16, I32, I64 or U8, got F8_E4M3 (quantised") != std::string::npos);
  CHECK(message_of(Code::bad_weight, [&] { opened.tensor("d"); }).find("got F64 (E404)") != std::string::npos);
}

TEST_CASE("what is written is read back, aligned, widest first") {
  const test::TemporaryFolder folder;
  const auto file = folder.path / "x.safetensors";
  std::map<std::string, HostTensor, std::less<>> tensors;
  tensors["z"] = host_tensor(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  tensors["b \"quoted\" \xc3\xa9"] = host_tensor(std::vector<std::uint16_t>{0x3f80, 0x4000, 0x4040}, {3});
  tensors["a"] = host_tensor(std::vector<std::uint8_t>{9}, {1});
  tensors["i"] = host_tensor(std::vector<std::int64_t>{-1}, {});
  tensors["none"] = host_tensor(std::vector<std::int32_t>{}, {0, 4});
  write_safetensors(file, tensors);
  const auto opened = SafetensorsFile::open(file);
  CHECK(opened.entries().size() == tensors.size());
  CHECK(opened.entries().at("i").begin == 0);
  for (const auto& item : tensors) {
    const std::string& name = item.first;
    const HostTensor& t = item.second;
    CAPTURE(name);
    const HostTensor back = opened.tensor(name);
    CHECK(back.dtype == t.dtype);
    CHECK(back.shape == t.shape);
    CHECK((t.bytes() == 0 || std::memcmp(back.data, t.data, static_cast<std::size_t>(t.bytes())) == 0));
    CHECK(opened.entries().at(name).begin % static_cast<std::uint64_t>(size_of(t.dtype)) == 0);
  }
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);  // no temporary file is left
}

TEST_CASE("the bytes written are those the format describes") {
  const test::TemporaryFolder folder;
  const auto file = folder.path / "x.safetensors";
  write_safetensors(file, {{"w", host_tensor(std::vector<float>{1.0f}, {1})}});
  std::ifstream in(file, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const std::string header = R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  CHECK(bytes == file_bytes(header + std::string((8 - header.size() % 8) % 8, ' '), std::string("\0\0\x80\x3f", 4)));
}

TEST_CASE("names that cannot be stored are refused") {
  const test::TemporaryFolder folder;
  const auto t = host_tensor(std::vector<float>{1.0f}, {1});
  CHECK(message_of(Code::bad_safetensors, [&] {
          write_safetensors(folder.path / "x", {{"__metadata__", t}});
        }) != "no error");
  CHECK(message_of(Code::bad_safetensors, [&] {
          write_safetensors(folder.path / "x", {{"\xff", t}});
        }).find("not UTF-8") != std::string::npos);
  CHECK(message_of(Code::bad_safetensors, [&] {
          write_safetensors(folder.path / "x", {{"e", HostTensor{DType::f32, {2}, nullptr, nullptr}}});
        }).find("has no data") != std::string::npos);
  CHECK(std::filesystem::is_empty(folder.path));
}
