#include "arrcoc/io/safetensors.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <set>
#include <utility>

#include "arrcoc/io/atomic_file.hpp"
#include "json_util.hpp"
#include "text/utf8.hpp"

namespace arrcoc::io {
namespace {

constexpr std::uint64_t max_header_bytes = 100'000'000, max_tensors = 1'000'000;
constexpr std::size_t max_rank = 32;

/// Bits per value of every dtype name of the format; 0 when there is no such name.
unsigned bits_of(std::string_view dtype) {
  static constexpr std::pair<std::string_view, unsigned> table[] = {
      {"BOOL", 8},        {"U8", 8},          {"I8", 8},      {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8},
      {"F8_E5M2FNUZ", 8}, {"F8_E4M3FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
      {"I32", 32},        {"U32", 32},        {"F32", 32},    {"F64", 64},    {"I64", 64},    {"U64", 64},
      {"C64", 64},        {"F4", 4},          {"F6_E2M3", 6}, {"F6_E3M2", 6}};
  for (const auto& [name, bits] : table)
    if (name == dtype) return bits;
  return 0;
}

std::optional<DType> readable(std::string_view dtype) {
  for (const DType t : {DType::f32, DType::f16, DType::bf16, DType::i32, DType::i64, DType::u8})
    if (name_of(t) == dtype) return t;
  return std::nullopt;
}

std::string named_tensor(std::string_view name) { return "tensor '" + printable(name) + "'"; }

std::uint64_t unsigned_of(const Json& v, std::string_view where, std::string_view tensor, std::string_view what) {
  require_that(v.is_number_unsigned(), Code::bad_safetensors, where, [&] {
    return named_tensor(tensor) + ": " + std::string(what) + ": expected a whole number, got " + shown(v);
  });
  return v.get<std::uint64_t>();
}

TensorEntry parse_entry(const std::string& name, const Json& item, std::string_view where) {
  const auto broken = [&](const std::string& sentence) {
    fail(Code::bad_safetensors, where, named_tensor(name) + ": " + sentence);
  };
  if (!item.is_object()) broken("expected an object, got " + shown(item));
  for (const char* key : {"dtype", "shape", "data_offsets"})
    if (!item.contains(key)) broken(std::string("expected a '") + key + "'");
  const Json &dtype = item["dtype"], &shape = item["shape"], &offsets = item["data_offsets"];
  TensorEntry e;
  if (!dtype.is_string() || bits_of(dtype.get_ref<const std::string&>()) == 0) broken("unknown dtype " + shown(dtype));
  e.dtype = dtype.get<std::string>();
  if (!shape.is_array() || shape.size() > max_rank)
    broken("shape: expected a list of at most 32 sizes, got " + shown(shape));
  std::uint64_t bits = bits_of(e.dtype);
  for (const Json& size : shape) {
    const std::uint64_t n = unsigned_of(size, where, name, "shape");
    if (n > static_cast<std::uint64_t>(INT64_MAX) || __builtin_mul_overflow(bits, n, &bits))
      broken("shape " + shown(shape) + " overflows");
    e.shape.push_back(static_cast<Index>(n));
  }
  if (!offsets.is_array() || offsets.size() != 2) broken("data_offsets: expected [begin, end], got " + shown(offsets));
  e.begin = unsigned_of(offsets[0], where, name, "data_offsets");
  e.end = unsigned_of(offsets[1], where, name, "data_offsets");
  if (e.end < e.begin) broken("data_offsets: expected begin <= end, got " + shown(offsets));
  if (bits % 8 != 0 || e.end - e.begin != bits / 8)
    broken(e.dtype + " " + shape_text(e.shape) + ": expected " + std::to_string(bits / 8) + " bytes, got " +
           std::to_string(e.end - e.begin));
  return e;
}

using Entries = std::map<std::string, TensorEntry, std::less<>>;

/// Reads a header as programs write it, without building values: no escapes, no unknown keys, nothing wrong. Whatever
/// is different is left to the full parser, which knows why.
class QuickHeader {
 public:
  explicit QuickHeader(std::string_view json) : at_(json.data()), end_(json.data() + json.size()) {}

  bool read(Entries& out, SafetensorsMetadata& texts) {
    bool metadata = false;
    const bool good = members([&](std::string_view name) {
      if (name == "__metadata__") {
        std::string_view value;
        return !std::exchange(metadata, true) &&
               members([&](std::string_view key) { return text(value) && texts.emplace(key, value).second; });
      }
      TensorEntry e;
      if (out.size() >= max_tensors || !entry(e)) return false;
      const std::size_t before = out.size();
      out.emplace_hint(out.end(), name, std::move(e));
      return out.size() > before;
    });
    space();
    return good && at_ == end_;
  }

 private:
  void space() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool eat(char c) {
    space();
    if (at_ >= end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool text(std::string_view& out) {
    if (!eat('"')) return false;
    const char* const begin = at_;
    while (at_ < end_ && *at_ != '"' && *at_ != '\\' && static_cast<unsigned char>(*at_) >= 0x20) ++at_;
    out = {begin, static_cast<std::size_t>(at_ - begin)};
    return eat_here('"');
  }
  bool eat_here(char c) {
    if (at_ >= end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool number(std::uint64_t& out) {
    space();
    const char* const begin = at_;
    out = 0;
    while (at_ < end_ && *at_ >= '0' && *at_ <= '9' && at_ - begin < 18)
      out = out * 10 + static_cast<std::uint64_t>(*at_++ - '0');
    return at_ > begin && (*begin != '0' || at_ == begin + 1) && at_ < end_ && (*at_ < '0' || *at_ > '9');
  }
  template <class F>
  bool members(F&& value) {
    if (!eat('{')) return false;
    if (eat('}')) return true;
    do {
      std::string_view name;
      if (!text(name) || !eat(':') || !value(name)) return false;
    } while (eat(','));
    return eat('}');
  }
  bool numbers(std::vector<Index>& out) {
    if (!eat('[')) return false;
    if (eat(']')) return true;
    do {
      std::uint64_t n = 0;
      if (out.size() == max_rank || !number(n)) return false;
      out.push_back(static_cast<Index>(n));
    } while (eat(','));
    return eat(']');
  }
  bool entry(TensorEntry& e) {
    unsigned seen = 0;
    const auto once = [&](unsigned bit) { return (std::exchange(seen, seen | bit) & bit) == 0; };
    const bool good = members([&](std::string_view key) {
      std::string_view name;
      if (key == "dtype") {
        const bool read = once(1) && text(name);
        e.dtype = name;
        return read;
      }
      if (key == "shape") return once(2) && numbers(e.shape);
      places_.clear();
      return key == "data_offsets" && once(4) && numbers(places_) && places_.size() == 2;
    });
    if (!good || seen != 7) return false;
    e.begin = static_cast<std::uint64_t>(places_[0]);
    e.end = static_cast<std::uint64_t>(places_[1]);
    std::uint64_t bits = bits_of(e.dtype);
    bool overflows = bits == 0;
    for (const Index n : e.shape) overflows |= __builtin_mul_overflow(bits, static_cast<std::uint64_t>(n), &bits);
    return !overflows && e.begin <= e.end && bits % 8 == 0 && e.end - e.begin == bits / 8;
  }
  const char *at_, *end_;
  std::vector<Index> places_;
};

/// Every header, with the reason when it is refused.
Entries full_header(std::string_view json, std::string_view where, SafetensorsMetadata& texts) {
  Entries entries;
  bool metadata = false;
  std::exception_ptr wrong;  // told when the text is known to be JSON
  const auto entry = [&](std::string&& name, Json&& item) {
    const auto once = [&](bool fresh) {
      require_that(fresh, Code::bad_safetensors, where,
                   [&] { return "JSON: duplicate key '" + printable(name) + "'"; });
    };
    if (name == "__metadata__") {
      once(!metadata);
      metadata = true;
      require_that(item.is_object(), Code::bad_safetensors, where,
                   [&] { return "__metadata__: expected an object, got " + shown(item); });
      for (const auto& [key, text] : item.items()) {
        require_that(text.is_string(), Code::bad_safetensors, where, [&, &k = key, &t = text] {
          return "__metadata__." + printable(k) + ": expected a string, got " + shown(t);
        });
        texts.emplace(key, text.get<std::string>());
      }
      return;
    }
    once(!entries.contains(name));
    require_that(entries.size() < max_tensors, Code::bad_safetensors, where,
                 "header: expected at most 1000000 tensors");
    TensorEntry e = parse_entry(name, item, where);
    entries.emplace_hint(entries.end(), std::move(name), std::move(e));
  };
  const auto take = [&](std::string&& name, Json&& item) {
    if (wrong) return;
    try {
      entry(std::move(name), std::move(item));
    } catch (const Error&) { wrong = std::current_exception(); }
  };
  Json outermost;
  const std::string problem = read_json(json, 40 * max_tensors, outermost, take);
  require_that(problem.empty(), Code::bad_safetensors, where, [&] { return "JSON: " + problem; });
  if (wrong) std::rethrow_exception(wrong);
  return entries;
}

}  // namespace

Entries parse_safetensors_header(std::string_view json, std::uint64_t data_bytes, std::string_view where,
                                 SafetensorsMetadata* metadata) {
  require_that(!json.empty() && json.front() == '{', Code::bad_safetensors, where,
               "header: expected JSON that starts with '{'");
  Entries entries;
  SafetensorsMetadata texts;
  if (utf8::first_invalid(json) != std::string_view::npos || !QuickHeader(json).read(entries, texts)) {
    texts.clear();
    entries = full_header(json, where, texts);
  }
  if (metadata != nullptr) *metadata = std::move(texts);

  // The tensors tile the data section: sorted by place, each begins where the one before ended.
  std::vector<std::pair<const std::string*, const TensorEntry*>> order;
  for (const auto& [name, e] : entries) order.emplace_back(&name, &e);
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
  });
  std::uint64_t place = 0;
  for (const auto& [name, e] : order) {
    require_that(e->end <= data_bytes, Code::bad_safetensors, where, [&, &n = name, &t = e] {
      return named_tensor(*n) + " ends at byte " + std::to_string(t->end) + "; expected at most " +
             std::to_string(data_bytes) + ", the size of the data (is the file truncated?)";
    });
    require_that(e->begin == place, Code::bad_safetensors, where, [&, &n = name, &t = e] {
      return named_tensor(*n) +
             (t->begin < place ? " overlaps another: expected to begin at byte "
                               : " leaves a hole: expected to begin at byte ") +
             std::to_string(place) + ", got " + std::to_string(t->begin);
    });
    place = e->end;
  }
  require_that(place == data_bytes, Code::bad_safetensors, where, [&] {
    return "expected " + std::to_string(place) + " bytes of data, as the header says, got " +
           std::to_string(data_bytes);
  });
  return entries;
}

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& file) {
  const std::string where = file.string();
  const int fd = ::open(where.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe would wait for a writer
  if (fd < 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    fail(missing ? Code::file_missing : Code::file_unreadable, where,
         missing ? "no such file" : std::string("cannot be opened: ") + std::strerror(errno));
  }
  const std::unique_ptr<const int, void (*)(const int*)> closer(&fd, [](const int* f) { ::close(*f); });
  struct stat info {};
  require_that(::fstat(fd, &info) == 0, Code::file_unreadable, where, "its size cannot be read");
  require_that(S_ISREG(info.st_mode), Code::file_unreadable, where, "expected a regular file");
  const auto size = static_cast<std::uint64_t>(info.st_size);
  require_that(size >= 10, Code::bad_safetensors, where,
               [&] { return "expected at least 10 bytes, got " + std::to_string(size); });
  void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  require_that(memory != MAP_FAILED, Code::file_unreadable, where,
               [] { return std::string("cannot be mapped: ") + std::strerror(errno); });

  SafetensorsFile out;
  out.path_ = where;
  out.size_ = size;
  out.mapping_ = std::shared_ptr<const void>(memory, [size](const void* p) { ::munmap(const_cast<void*>(p), size); });
  const auto* bytes = static_cast<const unsigned char*>(memory);
  constexpr std::string_view pointer = "version https://git-lfs";
  require_that(size < pointer.size() || std::memcmp(bytes, pointer.data(), pointer.size()) != 0, Code::bad_safetensors,
               where, "a Git LFS pointer, not the weights themselves: `git lfs pull` fetches them");
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = (length << 8) | bytes[i];
  require_that(length <= max_header_bytes && length <= size - 8, Code::bad_safetensors, where, [&] {
    return "header length: expected at most " + std::to_string(std::min(max_header_bytes, size - 8)) + " bytes, got " +
           std::to_string(length);
  });
  const std::string_view header(reinterpret_cast<const char*>(bytes) + 8, length);
  out.entries_ = parse_safetensors_header(header, size - 8 - length, where, &out.metadata_);
  out.data_ = reinterpret_cast<const std::byte*>(bytes) + 8 + length;
  return out;
}

std::optional<HostTensor> SafetensorsFile::describe(std::string_view name) const {
  const auto it = entries_.find(name);
  if (it == entries_.end()) return std::nullopt;
  const TensorEntry& e = it->second;
  const auto dtype = readable(e.dtype);
  require_that(dtype.has_value(), Code::bad_weight, path_, [&] {
    return named_tensor(name) + ": expected F32, F16, BF16, I32, I64 or U8, got " + e.dtype +
           (e.dtype.starts_with("F8") ? " (quantised checkpoints cannot be read)" : "");
  });
  return HostTensor{*dtype, e.shape, nullptr, nullptr};
}

std::span<const std::byte> SafetensorsFile::bytes(std::string_view name) const {
  const auto it = entries_.find(name);
  if (it == entries_.end()) return {};
  return {data_ + it->second.begin, static_cast<std::size_t>(it->second.end - it->second.begin)};
}

void SafetensorsFile::forget_pages() const {
  if (mapping_) ::madvise(const_cast<void*>(mapping_.get()), size_, MADV_DONTNEED);
}

HostTensor SafetensorsFile::tensor(std::string_view name) const {
  const auto described = describe(name);
  if (!described) return {};
  const TensorEntry& e = entries_.find(name)->second;
  HostTensor t = *described;
  t.data = data_ + e.begin;
  t.owner = mapping_;
  if (reinterpret_cast<std::uintptr_t>(t.data) % static_cast<std::uintptr_t>(size_of(t.dtype)) != 0) {
    // The format does not promise alignment; what computes on the values needs it.
    auto copy = std::make_shared<std::vector<std::byte>>(t.data, t.data + (e.end - e.begin));
    t.data = copy->data();
    t.owner = std::move(copy);
  }
  return t;
}

void write_safetensors(const std::filesystem::path& file,
                       const std::map<std::string, HostTensor, std::less<>>& tensors) {
  const std::string where = file.string();
  std::vector<const std::pair<const std::string, HostTensor>*> order;
  for (const auto& item : tensors) {
    require_that(item.first != "__metadata__", Code::bad_safetensors, where, "a tensor cannot be named '__metadata__'");
    require_that(!item.second.empty() || item.second.count() == 0, Code::bad_safetensors, where,
                 [&] { return named_tensor(item.first) + " has no data"; });
    order.push_back(&item);
  }
  // Widest values first keeps every tensor aligned.
  std::stable_sort(order.begin(), order.end(),
                   [](auto* a, auto* b) { return size_of(a->second.dtype) > size_of(b->second.dtype); });
  std::vector<PlannedTensor> planned;
  for (const auto* item : order)
    planned.push_back(
        {item->first, std::string(name_of(item->second.dtype)), item->second.shape, item->second.bytes()});
  write_safetensors_parts(file, {{"format", "pt"}}, planned, 8, [&](const PartSink& out) {
    for (const auto* item : order)
      out({reinterpret_cast<const char*>(item->second.data), static_cast<std::size_t>(item->second.bytes())});
  });
}

void write_safetensors_parts(const std::filesystem::path& file, const SafetensorsMetadata& metadata,
                             std::span<const PlannedTensor> tensors, Index align,
                             const std::function<void(const PartSink&)>& fill) {
  Ordered header;
  header["__metadata__"] = metadata;
  Index place = 0;
  for (const PlannedTensor& t : tensors) {
    header[t.name] = {{"dtype", t.dtype}, {"shape", t.shape}, {"data_offsets", {place, place + t.bytes}}};
    place += t.bytes;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    fail(Code::bad_safetensors, file.string(), "a tensor's name is not UTF-8");
  }
  const auto step = static_cast<std::size_t>(align);
  text.resize((8 + text.size() + step - 1) / step * step - 8, ' ');
  std::string length;
  for (unsigned i = 0; i < 8; ++i) length += static_cast<char>((std::uint64_t{text.size()} >> (8 * i)) & 0xff);
  write_parts(file, [&](const PartSink& out) {
    out(length);
    out(text);
    fill(out);
  });
}

}  // namespace arrcoc::io
