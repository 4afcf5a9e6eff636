// A module whose tables and answers are read from bytes that arrcoc_fuzz_say hands it. It keeps what the edge cannot
// check: pointers are valid or null, texts end, and its rows lie within its tables.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <stdexcept>

#include "arrcoc/engine/plugin_abi.hpp"

namespace {

const std::uint8_t* bytes = nullptr;
std::size_t left = 0;

/// The next value of the input; zeros behind its end.
template <class T>
T next() {
  T out{};
  const std::size_t n = std::min(sizeof out, left);
  if (n > 0) std::memcpy(&out, bytes, n);
  bytes += n;
  left -= n;
  return out;
}
bool maybe() { return next<std::uint8_t>() % 8 == 1; }
/// Mostly what is right.
template <class T>
T or_else(T right) {
  return maybe() ? next<T>() : right;
}
/// A small number, or any.
std::int64_t number() { return maybe() ? next<std::int64_t>() : next<std::int8_t>(); }
const char* word(const char* right) {
  static char words[64][24];
  static std::size_t used = 0;
  if (!maybe()) return right;
  if (maybe()) return nullptr;
  char* const w = words[used++ % 64];
  for (std::size_t i = 0, n = next<std::uint8_t>() % 23; i <= 23; ++i) w[i] = i < n ? next<char>() : '\0';
  return w;
}
/// The end of a call: it throws, fails with or without a sentence, or is well.
int ended(char* error, std::size_t n) {
  const auto how = next<std::uint8_t>() % 16;
  if (how == 1) throw std::runtime_error("thrown by the plug-in");
  if (how == 2) throw 7;
  if (how == 3)
    for (std::size_t i = 0; i < n; ++i) error[i] = next<char>();
  return how == 3 || how == 4 ? 1 : 0;
}
void fill(float* out, std::int64_t count) {
  for (std::int64_t i = 0; i < count && left > 0; ++i) out[i] = maybe() ? next<float>() : next<std::int8_t>();
}

int score(const arrcoc_evidence* e, const arrcoc_setting*, float* out, char* error, std::size_t n) {
  fill(out, e->tokens);
  return ended(error, n);
}
std::size_t channels = 1;
int generate(const arrcoc_evidence* e, const arrcoc_setting*, float* out, char* error, std::size_t n) {
  fill(out, e->tokens * static_cast<std::int64_t>(channels));
  return ended(error, n);
}
int balance(const float*, std::int64_t, const arrcoc_evidence* e, const arrcoc_setting*, float* relevance,
            const arrcoc_balance_sink* sink, char* error, std::size_t n) {
  fill(relevance, e->tokens);
  for (int i = next<std::uint8_t>() % 4; i > 0; --i) sink->tension(sink->to, word("t"), next<float>());
  for (int i = next<std::uint8_t>() % 4; i > 0; --i) sink->weight(sink->to, next<float>());
  return ended(error, n);
}
int allocate(const float*, const arrcoc_evidence*, std::int64_t budget, std::uint64_t, const arrcoc_setting*,
             const arrcoc_allocation_sink* sink, char* error, std::size_t n) {
  if (maybe()) budget = next<std::uint8_t>() % 16;
  for (std::int64_t i = 0; i < budget; ++i) {
    sink->keep(sink->to, or_else(i), or_else(7u), or_else<std::uint8_t>(1), or_else(i), or_else(1.f));
    while (maybe()) sink->entry(sink->to, number());
    while (maybe()) sink->member(sink->to, number(), next<float>());
  }
  while (maybe()) sink->entry(sink->to, number());
  while (maybe()) sink->member(sink->to, number(), next<float>());
  while (maybe()) sink->region(sink->to, number(), number(), number(), number(), number());
  return ended(error, n);
}

arrcoc_request request_rows[2];
arrcoc_setting setting_rows[2];
std::int64_t listed[3];
arrcoc_request request() {
  for (std::int64_t& l : listed) l = number();
  const std::size_t count = next<std::uint8_t>() % 4;
  const auto one = [] { return static_cast<std::uint8_t>(maybe() ? next<std::uint8_t>() : 0); };
  return {or_else<std::uint32_t>(sizeof(arrcoc_request)) % 64,
          static_cast<std::int32_t>(number()),
          one(),
          one(),
          one(),
          one(),
          one(),
          one(),
          count > 0 ? listed : nullptr,
          count};
}
int ask(const arrcoc_setting*, const arrcoc_request_sink* sink, char* error, std::size_t n) {
  while (maybe()) {
    const arrcoc_request r = request();
    sink->ask(sink->to, &r);
  }
  return ended(error, n);
}

arrcoc_about about() {
  for (arrcoc_request& r : request_rows) r = request();
  setting_rows[0] = {sizeof(arrcoc_setting), word("amount"), word("float"), word("1"), next<double>()};
  setting_rows[1] = {sizeof(arrcoc_setting), word("other"), word("text"), word(""), 0};
  request_rows[0].bytes = sizeof(arrcoc_request);  // rows are as far apart as the first says
  return {or_else<std::uint32_t>(sizeof(arrcoc_about)),
          word("handed"),
          word("source"),
          word("summary"),
          word("cost"),
          or_else(0u),
          or_else(0u),
          maybe() ? nullptr : request_rows,
          maybe() ? next<std::uint8_t>() % 3u : 0u,
          maybe() ? nullptr : setting_rows,
          next<std::uint8_t>() % 3u};
}

template <class T>
bool absent(T& row) {
  row.bytes = or_else<std::uint32_t>(sizeof row);
  return maybe();
}

}  // namespace

extern "C" void arrcoc_fuzz_say(const std::uint8_t* data, std::size_t size) {
  bytes = data;
  left = size;
}

extern "C" const arrcoc_plugin* arrcoc_plugin_entry() {
  static arrcoc_scorer scorer;
  static arrcoc_texture texture;
  static arrcoc_balancer balancer;
  static arrcoc_allocator allocator;
  static arrcoc_plugin module;
  static const char* names[3];
  for (const char*& name : names) name = word("channel");
  channels = 1 + next<std::uint8_t>() % 3;
  scorer = {0, about(), score, maybe() ? ask : nullptr};
  texture = {0, about(), names, channels, generate};
  balancer = {0, about(), balance, maybe() ? ask : nullptr};
  allocator = {0, about(), or_else(0u), allocate, maybe() ? ask : nullptr};
  if (absent(scorer)) scorer.score = nullptr;
  if (absent(texture)) texture.generate = nullptr;
  if (absent(balancer)) balancer.balance = nullptr;
  if (absent(allocator)) allocator.allocate = nullptr;
  const auto one = [](auto* table) { return maybe() ? nullptr : table; };
  module = {or_else(arrcoc_plugin_abi),
            or_else<std::uint32_t>(sizeof module),
            word(arrcoc_plugin_build_id),
            word("fuzz"),
            one(&texture),
            1,
            one(&scorer),
            1,
            one(&balancer),
            1,
            one(&allocator),
            1};
  return &module;
}
