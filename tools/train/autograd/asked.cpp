#include "asked.hpp"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <map>

#include "arrcoc/primitives/cells.hpp"

#include "../drops.hpp"
#include "../gradients/gradient.hpp"

namespace arrcoc::train {
namespace {

/// Share of each token's cell under the boxes of one question.
at::Tensor coverage(const Example& e, const AskedQuestion& q) {
  const std::vector<double> shares = cells::covered_shares(e.grid, e.image_height, e.image_width, q.boxes);
  return at::tensor(std::vector<float>(shares.begin(), shares.end()), at::kFloat);
}

/// Tells the backend what it is about to import.
WeightLookup telling(WeightLookup lookup, GatedBackend& b) {
  return [lookup = std::move(lookup), &b](std::string_view name) {
    b.looked_up = name;
    return lookup(name);
  };
}

}  // namespace

FrozenModel::FrozenModel(const std::filesystem::path& model, int threads, const std::string& device,
                         const std::filesystem::path& atlas)
    : folder_(io::open_model(model.string(), {})),
      backend_({threads, device, false}),
      model_(backend_, folder_.config, telling(folder_.weights, backend_)) {
  if (!atlas.empty()) atlas_.load(atlas);
}

std::vector<std::pair<std::string, at::Tensor>> FrozenModel::unfreeze(Index layers) {
  const Index all = folder_.config.text.layers;
  require_that(layers >= 1 && layers <= all, Code::bad_config, "train", [&] {
    return "--unfreeze: expected 1 to " + std::to_string(all) + " layers, got " + std::to_string(layers);
  });
  std::vector<std::pair<std::string, at::Tensor>> out;
  for (auto& [name, t] : backend_.imported)
    for (Index l = all - layers; l < all; ++l) {
      if (!name.starts_with("model.language_model.layers." + std::to_string(l) + ".")) continue;
      t.set_data(t.detach().clone());  // the file's own memory is not written to
      out.emplace_back(name, t.requires_grad_(true));
    }
  return out;
}

std::vector<Asked> FrozenModel::ask(const std::vector<scenes::SceneParams>& params, Index questions) {
  const at::NoGradGuard no_grad;
  std::vector<Example> examples;
  std::vector<std::shared_ptr<const Image>> pictures;
  std::vector<qwen3vl::Pixels> pixels;
  for (const auto& p : params) {
    scenes::Scene scene = scenes::make_scene(p, atlas_);
    require_that(scene.frames.empty(), Code::bad_config, "train",
                 "scenarios: expected single pictures to train a head on, got video");
    examples.push_back(make_example(scene, folder_.config, questions, p.seed));
    pixels.push_back(examples.back().pixels);
    pictures.push_back(std::make_shared<const Image>(std::move(scene.image)));
  }
  const auto seen = model_.encode_images(backend_, pixels);
  std::vector<Asked> out;
  Index first = 0;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const Example& e = examples[i];
    const Index end = first + e.grid.count();
    const at::Tensor vision = backend_.slice_rows(seen.tokens, first, end);
    std::vector<at::Tensor> levels;
    for (const at::Tensor& level : seen.deepstack) levels.push_back(backend_.slice_rows(level, first, end));
    first = end;
    for (const AskedQuestion& q : e.questions) {
      if (q.boxes.empty()) continue;
      out.push_back({e.grid, pictures[i], vision,
                     backend_.mean_rows(model_.text().embed(backend_, folder_.tokenizer->encode(q.question))),
                     coverage(e, q).to(vision.device()), tokens_in_boxes(e, q), levels, q});
    }
  }
  return out;
}

std::vector<HeadScore> recall_of(FrozenModel& model, const Recipe& recipe, Index pictures,
                                 const std::function<at::Tensor(const Asked&)>& score) {
  const at::NoGradGuard no_grad;
  std::map<std::string, HeadScore> sums;
  const Index each = std::max<Index>(1, pictures / static_cast<Index>(recipe.scenarios.size()));
  for (const auto& [scenario, weight] : recipe.scenarios) {
    if (weight == 0) continue;
    std::vector<scenes::SceneParams> params;
    for (Index i = 0; i < each; ++i) {
      params.push_back(scene_of(recipe, scenes::first_dev_seed + static_cast<std::uint64_t>(i)));
      params.back().scenario = scenario;
    }
    for (const Asked& a : model.ask(params, recipe.config.questions)) {
      const at::Tensor scores = score(a);
      const auto n = static_cast<double>(a.grid.count()),
                 hits = static_cast<double>(std::count(a.touched.begin(), a.touched.end(), true));
      if (hits == 0) continue;
      for (const std::string& name : {scenario, std::string("every")}) {
        HeadScore& s = sums[name];
        s.scenario = name;
        ++s.questions;
        s.recalls.resize(2);
        for (std::size_t k = 0; k < 2; ++k) {
          Recall& r = s.recalls[k];
          r.ratio = k == 0 ? 0.25 : 0.125;
          const auto keep = std::max<Index>(1, static_cast<Index>(r.ratio * n + 0.5));
          const at::Tensor places = top_places(scores, keep).cpu().contiguous();
          Index found = 0;
          for (Index i = 0; i < keep; ++i)
            found += a.touched[static_cast<std::size_t>(places.const_data_ptr<std::int64_t>()[i])];
          r.scorer += static_cast<double>(found) / hits;
          r.random += static_cast<double>(keep) / n;
          r.oracle += std::min(1.0, static_cast<double>(keep) / hits);
        }
      }
    }
  }
  std::vector<HeadScore> out;
  for (auto& [name, s] : sums) {
    for (Recall& r : s.recalls)
      for (double* v : {&r.scorer, &r.random, &r.oracle}) *v /= static_cast<double>(s.questions);
    if (name != "every") out.push_back(s);
  }
  if (sums.contains("every")) out.push_back(sums["every"]);
  return out;
}

}  // namespace arrcoc::train
