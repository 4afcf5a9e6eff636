#pragma once
// The trained scorer by name: its setting names a file, which libarrcoc reads.
#include <filesystem>
#include <memory>

#include "arrcoc/registry/registry.hpp"
#include "arrcoc/scorers/learned.hpp"

namespace arrcoc {

/// Reads and checks a head (src/learned_head.cpp). Error 401..404.
std::shared_ptr<const LearnedHead<HostTensor>> read_learned_head(const std::filesystem::path& file);

template <class B>
void add_learned(Registry<B>& r) {
  Entry e{Kind::scorer, std::string(LearnedScorer::name),
          {"ours; box supervision, base frozen", {"K5", "R7"}, "how much a trained head says the token answers the question", "O(N D H)"},
          LearnedScorer::needs, std::nullopt, {}, flatten(LearnedConfig{})};
  r.add(std::move(e), [](const Settings& settings, std::string_view prefix, std::vector<ConfigField>& fields, std::vector<ConfigProblem>& problems) {
    LearnedScorer s;
    apply(s.config, prefix, settings, problems);
    for (auto& f : flatten(s.config, prefix)) fields.push_back(std::move(f));
    if (!s.config.weights.empty()) s.head = read_learned_head(s.config.weights);  // without, it can be made and described, not used
    return AnyScorer<B>::of(std::move(s));
  });
}

}  // namespace arrcoc
