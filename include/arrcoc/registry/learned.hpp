#pragma once
// The trained stages by name: their settings name files, which libarrcoc reads.
#include <filesystem>
#include <memory>

#include "arrcoc/allocators/learned_depth.hpp"
#include "arrcoc/balancers/learned.hpp"
#include "arrcoc/registry/registry.hpp"
#include "arrcoc/scorers/learned.hpp"

namespace arrcoc {

/// Read and check a head (src/learned_head.cpp). Error 401..404.
std::shared_ptr<const LearnedHead<HostTensor>> read_learned_head(const std::filesystem::path& file);
std::shared_ptr<const BalancerHead> read_balancer_head(const std::filesystem::path& file);
std::shared_ptr<const DepthHead> read_depth_head(const std::filesystem::path& file);

namespace detail {
/// A stage whose head is read from `config.weights`; without one it can be made and described, not used.
template <class Any, class S, class Read>
auto made_with_head(Read read) {
  return [read](const Settings& settings, std::string_view prefix, std::vector<ConfigField>& fields, std::vector<ConfigProblem>& problems) {
    S s;
    apply(s.config, prefix, settings, problems);
    for (auto& f : flatten(s.config, prefix)) fields.push_back(std::move(f));
    if (!s.config.weights.empty()) s.head = read(s.config.weights);
    return Any::of(std::move(s));
  };
}
}  // namespace detail

template <class B>
void add_learned_scorer(Registry<B>& r) {
  r.add(Entry{Kind::scorer, std::string(LearnedScorer::name),
              {"ours; box supervision, base frozen", {"K5", "R7"}, "how much a trained head says the token answers the question", "O(N D H)"},
              LearnedScorer::needs, std::nullopt, {}, flatten(LearnedConfig{})},
        typename Registry<B>::template Make<AnyScorer<B>>(detail::made_with_head<AnyScorer<B>, LearnedScorer>(read_learned_head)));
}

template <class B>
void add_learned_balancer(Registry<B>& r) {
  r.add(Entry{Kind::balancer, std::string(LearnedBalancer::name),
              {"ours; box supervision, base frozen", {"L5", "R10"}, "maps into one by a trained network that is monotone in each", "O(M N (log N + H))"},
              LearnedBalancer::needs, std::nullopt, {}, flatten(LearnedBalancerConfig{})},
        typename Registry<B>::template Make<AnyBalancer>(detail::made_with_head<AnyBalancer, LearnedBalancer>(read_balancer_head)));
}

template <class B>
void add_learned_depth(Registry<B>& r) {
  r.add(Entry{Kind::allocator, std::string(LearnedDepthAllocator::name),
              {"ours; through the answers, base frozen", {"H16", "H17"}, "the K most relevant tokens, each with the levels that a trained head gives it", "O(N (D H + log K))"},
              LearnedDepthAllocator::needs, LearnedDepthAllocator::spend, {}, flatten(LearnedDepthConfig{})},
        typename Registry<B>::template Make<AnyAllocator>(detail::made_with_head<AnyAllocator, LearnedDepthAllocator>(read_depth_head)));
}

}  // namespace arrcoc
