// The strategies of the host plane, kind by kind.
#include "arrcoc/allocators/control/centre.hpp"
#include "arrcoc/allocators/control/full.hpp"
#include "arrcoc/allocators/control/grid2d.hpp"
#include "arrcoc/allocators/control/one_region.hpp"
#include "arrcoc/allocators/control/oracle.hpp"
#include "arrcoc/allocators/control/random.hpp"
#include "arrcoc/allocators/control/uniform.hpp"
#include "arrcoc/allocators/control/uniform_frames.hpp"
#include "arrcoc/allocators/depth/entry_by_relevance.hpp"
#include "arrcoc/allocators/depth/hierarchical.hpp"
#include "arrcoc/allocators/depth/learned_depth.hpp"
#include "arrcoc/allocators/merge/merge_similar.hpp"
#include "arrcoc/allocators/merge/pool.hpp"
#include "arrcoc/allocators/select/adaptive_k.hpp"
#include "arrcoc/allocators/select/context_floor.hpp"
#include "arrcoc/allocators/select/coverage_quota.hpp"
#include "arrcoc/allocators/select/cumulative_mass.hpp"
#include "arrcoc/allocators/select/dpp_greedy.hpp"
#include "arrcoc/allocators/select/facility_location.hpp"
#include "arrcoc/allocators/select/farthest_point.hpp"
#include "arrcoc/allocators/select/frame_quota.hpp"
#include "arrcoc/allocators/select/nms.hpp"
#include "arrcoc/allocators/select/threshold.hpp"
#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/allocators/tier/tiers.hpp"
#include "arrcoc/balancers/cautious.hpp"
#include "arrcoc/balancers/fixed.hpp"
#include "arrcoc/balancers/flat.hpp"
#include "arrcoc/balancers/max_sum.hpp"
#include "arrcoc/balancers/product_of_experts.hpp"
#include "arrcoc/balancers/rank_fusion.hpp"
#include "arrcoc/balancers/temporal.hpp"
#include "arrcoc/balancers/tension.hpp"
#include "arrcoc/pipeline/pass_cascade.hpp"
#include "arrcoc/registry/builtin.hpp"
#include "arrcoc/registry/learned.hpp"
#include "arrcoc/scorers/attention/layer_attention.hpp"
#include "arrcoc/scorers/attention/tower_attention.hpp"
#include "arrcoc/scorers/control/centre.hpp"
#include "arrcoc/scorers/control/channel.hpp"
#include "arrcoc/scorers/control/given.hpp"
#include "arrcoc/scorers/control/oracle.hpp"
#include "arrcoc/scorers/control/random.hpp"
#include "arrcoc/scorers/control/sobel.hpp"
#include "arrcoc/scorers/control/uniform.hpp"
#include "arrcoc/scorers/features/feature_norm.hpp"
#include "arrcoc/scorers/features/frame_change.hpp"
#include "arrcoc/scorers/features/novelty.hpp"
#include "arrcoc/scorers/features/patch_max.hpp"
#include "arrcoc/scorers/pixels/contrast.hpp"
#include "arrcoc/scorers/pixels/duplicates.hpp"
#include "arrcoc/scorers/pixels/entropy.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/scorers/pixels/perspectival.hpp"
#include "arrcoc/scorers/pixels/softmax_channel_entropy.hpp"
#include "arrcoc/scorers/pixels/text_likeness.hpp"
#include "arrcoc/scorers/previous/inhibition.hpp"
#include "arrcoc/scorers/previous/previous_attention.hpp"
#include "arrcoc/scorers/previous/previous_relevance.hpp"
#include "arrcoc/texture/named.hpp"
#include "arrcoc/texture/repo13.hpp"
#include "arrcoc/texture/seed13.hpp"
#include "arrcoc/texture/texture13.hpp"
#include "hot.hpp"

