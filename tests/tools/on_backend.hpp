#pragma once
// What the programs that oracles run on each backend share: the backend by its name, and how errors end.
#include <iostream>
#include <string>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/eigen.hpp"
#ifdef ARRCOC_HAVE_TORCH
#include "arrcoc/torch.hpp"
#endif
#ifdef ARRCOC_HAVE_XTENSOR
#include "arrcoc/xtensor.hpp"
#endif

namespace arrcoc::tests {

/// run.operator()<B>(words) for the backend that words[0] names; E301 for one that is not built in.
template <class Run>
void on_backend(const std::string& program, const std::vector<std::string>& words, Run&& run) {
  if (words[0] == "eigen") return run.template operator()<EigenBackend>(words);
#ifdef ARRCOC_HAVE_TORCH
  if (words[0] == "torch") return run.template operator()<TorchBackend>(words);
#endif
#ifdef ARRCOC_HAVE_XTENSOR
  if (words[0] == "xtensor") return run.template operator()<XtensorBackend>(words);
#endif
  fail(Code::backend_missing, program, "not built in: " + words[0]);
}

/// A program's main: `usage` behind the name, `right(words)` whether there are as many as it says.
template <class Right, class Run>
int main_on_backend(int count, char** arguments, const std::string& program, const std::string& usage, Right&& right,
                    Run&& run) {
  try {
    const std::vector<std::string> words(arguments + 1, arguments + count);
    if (!right(words.size())) {
      std::cerr << "usage: " << program << " BACKEND " << usage << "\n";
      return 2;
    }
    on_backend(program, words, run);
    return 0;
  } catch (const Error& e) {
    std::cerr << e.what() << "\n";
    return e.exit_status();
  }
}

}  // namespace arrcoc::tests
