#include "arrcoc/io/npy.hpp"

#include <cctype>
#include <cstring>
#include <string>

#include "arrcoc/io/atomic_file.hpp"

namespace arrcoc::io {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr Index most_values = Index{1} << 40;

/// The text after 'key': in the header's dictionary, or nothing.
std::string_view value_of(std::string_view header, std::string_view key) {
  const auto at = header.find("'" + std::string(key) + "'");
  if (at == std::string_view::npos) return {};
  const auto colon = header.find(':', at);
  if (colon == std::string_view::npos) return {};
  header.remove_prefix(colon + 1);
  while (!header.empty() && header.front() == ' ') header.remove_prefix(1);
  return header;
}

double f64_at(const char* p) {
  double d;
  std::memcpy(&d, p, sizeof d);
  return d;
}

}  // namespace

HostTensor read_npy(const std::filesystem::path& file) {
  const std::string bytes = read_file(file);
  const auto expect = [&](bool ok, const char* what) {
    require_that(ok, Code::bad_array, file.string(), [&] { return std::string("not a usable .npy array: ") + what; });
  };
  expect(bytes.size() >= 10 && bytes.starts_with(magic), "the magic bytes are missing");
  const int version = bytes[6];
  expect(version == 1 || version == 2, "expected format version 1 or 2");
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  expect(bytes.size() >= 8 + length_bytes, "the header is cut off");
  std::size_t length = 0;
  for (std::size_t i = 0; i < length_bytes; ++i)
    length |= std::size_t{static_cast<unsigned char>(bytes[8 + i])} << (8 * i);
  const std::size_t begin = 8 + length_bytes + length;
  expect(begin <= bytes.size(), "the header is cut off");
  const std::string_view header = std::string_view(bytes).substr(8 + length_bytes, length);
  expect(value_of(header, "fortran_order").starts_with("False"), "expected C order");
  const std::string_view descr = value_of(header, "descr");
  expect(descr.size() > 4 && descr[0] == '\'', "expected a plain dtype");
  const std::string dtype(descr.substr(1, descr.find('\'', 1) - 1));
  std::string_view shape_text = value_of(header, "shape");
  expect(shape_text.starts_with("("), "expected a shape");
  shape_text = shape_text.substr(1, shape_text.find(')') - 1);
  std::vector<Index> shape;
  Index count = 1;
  for (std::size_t i = 0; i < shape_text.size();) {
    if (shape_text[i] == ' ' || shape_text[i] == ',') {
      ++i;
      continue;
    }
    expect(std::isdigit(static_cast<unsigned char>(shape_text[i])) != 0, "expected a shape");
    Index n = 0;
    for (; i < shape_text.size() && std::isdigit(static_cast<unsigned char>(shape_text[i])) != 0; ++i) {
      n = n * 10 + (shape_text[i] - '0');
      expect(n <= most_values, "a side is absurdly long");
    }
    shape.push_back(n);
    expect(n == 0 || count <= most_values / n, "the shape is absurdly large");
    count *= n;
  }
  struct Kind {
    std::string_view name;
    DType dtype;
    std::size_t size;
  };
  constexpr Kind kinds[] = {{"<f4", DType::f32, 4}, {"<i4", DType::i32, 4}, {"<i8", DType::i64, 8},
                            {"|u1", DType::u8, 1},  {"<f2", DType::f16, 2}, {"<f8", DType::f32, 8}};
  const Kind* kind = nullptr;
  for (const Kind& k : kinds)
    if (k.name == dtype) kind = &k;
  expect(kind != nullptr, "expected dtype f2, f4, f8, i4, i8 or u1, little-endian");
  expect(bytes.size() - begin == static_cast<std::size_t>(count) * kind->size, "the data does not fill the shape");
  const char* data = bytes.data() + begin;
  const auto copied = [&]<class T>(T) {
    std::vector<T> v(static_cast<std::size_t>(count));
    if (count > 0) std::memcpy(v.data(), data, v.size() * sizeof(T));
    return host_tensor(std::move(v), shape);
  };
  if (dtype == "<f4") return copied(float{});
  if (dtype == "<i4") return copied(std::int32_t{});
  if (dtype == "<i8") return copied(std::int64_t{});
  if (dtype == "|u1") return copied(std::uint8_t{});
  std::vector<float> v;
  for (Index i = 0; i < count; ++i) {
    std::uint16_t h = 0;
    if (dtype == "<f2") std::memcpy(&h, data + i * 2, 2);
    v.push_back(dtype == "<f2" ? f16_to_f32(h) : static_cast<float>(f64_at(data + i * 8)));
  }
  return host_tensor(std::move(v), shape);
}

void write_npy(const std::filesystem::path& file, const HostTensor& array) {
  const char* dtype = nullptr;
  switch (array.dtype) {
    case DType::f32: dtype = "<f4"; break;
    case DType::f16: dtype = "<f2"; break;
    case DType::i32: dtype = "<i4"; break;
    case DType::i64: dtype = "<i8"; break;
    case DType::u8: dtype = "|u1"; break;
    case DType::bf16: break;
  }
  require_that(dtype != nullptr, Code::bad_array, file.string(),
               "bf16 has no .npy dtype; expected f32, f16, i32, i64 or u8");
  std::string shape = "(";
  for (const Index n : array.shape) shape += std::to_string(n) + (array.shape.size() == 1 ? "," : ", ");
  if (array.shape.size() > 1) shape.resize(shape.size() - 2);
  std::string header = std::string("{'descr': '") + dtype + "', 'fortran_order': False, 'shape': " + shape + "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string out(magic);
  out += '\x01';
  out += '\0';
  out += static_cast<char>(header.size() & 255);
  out += static_cast<char>(header.size() >> 8);
  out += header;
  if (array.bytes() > 0) out.append(reinterpret_cast<const char*>(array.data), static_cast<std::size_t>(array.bytes()));
  write_file(file, out);
}

}  // namespace arrcoc::io