namespace arrcoc {

template std::shared_ptr<const SimilarityRows> cosines_of<Similarity>(const HostTensor&);
template Index detail::first_suspect<std::uint16_t>(const std::byte*, Index, std::uint16_t);
template Index detail::first_suspect<std::uint32_t>(const std::byte*, Index, std::uint32_t);

void register_textures(HostStages& r) {
  r.add_texture<Texture13>({"ours",
                            {"T0", "T1", "T2", "T3", "T4", "T5", "A17"},
                            "thirteen box-integrated channels of each token's cell",
                            "O(H W)"});
  r.add_texture<NamedTexture>({"its channels' own",
                               {"T1", "T2", "T3", "T4", "T5", "T7", "T8", "T9", "Z11", "2A.8", "A17"},
                               "channels by name, each box-integrated from native pixels, on any scale",
                               "O(H W) a family"},
                              LoadMaps{});
  r.add_texture<Seed13Texture>({"ARR-COC notes, first sketch",
                                {"T0", "T2", "T3", "T4", "T5", "T6", "T10", "T11", "Z11"},
                                "the first sketch's thirteen channels, faults and all",
                                "O(256 N)"});
  r.add_texture<Repo13Texture>({"djwar42/arr-coc-0-1, ARR_COC/texture.py",
                                {"Z11"},
                                "the published repository's thirteen channels, faults and all",
                                "O(256 N)"});
  r.add_texture<D28x13Texture>({"ARR-COC notes, dialogue 28; ours where it says nothing new",
                                {"Z11", "T9", "2A.8"},
                                "thirteen different channels: colour, place, edges of either polarity, two scales",
                                "O(H W)"},
                               LoadMaps{});
  r.add_texture<D28x17Texture>({"ARR-COC notes, dialogue 28; ours where it says nothing new",
                                {"Z11", "T8", "T9", "2A.8"},
                                "d28_13 with clusters, dark and light strokes, and likeness to text",
                                "O(H W + N k)"},
                               LoadMaps{});
  r.add_texture<Full40Texture>({"ARR-COC notes, dialogues 27 and 36; its channels' own",
                                {"Z11", "T8", "T9", "2A.8"},
                                "forty different channels, superpixels among them",
                                "O(H W + N k)"},
                               LoadMaps{});
}

void register_scorers(HostStages& r) {
  r.add_scorer<InformationScorer>(
      {"Shannon 1948, section 6", {"A7", "K1", "K12"}, "how much there is to read in the cell", "O(N)"});
  r.add_scorer<PerspectivalScorer>(
      {"Itti, Koch, Niebur 1998, section II.B", {"A8", "K3", "K4"}, "what stands out from its surround", "O(N)"});
  r.add_scorer<ContrastScorer>(
      {"Itti, Koch, Niebur 1998, section 2", {}, "distance from the mean of the neighbouring cells", "O(N C)"});
  r.add_scorer<EntropyScorer>({"Shannon 1948, section 6; Kadir, Brady 2001",
                               {"K1", "K2", "K10"},
                               "entropy of the histogram of the cell's pixels, over scales",
                               "O(H W + N bins scales^3)"});
  r.add_scorer<DuplicatesScorer>({"PixelPrune, arXiv 2604.00886",
                                  {"2A.8"},
                                  "whether the block of pixels says anything that an earlier one did not",
                                  "O(H W)"});
  r.add_scorer<TextLikenessScorer>({"ours; Serra 1982 (top-hat); Fletcher, Kasturi 1988",
                                    {"2A.1"},
                                    "how much the cell looks like print of either polarity",
                                    "O(H W scales log radius)"});
  r.add_scorer<ChannelScorer>({"control", {}, "one channel of the textures as it is", "O(N)"});
  r.add_scorer<SobelScorer>({"control", {"T3", "2B"}, "mean edge strength of the cell", "O(N)"});
  r.add_scorer<SoftmaxChannelEntropyScorer>({"ARR-COC notes, first sketch",
                                             {"K1"},
                                             "entropy of the softmax over channels, the old fault kept for comparison",
                                             "O(N C)"});
  r.add_scorer<LearnedScorer>({"ours; box supervision, base frozen",
                               {"K5", "R7"},
                               "how much a trained head says the token answers the question",
                               "O(N D H)"},
                              LoadHead{});
  r.add_scorer<SaliencyNetworkScorer>({"ARR-COC notes, PerspectivalScorer",
                                       {"K3"},
                                       "what stands out by a small trained network of convolutions",
                                       "O(N k^2 C H)"},
                                      LoadHead{});
  r.add_scorer<TextureCouplingScorer>(
      {"ARR-COC notes, ParticipatoryScorer; djwar42/arr-coc-0-1, ARR_COC/knowing.py",
       {"K5"},
       "cosine of the question with a trained projection of textures, the sketches' coupling",
       "O(N (k^2 C H + H^2) + E H^2)"},
      LoadHead{});
  r.add_scorer<LayerAttentionScorer>(
      {"Chen et al. 2024 (FastV), section 4.1",
       {"K10"},
       "attention that rows of the text pay to the token in layers of the language model",
       "O(N) and the paying rows' scores"});
  r.add_scorer<PatchMaxScorer>({"ColBERT, Khattab, Zaharia 2020",
                                {"K5", "2B"},
                                "cosine with the question's words, the best one, their mean or their sum",
                                "O(N Q D)"});
  r.add_scorer<FeatureNormScorer>({"DART, arXiv 2502.11494", {}, "norm of the vision embedding", "O(N D)"});
  r.add_scorer<FrameChangeScorer>({"EVS, vllm/multimodal/evs.py",
                                   {},
                                   "how much a token of a clip differs from the one before at its place",
                                   "O(N D levels)"});
  r.add_scorer<NoveltyScorer>({"Cen-Prune", {}, "how unlike other tokens the vision embedding is", "O(N D)"});
  r.add_scorer<TowerAttentionScorer>({"FasterVLM, arXiv 2412.01818",
                                      {"T7"},
                                      "attention received in a block of the vision tower",
                                      "O(N), P^2 in the tower"});
  r.add_scorer<PreviousAttentionScorer>({"Zhang et al. 2025 (ViCrop), section 4",
                                         {"A14"},
                                         "attention that an earlier look's answer paid to the place",
                                         "O(N N')"});
  r.add_scorer<PreviousRelevanceScorer>(
      {"ours", {"2A.17"}, "the relevance that an earlier look gave to the place", "O(N N')"});
  r.add_scorer<InhibitionScorer>({"Itti, Koch, Niebur 1998, section II.C",
                                  {"A14", "2A.1", "2A.5"},
                                  "1 minus what earlier fixations covered",
                                  "O(N K)"});
  r.add_scorer<GivenScorer>({"control",
                             {"2A.18"},
                             "a map from a file, by area: scores made elsewhere, a learnt bias, human fixations",
                             "O(map)"},
                            LoadMaps{});
  r.add_scorer<UniformScorer>({"control", {"2B"}, "1 everywhere", "O(N)"});
  r.add_scorer<RandomScorer>({"control", {"2B"}, "noise, the same for every picture of a size", "O(N)"});
  r.add_scorer<OracleScorer>({"control", {"2B"}, "how much of the token's cell the answer boxes cover", "O(N)"});
  r.add_scorer<CentreScorer>({"control", {"2A.7", "2B"}, "nearness to the middle of the grid", "O(N)"});
}

void register_balancers(HostStages& r) {
  r.add_balancer<AdaptiveTensionBalancer>(
      {"ARR-COC notes, opponent processing",
       {"A10", "K15", "L1", "L2", "L3", "L4", "L8", "L9", "L10", "2A.1", "2A.2", "2A.3"},
       "maps weighed by tensions and by how coherent each map is",
       "O(M N log N)"},
      LoadHead{});
  r.add_balancer<FixedWeightsBalancer>(
      {"ARR-COC notes, fixed weights", {"L6", "L11", "K12"}, "a weighted sum of normalised maps", "O(M N)"});
  r.add_balancer<PolicyBalancer>({"ARR-COC notes, 003 act VIII; djwar42/arr-coc-0-1, ARR_COC/balancing.py",
                                  {"L5"},
                                  "weights of the maps by a network of the question, the maps' statistics, or both",
                                  "O(M N + weights)"},
                                 LoadHead{});
  r.add_balancer<LearnedBalancer>({"ours; box supervision, base frozen",
                                   {"L5", "R10"},
                                   "maps into one by a trained network that is monotone in each",
                                   "O(M N (log N + H))"},
                                  LoadHead{});
  r.add_balancer<MaxSumBalancer>(
      {"ours; Li 2002", {}, "maximum and mean over maps, mixed", "O(M N), with ranks O(M N log N)"});
  r.add_balancer<RankFusionBalancer>(
      {"Cormack, Clarke, Buettcher 2009", {}, "reciprocal ranks, summed over maps", "O(M N log N)"});
  r.add_balancer<ProductOfExpertsBalancer>(
      {"Hinton 2002, section 1", {}, "geometric mean of the maps", "O(M N), with ranks O(M N log N)"});
  r.add_balancer<CautiousBalancer>({"ARR-COC notes, the safe allocator",
                                    {"2A.13", "2A.14"},
                                    "mean of the maps, more where they disagree and beside what is relevant",
                                    "O(M N)"});
  r.add_balancer<TemporalBalancer>({"ARR-COC notes, temporal realiser",
                                    {"2A.1", "2A.17"},
                                    "of a clip: maps with a memory that decays, follows motion and ends at cuts",
                                    "O(M N log N + N D radius^2)"});
  r.add_balancer<FlatBalancer>({"ours", {}, "relevance 1 everywhere, for allocators that do not look at it", "O(N)"});
}

void register_allocators(HostStages& r) {
  r.add_allocator<TopKAllocator>(
      {"ARR-COC notes, top-k", {"A11", "G2", "G5", "G6", "G7"}, "the K most relevant tokens", "O(N + K log K)"});
  r.add_allocator<AdaptiveKAllocator>({"ARR-COC notes, adaptive-k",
                                       {"G3", "G4", "G8", "G9", "G10"},
                                       "more tokens where relevance is spread, fewer where it is peaked",
                                       "O(N + K log K)"});
  r.add_allocator<ThresholdAllocator>(
      {"GlimpsePrune, arXiv 2508.01548", {"2B"}, "the tokens above a relevance", "O(N + K log K)"});
  r.add_allocator<CumulativeMassAllocator>(
      {"Holtzman et al. 2020", {"2B"}, "the fewest tokens that hold a share of the relevance", "O(N log N)"});
  r.add_allocator<NmsAllocator>({"Neubeck, Van Gool 2006",
                                 {"2A.15", "2B"},
                                 "the most relevant tokens, each silencing its neighbours",
                                 "O(N log N + K radius^2)"});
  r.add_allocator<CoverageQuotaAllocator>({"HoloV, arXiv 2510.02912",
                                           {"L7", "B13"},
                                           "every block of the picture in turn, the rest by relevance",
                                           "O(N log N)"});
  r.add_allocator<ContextFloorAllocator>(
      {"ARR-COC notes, Gestalt", {"2A.1", "2A.6"}, "a coarse lattice, the rest by relevance", "O(N + K log K)"});
  r.add_allocator<FarthestPointAllocator>(
      {"DivPrune, arXiv 2503.02175", {}, "always the token least like any that is kept", "O(N^2 D)"});
  r.add_allocator<DppGreedyAllocator>(
      {"CDPruner, arXiv 2506.10967", {}, "relevant and unlike each other: largest determinant", "O(K N D + K^2 N)"});
  r.add_allocator<FacilityLocationAllocator>(
      {"EADP, arXiv 2607.02484", {}, "every relevant token has something like it among the kept", "O(N^2 D + K N^2)"});
  r.add_allocator<FrameQuotaAllocator>(
      {"ours", {}, "a quota for each frame of a clip, by its relevance or evenly, with a floor", "O(N log N)"});
  r.add_allocator<HierarchicalAllocator>({"ARR-COC notes, tokens x depth",
                                          {"H1",  "H2",  "H3",  "H4",  "H5",  "H6",  "H7",  "H8",  "H9",  "H10",
                                           "H11", "H12", "H13", "H15", "H18", "H19", "H20", "H21", "H22", "K13"},
                                          "the K most relevant tokens, each with the levels of its class of relevance",
                                          "O(N + K log K)"});
  r.add_allocator<LearnedDepthAllocator>(
      {"ours; through the answers, base frozen",
       {"H16", "H17"},
       "the K most relevant tokens, each with the levels that a trained head gives it",
       "O(N (D H + log K))"},
      LoadHead{});
  r.add_allocator<RandomAllocator>({"control", {}, "K tokens at random", "O(N)"});
  r.add_allocator<UniformAllocator>({"control", {}, "K tokens evenly spaced in raster order", "O(K)"});
  r.add_allocator<UniformFramesAllocator>(
      {"control", {}, "whole frames of a clip, evenly spaced; of a picture a lattice", "O(T^2 + N)"});
  r.add_allocator<Grid2dAllocator>({"control", {}, "a 2-D lattice of K tokens", "O(K)"});
  r.add_allocator<CentreAllocator>({"control", {}, "the K tokens nearest the middle", "O(N + K log K)"});
  r.add_allocator<OracleAllocator>({"control", {}, "the tokens that cover the answer boxes, then the lattice", "O(N)"});
  r.add_allocator<PoolAllocator>({"control", {}, "means of K even boxes of tokens", "O(N)"});
  r.add_allocator<FullAllocator>({"control", {"B1", "B10"}, "every token", "O(N)"});
  r.add_allocator<OneRegionAllocator>(
      {"control",
       {"B5", "B11"},
       "the whole picture as one region with the whole budget; for `downsample` and `tier`",
       "O(N)"});
  r.add_allocator<EntryByRelevanceAllocator>(
      {"ours", {}, "the K most relevant tokens, the less relevant ones joining at later layers", "O(N + K log K)"});
  r.add_allocator<TiersAllocator>({"ARR-COC notes, tiers",
                                   {"G1", "A5", "B3", "Z12", "B2", "B4", "B7", "G12", "2A.1", "2A.4"},
                                   "one resolution for each region, by its relevance",
                                   "O(N log N + R^2 tiers), with knapsack R B tiers"});
  r.add_allocator<MergeSimilarAllocator>({"Bolya et al. 2023, section 3; Shang et al. 2024, section 3.3",
                                          {},
                                          "the K most relevant tokens, each with those most like it merged in",
                                          "O(N K)"});
}

void register_splits(HostStages& r) {
  r.add_split<SizeSplit>({"ours", {}, "in proportion to the pictures' sizes", "O(P log P)"});
  r.add_split<RelevanceSplit>({"ours", {}, "in proportion to the raw relevance of each picture", "O(M N)"});
}

void register_passes(HostStages& r) {
  r.add_passes<OncePasses>({"ours", {}, "one look", "O(1)"});
  r.add_passes<EscalatePasses>({"VisionThink, arXiv 2507.13348, section 3",
                                {},
                                "all of a small picture, then the native one when the model is not sure",
                                "the first look, and the second where it is taken"});
  r.add_passes<CoarseAnswerPasses>({"ours; Zhang et al. 2025 (ViCrop)",
                                    {"A14"},
                                    "a small picture is answered first, and says where to look",
                                    "two looks"});
  r.add_passes<FixationsPasses>({"Itti, Koch, Niebur 1998, section II.C",
                                 {"A14", "2A.5"},
                                 "several fixations, each where the earlier ones have not been",
                                 "the decisions of each, one answer"});
  r.add_passes<CascadePasses>({"ARR-COC notes, 64 to 256 to 1024",
                               {"2A.9"},
                               "from coarse to fine, each level only where the one before kept something",
                               "every level's tower over what it looks at"});
}

void register_presets(HostStages& r) {
  constexpr std::string_view two_looks = "none/layer_attention:heads=max:layers=3/fixed/top_k/again:before=4";
  constexpr Preset kit[] = {
      {"default", two_looks, "two_looks"},
      {"two_looks", two_looks,
       "the question's own attention in layers 1 to 3 of a first look, the K most relevant tokens"},
      {"three_ways", "texture13/information+perspectival+participatory/tension/top_k/gather",
       "three ways of knowing, adaptive tensions, the K most relevant tokens; needs no language model"},
      {"document", "none/text_likeness/fixed/top_k/gather",
       "what looks like print, lines whole; needs no language model and never sees the question"},
      {"document_asked",
       "none/text_likeness+layer_attention:heads=max:layers=3/product_of_experts/top_k/again:before=4",
       "what looks like print and what the question's attention in layers 1 to 3 of a first look pays to"},
      {"photo", "none/layer_attention:heads=max:layers=3/fixed/coverage_quota/again:before=4",
       "the question's own attention as in `two_looks`, with a share for every block of the picture"},
      {"coarse_answer", "none/previous_attention/fixed/top_k/gather:passes=coarse_answer",
       "where the answer about a small picture looked, the K most looked at tokens of the native one"},
      {"v0.1", "texture13/information+perspectival+participatory/fixed/top_k/gather@200",
       "first rung of the early ladder: three maps, fixed weights, 200 tokens"},
      {"v0.2", "texture13/information+perspectival+participatory/fixed/top_k/gather",
       "second rung: the same over budgets, --budget 64,128,256,400"},
      {"v0.3", "texture13/information+perspectival+participatory/fixed/adaptive_k/gather@400",
       "third rung: 64 to 400 tokens, by how spread relevance is"},
      {"v1.0", "none/learned/fixed/top_k/gather",
       "last rung: a trained scorer; needs scorers.learned.weights=FILE of `arrcoc train scorer`"},
      {"seed", "seed13/softmax_channel_entropy+participatory/fixed:scale=none/top_k/gather@400",
       "the first sketch, faults and all: its textures, its entropy, maps as they come, 400 tokens"},
      {"safe", "texture13/information+perspectival+participatory/cautious:radius=1/context_floor/gather",
       "where a miss is dear: more for what is uncertain or beside something relevant, and a lattice over all"},
      {"reading",
       "texture13/information+perspectival+participatory/tension:diversify=0.2:explore=0.1:particularize=0.7/"
       "top_k/gather",
       "one place is read: tensions focus and exploit"},
      {"searching",
       "texture13/information+perspectival+participatory/tension:diversify=0.8:explore=0.6:particularize=0.4/"
       "coverage_quota/gather",
       "something is looked for: tensions explore and diversify, every part gets a token"},
      {"full", "none/none/flat/full/gather", "nothing is pruned"},
      {"random", "none/none/flat/random/gather", "K tokens drawn at random"},
      {"random_in_layers", "none/none/flat/random/layer", "K tokens drawn at random before layer 2"},
      {"uniform", "none/none/flat/uniform/gather", "every n-th token in raster order"},
      {"grid", "none/none/flat/grid/gather", "a 2-D lattice of K tokens"},
      {"uniform_frames", "none/none/flat/uniform_frames/gather", "whole frames of a clip, evenly spaced"},
      {"centre", "none/none/flat/centre/gather", "the K tokens nearest the middle"},
      {"downsample", "none/none/flat/one_region/downsample", "the whole picture in one lower resolution"},
      {"oracle", "none/none/flat/oracle/gather", "the tokens that cover the answer boxes; needs boxes"},
  };
  for (const Preset& p : kit) r.add_preset(p);
}

void register_host(HostStages& r) {
  register_textures(r), register_scorers(r), register_balancers(r), register_allocators(r), register_splits(r);
  register_passes(r), register_presets(r), register_methods(r);
}

const std::vector<Preset>& presets() {
  static const std::vector<Preset> all = [] {
    HostStages stages;
    register_presets(stages), register_methods(stages);
    return stages.presets;
  }();
  return all;
}

namespace detail {
void check_free(const Entry& e, const std::vector<Entry>& taken) {
  require_that(
      e.name != "none" && !e.name.empty() && e.name.find_first_of("/+@.=:% ") == std::string::npos && e.name != "own" &&
          e.name != "blank" && e.name != "other",
      Code::bad_config, "registry", [&] {
        return "a strategy's name: expected a word other than none, own, blank, other, without / + @ . = : %, got '" +
               e.name + "'";
      });
  for (const Entry& t : taken)
    require_that(t.kind != e.kind || t.name != e.name, Code::duplicate_name, "registry",
                 [&] { return std::string(name_of(e.kind)) + " '" + e.name + "' is registered already"; });
}
void check_free(const Preset& p, const std::vector<Preset>& taken) {
  for (const Preset& t : taken)
    require_that(t.name != p.name, Code::duplicate_name, "registry",
                 [&] { return "preset '" + std::string(p.name) + "' is registered already"; });
}
}  // namespace detail

}  // namespace arrcoc
