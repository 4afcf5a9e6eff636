// Modules from outside: opened, checked, and their strategies erased like any other.
#include <dlfcn.h>

#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "arrcoc/engine/plugin_host.hpp"
#include "plugin_seen.hpp"

namespace arrcoc {
namespace {

using Module = std::shared_ptr<const arrcoc_plugin>;

std::string text(const char* s) { return s != nullptr ? std::string(s).substr(0, 100) : "none"; }

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& sentence) {
  fail(Code::bad_plugin, "plugin", file.string() + ": " + sentence);
}

/// Row i of a table whose rows are as long as its first says.
template <class T>
const T& row_at(const T* rows, std::size_t i) {
  return *reinterpret_cast<const T*>(reinterpret_cast<const std::byte*>(rows) + i * rows->bytes);
}

/// A stage as the module describes it, copied.
struct Described {
  Entry entry;
  StageFacts facts;
};

void check_about(const std::filesystem::path& file, const arrcoc_about& a, std::size_t i, bool has_function) {
  if (a.bytes < offsetof(arrcoc_about, setting_count) + sizeof a.setting_count)
    refuse(file, "strategy " + std::to_string(i) + " does not say its size");
  if (a.name == nullptr || *a.name == '\0' || !has_function)
    refuse(file, "strategy " + std::to_string(i) + " has no name or no function");
  if (a.phase > 3 || (a.evidence & ~(2 * Need::received - 1) & ~Need::asked) != 0)
    refuse(file, text(a.name) + ": asks for evidence or a phase that is not known here");
  if ((a.setting_count > 0 && a.settings == nullptr) || a.setting_count > 1000)
    refuse(file, text(a.name) + ": its settings are missing");
  if ((a.request_count > 0 && a.requests == nullptr) || a.request_count > 1000)
    refuse(file, text(a.name) + ": its requests are missing");
  for (std::size_t k = 0; k < a.setting_count; ++k) {
    const arrcoc_setting& s = row_at(a.settings, k);
    if (s.name == nullptr || s.type == nullptr || s.text == nullptr)
      refuse(file, text(a.name) + ": a setting has no name, type or default");
  }
}

Described describe(Kind kind, const arrcoc_about& a) {
  Described d;
  d.entry.kind = kind;
  d.entry.name = a.name;
  d.entry.about = {
      a.source != nullptr ? a.source : "", {}, a.summary != nullptr ? a.summary : "", a.cost != nullptr ? a.cost : ""};
  d.entry.needs = {static_cast<Phase>(a.phase), a.evidence};
  for (std::size_t i = 0; i < a.setting_count; ++i) {
    const arrcoc_setting& s = row_at(a.settings, i);
    d.entry.settings.push_back({s.name, s.type, s.text});
  }
  for (std::size_t i = 0; i < a.request_count; ++i)
    d.facts.needs.push_back(request_of(row_at(a.requests, i), d.entry.name));
  d.facts.name = d.entry.name;
  d.facts.may_need = d.entry.needs;
  return d;
}

/// The values of a stage's settings, kept together with the texts they point to.
struct Values {
  std::vector<ConfigField> fields;
  std::vector<arrcoc_setting> settings;

  Values(const std::vector<ConfigField>& defaults, const Settings& given, std::string_view prefix,
         std::vector<ConfigField>& resolved, std::vector<ConfigProblem>& problems)
      : fields(defaults) {
    std::vector<std::string> known;
    for (ConfigField& f : fields) {
      known.push_back(detail::join_path(prefix, f.path));
      if (const auto it = given.find(known.back()); it != given.end()) {
        if (auto wrong = check(f.type, it->second); !wrong.empty())
          problems.push_back({known.back(), std::move(wrong)});
        else f.value = it->second;
      }
      resolved.push_back({known.back(), f.type, f.value});
    }
    const std::string start = std::string(prefix) + ".";
    for (const auto& [path, value] : given)
      if (path.starts_with(start) && std::find(known.begin(), known.end(), path) == known.end())
        problems.push_back({path, "no such setting" + nearest_names(path, known, start.size()), true});
    for (const ConfigField& f : fields) {
      double number = 0;
      (void)detail::from_text(f.value, number);
      settings.push_back({sizeof(arrcoc_setting), f.path.c_str(), f.type.c_str(), f.value.c_str(), number});
    }
  }
  Values(const Values&) = delete;

