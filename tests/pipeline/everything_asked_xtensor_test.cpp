#include "arrcoc/xtensor.hpp"
#include "pipeline/everything_asked.hpp"

using arrcoc::XtensorBackend;

TEST_CASE("everything asked on xtensor: keep-all is the stock model bit for bit, in float32") {
  arrcoc::tests::everything_asked_changes_nothing<XtensorBackend>();
}
