// Every registered stage of the host plane gives, for the same bytes in, the bytes that are stored: in native builds
// and for any x86-64, from every compiler, and whether one, two or four threads ask at once. Golden:
// tests/golden/stage_bytes.txt, a line each: kind, name, FNV-1a of what it gives on two pictures. A line that differs
// is printed as it should stand.
#include <doctest/doctest.h>

#include <bit>
#include <fstream>
#include <map>
#include <thread>

#include "laws/material.hpp"
#include "registry/host_stages.hpp"

using namespace arrcoc;
using tests::host_stages, tests::made;

namespace {

struct Hash {
  std::uint64_t h = 0xcbf29ce484222325ull;
  void byte(std::uint64_t v, int bytes = 8) {
    for (int i = 0; i < bytes; ++i) h = (h ^ (v >> (8 * i) & 255)) * 0x100000001b3ull;
  }
  void add(float v) { byte(std::bit_cast<std::uint32_t>(v), 4); }
  void add(Index v) { byte(static_cast<std::uint64_t>(v)); }
  void add(const std::vector<float>& all) {
    add(static_cast<Index>(all.size()));
    for (const float v : all) add(v);
  }
  void add(const Allocation& a) {
    add(a.count());
    for (std::size_t i = 0; i < a.kept.size(); ++i) {
      add(a.kept[i]), byte(a.depth[i]), byte(static_cast<std::uint64_t>(a.why[i].cause)), add(a.why[i].rank);
      add(a.why[i].value);
    }
    for (const Index e : a.entry) add(e);
    for (const auto& row : a.merge)
      for (const MergePart& m : row) add(m.token), add(m.weight);
    for (const Region& r : a.regions) add(r.row0), add(r.col0), add(r.row1), add(r.col1), add(r.tokens);
  }
};

bool trained(const Entry& e) {
  return std::any_of(e.settings.begin(), e.settings.end(),
                     [](const ConfigField& f) { return f.path == "weights" || f.path == "file"; });
}

/// "allocator top_k" -> hash; a stage's own evidence is answered for it alone.
using Hashes = std::map<std::string, std::uint64_t>;
Hashes all_hashes() {
  Hashes out;
  std::map<std::string, Hash> running;
  for (const std::size_t shape : {0u, 1u}) {
    const laws::Case c(laws::shapes()[shape], 9);
    const auto n = c.evidence.count();
    const auto maps = laws::scores(3 * n, 3, false), relevance = laws::scores(n, 4 + shape, shape == 1);
    const auto evidence = [&](const std::vector<Request>& needs) {
      Evidence e = c.evidence;
      laws::answer_all(e, needs);
      e.previous = laws::look(e.tokens.grid, 51);
      return e;
    };
    const auto& s = host_stages();
    for (const auto& row : s.textures)
      running["texture " + row.entry.name].add(made(row)->generate(c.image.view(), c.evidence.tokens).values);
    for (const auto& row : s.scorers) {
      if (trained(row.entry)) continue;
      const auto stage = made(row);
      running["scorer " + row.entry.name].add(stage->score(evidence(stage.facts.needs)));
    }
    for (const auto& row : s.balancers)
      if (!trained(row.entry))
        running["balancer " + row.entry.name].add(made(row)->balance(maps, evidence({})).relevance);
    for (const auto& row : s.allocators) {
      if (trained(row.entry)) continue;
      const auto stage = made(row);
      Rng rng(1);
      const Evidence e = evidence(stage.facts.needs);
      running["allocator " + row.entry.name].add(stage->allocate(relevance, e, Budget{0, 0.25}, rng));
    }
  }
  for (const auto& [name, hash] : running) out[name] = hash.h;
  return out;
}

}  // namespace

TEST_CASE("every registered stage gives the bytes that are stored") {
  Hashes stored;
  std::ifstream in(std::string(ARRCOC_TESTS_DIR) + "/golden/stage_bytes.txt");
  for (std::string kind, name; in >> kind >> name;) in >> stored[kind + " " + name];
  const Hashes now = all_hashes();
  CHECK(now.size() > 80);
  for (const auto& entry : now) {
    const bool same = stored.contains(entry.first) && stored[entry.first] == entry.second;
    if (!same) MESSAGE("stage_bytes: ", entry.first, " ", entry.second);
    CHECK_MESSAGE(same, entry.first);
  }
  for (const auto& entry : stored) CHECK_MESSAGE(now.contains(entry.first), entry.first);
}

TEST_CASE("two and four threads at once give what one gives") {
  const Hashes one = all_hashes();
  for (const int count : {2, 4}) {
    std::vector<Hashes> got(static_cast<std::size_t>(count));
    std::vector<std::thread> threads;
    for (Hashes& to : got) threads.emplace_back([&to] { to = all_hashes(); });
    for (std::thread& t : threads) t.join();
    for (const Hashes& h : got) CHECK(h == one);
  }
}