 private:
  static std::string check(const std::string& type, const std::string& value) {
    double number = 0;
    Index whole = 0;
    bool flag = false;
    if (type == "int") return detail::from_text(value, whole);
    if (type == "bool") return detail::from_text(value, flag);
    if (type == "float" || type == "double") return detail::from_text(value, number);
    return {};
  }
};

/// A module's sentence without its own name in front and without the code behind, which the host says.
std::string plain_sentence(const std::string& name, std::string sentence) {
  if (sentence.empty()) return "the plug-in failed without a word";
  if (const std::string own = "[" + name + "] "; sentence.starts_with(own)) sentence.erase(0, own.size());
  if (const auto code = sentence.rfind(" (E"); code != std::string::npos && code + 7 == sentence.size())
    sentence.erase(code);
  return sentence;
}

/// Runs f(error, bytes); the sentence with which it failed, empty where it did not.
template <class F>
std::string failure_of(const std::string& name, F&& f) {
  std::array<char, 512> error{};
  try {
    if (f(error.data(), error.size()) == 0) return {};
  } catch (const Error&) { throw; } catch (const std::exception& e) {
    return "the plug-in threw: " + std::string(e.what()).substr(0, 300);
  } catch (...) { return "the plug-in threw something that is no std::exception"; }
  error.back() = '\0';
  return plain_sentence(name, error.data());
}

/// The same; a failure is Error{bad_stage_output}.
template <class F>
void call(const std::string& name, F&& f) {
  if (const std::string sentence = failure_of(name, f); !sentence.empty()) fail(Code::bad_stage_output, name, sentence);
}

/// What a stage asks with its settings; what it has against them becomes a problem of theirs.
template <class Row>
std::vector<Request> asked(const Row& row, const std::string& name, const Values& values, std::string_view prefix,
                           std::vector<ConfigProblem>& problems) {
  struct Asked {
    const std::string& name;
    std::vector<Request> requests;
    std::exception_ptr refused;  // thrown behind the call: not through the module's frames
  } asked{name, {}, {}};
  const arrcoc_request_sink sink{sizeof sink, &asked, [](void* to, const arrcoc_request* r) {
                                   auto& all = *static_cast<Asked*>(to);
                                   try {
                                     all.requests.push_back(request_of(*r, all.name));
                                   } catch (...) { all.refused = std::current_exception(); }
                                 }};
  std::string sentence = failure_of(
      name, [&](char* error, std::size_t bytes) { return row.requests(values.settings.data(), &sink, error, bytes); });
  if (asked.refused) std::rethrow_exception(asked.refused);
  if (!sentence.empty()) problems.push_back({std::string(prefix), std::move(sentence)});
  return std::move(asked.requests);
}

/// What every stage of a module holds. The row is a copy; the module keeps the functions and texts alive.
template <class Row>
struct Held {
  Module module;
  Row row;
  std::vector<Request> requests;
  std::string name;
  std::shared_ptr<const Values> values;
};
constexpr float unwritten = std::numeric_limits<float>::quiet_NaN();

struct ModuleScorer final : erased::Scorer {
  Held<arrcoc_scorer> held;
  std::vector<float> score(const Evidence& e) const override {
    const SeenEvidence seen(e, held.requests);
    std::vector<float> out(static_cast<std::size_t>(e.count()), unwritten);
    call(held.name, [&](char* error, std::size_t n) {
      return held.row.score(&seen.view, held.values->settings.data(), out.data(), error, n);
    });
    return out;
  }
};

struct ModuleTexture final : erased::Texture {
  Held<arrcoc_texture> held;
  Textures generate(ImageView image, const TokenSet& tokens) const override {
    Evidence e;
    e.tokens = tokens;
    e.rgb = image;
    const SeenEvidence seen(e, {});
    Textures out;
    for (std::size_t c = 0; c < held.row.channel_count; ++c) out.channels.emplace_back(held.row.channel_names[c]);
    out.values.assign(static_cast<std::size_t>(tokens.count()) * held.row.channel_count, unwritten);
    call(held.name, [&](char* error, std::size_t n) {
      return held.row.generate(&seen.view, held.values->settings.data(), out.values.data(), error, n);
    });
    for (const float v : out.values)
      require_that(v - v == 0.0f, Code::bad_stage_output, held.name,
                   "expected finite textures, got NaN or infinity (a value that was never written is NaN)");
    return out;
  }
};

struct ModuleBalancer final : erased::Balancer {
  Held<arrcoc_balancer> held;
  Balanced balance(std::span<const float> maps, const Evidence& e) const override {
    const SeenEvidence seen(e, held.requests);
    const Index n = e.count();
    require_that(n > 0 && static_cast<Index>(maps.size()) % n == 0, Code::shape_mismatch, held.name,
                 "the maps do not fill the tokens");
    Balanced out;
    out.relevance.assign(static_cast<std::size_t>(n), unwritten);
    const arrcoc_balance_sink sink{sizeof sink, &out,
                                   [](void* to, const char* name, float value) {
                                     static_cast<Balanced*>(to)->tensions.push_back({text(name), value});
                                   },
                                   [](void* to, float share) { static_cast<Balanced*>(to)->weights.push_back(share); }};
    call(held.name, [&](char* error, std::size_t bytes) {
      return held.row.balance(maps.data(), static_cast<Index>(maps.size()) / n, &seen.view,
                              held.values->settings.data(), out.relevance.data(), &sink, error, bytes);
    });
    return out;
  }
};

struct ModuleAllocator final : erased::Allocator {
  Held<arrcoc_allocator> held;
  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng& rng) const override {
    const SeenEvidence seen(e, held.requests);
    const Budget::Resolved spend = budget.resolve(e.count());
    Allocation out;
    out.tokens = e.tokens;
    out.clamped = spend.clamped;
    const arrcoc_allocation_sink sink{
        sizeof sink,
        &out,
        [](void* to, std::int64_t token, std::uint32_t depth, std::uint8_t cause, std::int64_t rank, float value) {
          auto& a = *static_cast<Allocation*>(to);
          a.kept.push_back(token);
          a.depth.push_back(depth);
          a.why.push_back(
              {static_cast<Cause>(std::min<std::uint8_t>(cause, static_cast<std::uint8_t>(Cause::coverage))), rank,
               value});
        },
        [](void* to, std::int64_t layer) {
          auto& a = *static_cast<Allocation*>(to);
          a.entry.resize(a.kept.size());
          if (!a.entry.empty()) a.entry.back() = layer;
        },
        [](void* to, std::int64_t token, float weight) {
          auto& a = *static_cast<Allocation*>(to);
          a.merge.resize(a.kept.size());
          if (!a.merge.empty()) a.merge.back().push_back({token, weight});
        },
        [](void* to, std::int64_t row0, std::int64_t col0, std::int64_t row1, std::int64_t col1, std::int64_t tokens) {
          static_cast<Allocation*>(to)->regions.push_back({row0, col0, row1, col1, tokens});
        }};
    call(held.name, [&](char* error, std::size_t bytes) {
      return held.row.allocate(relevance.data(), &seen.view, spend.kept, rng.next(), held.values->settings.data(),
                               &sink, error, bytes);
    });
    if (!out.entry.empty()) out.entry.resize(out.kept.size());
    return out;
  }
};

