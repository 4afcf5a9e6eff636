#pragma once
// Looks as results and sweep rows write them.
#include <algorithm>
#include <vector>

#include "arrcoc/engine/engine.hpp"
#include "engine/costs_json.hpp"
#include "files/json_parse.hpp"

namespace arrcoc {

/// Each look: what it kept, said and cost.
inline io::Ordered passes_json(const std::vector<PassResult>& passes) {
  using Json = io::Ordered;
  Json out = Json::array();
  for (const PassResult& p : passes) {
    Json one{{"what", p.what}, {"grids", Json::array()}, {"kept", p.kept}, {"left", p.left}};
    for (const Grid& g : p.grids) one["grids"].push_back({g.rows, g.cols});
    if (p.text) one.update({{"answer", *p.text}, {"tokens", p.tokens}, {"probability", p.probability}});
    if (std::any_of(p.recall.begin(), p.recall.end(), [](const auto& r) { return r.has_value(); })) {
      one["recall"] = Json::array();
      for (const auto& r : p.recall) one["recall"].push_back(r ? Json(*r) : Json(nullptr));
    }
    one["costs"] = costs_json(p.costs);
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace arrcoc
