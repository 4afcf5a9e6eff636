#pragma once
// What verbs that ask tell on stderr.
#include <string>

#include "arrcoc/engine/engine.hpp"

namespace arrcoc::tools {

/// 1234567 -> "1.23 M"
std::string amount(double x);
/// Of each picture and clip: how many of its tokens were kept.
void tell_kept(const AnswerRequest& request, const AnswerResult& result);
/// Of each clip: between which figures its pairs lie.
void tell_pairs(const AnswerResult& result);

}  // namespace arrcoc::tools