template <class Face, class Stage, class Row>
void add_rows(const std::filesystem::path& file, HostStages& stages, std::vector<StageRow<Any<Face>>>& list, Kind kind,
              const Module& module, const Row* rows, std::size_t count) {
  if (count > 0 && rows == nullptr) refuse(file, "a table of " + std::to_string(count) + " strategies is missing");
  if (count > 1000) refuse(file, "expected at most 1000 strategies of a kind, got " + std::to_string(count));
  for (std::size_t i = 0; i < count; ++i) {
    if (rows->bytes < 8 || rows->bytes > 65536)
      refuse(file, "strategy " + std::to_string(i) + " does not say its size");
    const Row row = known_part(row_at(rows, i));
    bool has_function = true;
    if constexpr (requires { row.score; }) has_function = row.score != nullptr;
    if constexpr (requires { row.balance; }) has_function = row.balance != nullptr;
    if constexpr (requires { row.generate; })
      has_function =
          row.generate != nullptr && row.channel_names != nullptr && row.channel_count > 0 && row.channel_count <= 4096;
    if constexpr (requires { row.allocate; }) has_function = row.allocate != nullptr;
    check_about(file, row.about, i, has_function);
    Described d = describe(kind, row.about);
    if constexpr (requires { row.spend; }) {
      if (row.spend > 4) refuse(file, d.entry.name + ": unknown kind of spending");
      d.facts.spend = static_cast<Spend>(row.spend);
      d.entry.spend = d.facts.spend;
    }
    const std::vector<ConfigField> defaults = d.entry.settings;
    Make<Any<Face>> make = [module, row, defaults, facts = d.facts](const Settings& given, std::string_view prefix,
                                                                    std::vector<ConfigField>& fields,
                                                                    std::vector<ConfigProblem>& problems) {
      Stage stage;
      const std::size_t before = problems.size();
      auto values = std::make_shared<const Values>(defaults, given, prefix, fields, problems);
      StageFacts own = facts;
      if constexpr (requires { row.requests; })
        if (row.requests != nullptr && problems.size() == before)
          own.needs = asked(row, own.name, *values, prefix, problems);
      stage.held = {module, row, own.needs, own.name, std::move(values)};
      return Any<Face>::template made<Stage>(std::move(own), std::move(stage));
    };
    stages.add(list, StageRow<Any<Face>>{std::move(d.entry), std::move(make)});
  }
}

