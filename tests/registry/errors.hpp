#pragma once
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "arrcoc/core/error.hpp"

namespace arrcoc::tests {

/// f throws Error{code} whose message holds `part`.
template <class F>
void expect_error(Code code, std::string_view part, F&& f) {
  INFO(std::string(part));
  try {
    f();
  } catch (const Error& e) {
    INFO(e.what());
    CHECK(e.code() == code);
    CHECK(std::string_view(e.what()).find(part) != std::string_view::npos);
    return;
  }
  FAIL_CHECK("nothing was thrown");
}

}  // namespace arrcoc::tests