Module open_plugin(const std::filesystem::path& file) {
  std::error_code none;
  require_that(std::filesystem::exists(file, none), Code::file_missing, "plugin",
               [&] { return file.string() + ": no such file"; });
  const auto path = std::filesystem::absolute(file, none);  // a bare name would be looked up in the system's folders
  std::shared_ptr<void> library(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL), [](void* l) {
    if (l != nullptr) ::dlclose(l);
  });
  if (!library) {
    const char* why = ::dlerror();
    const std::string said = why != nullptr ? why : "no reason given";
    refuse(file, "cannot be loaded: " + said +
                     (said.find("ELF header") == std::string::npos
                          ? ""
                          : "; a compiler that is given a header makes no module of it without -x c++"));
  }
  using EntryPoint = const arrcoc_plugin* (*)();
  const auto entry = reinterpret_cast<EntryPoint>(::dlsym(library.get(), "arrcoc_plugin_entry"));
  if (entry == nullptr) refuse(file, "expected the function arrcoc_plugin_entry, got none");
  const arrcoc_plugin* module = entry();
  if (module == nullptr) refuse(file, "its entry point gave nothing");
  if (module->abi != arrcoc_plugin_abi)
    refuse(file, "ABI: expected " + std::to_string(arrcoc_plugin_abi) + ", got " + std::to_string(module->abi) +
                     "; build it anew with this version's headers");
  if (module->bytes != sizeof(arrcoc_plugin))
    refuse(file, "table size: expected " + std::to_string(sizeof(arrcoc_plugin)) + " bytes, got " +
                     std::to_string(module->bytes));
  if (module->build_id == nullptr || std::string_view(module->build_id) != arrcoc_plugin_build_id)
    refuse(file,
           "build id: expected '" + std::string(arrcoc_plugin_build_id) + "', got '" + text(module->build_id) + "'");
  return {library, module};
}

}  // namespace

void load_plugin(const std::filesystem::path& file, HostStages& stages) {
  const Module m = open_plugin(file);
  add_rows<erased::Texture, ModuleTexture>(file, stages, stages.textures, Kind::texture, m, m->textures,
                                           m->texture_count);
  add_rows<erased::Scorer, ModuleScorer>(file, stages, stages.scorers, Kind::scorer, m, m->scorers, m->scorer_count);
  add_rows<erased::Balancer, ModuleBalancer>(file, stages, stages.balancers, Kind::balancer, m, m->balancers,
                                             m->balancer_count);
  add_rows<erased::Allocator, ModuleAllocator>(file, stages, stages.allocators, Kind::allocator, m, m->allocators,
                                               m->allocator_count);
}

}  // namespace arrcoc
