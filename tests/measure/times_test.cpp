// Times in answers against values written by hand; intervals against NumPy's arithmetic.
#include "arrcoc/measure/times.hpp"

#include <doctest/doctest.h>

#include "arrcoc/measure/metrics.hpp"

using namespace arrcoc::measure;

TEST_CASE("seconds off: every form of a time, and what is none") {
  const std::pair<const char*, double> times[] = {
      {"3:27", 207},
      {"00:03:27", 207},
      {"1:00:00", 3600},
      {"0:03.7", 3.7},
      {"3.7 s", 3.7},
      {"3.7s.", 3.7},
      {"<3.7 seconds>", 3.7},
      {"It leaves after 5 Seconds.", 5},
      {"2 min", 120},
      {"5.4", 5.4},
      {"In shot 2 the car leaves at 5.2 s", 5.2},  // a unit counts before bare numbers
      {"from 2 to 4.5 seconds", 2},                // and is that of both ends
      {"the 2nd car at 0:59", 59},
      {"1, 2", 1},
  };
  for (const auto& entry : times) {
    const auto& [text, wanted] = entry;
    CAPTURE(entry.first);
    const auto got = stated_seconds(text);
    REQUIRE(got);
    CHECK(*got == doctest::Approx(wanted).epsilon(1e-12));
    CHECK(*seconds_off(text, wanted + 1.25) == doctest::Approx(1.25).epsilon(1e-9));
    CHECK(*seconds_off(text, wanted - 1.25) == doctest::Approx(1.25).epsilon(1e-9));
  }
  for (const char* text : {"", "never", "1,000", "3:7", "3:60", "0:100", "1:2:3:4", "01:00:00:00", "t3", "x.5", "1.2.3",
                           "4x", "three seconds"}) {
    CAPTURE(text);
    CHECK(!stated_seconds(text));
    CHECK(!seconds_off(text, 3));
    CHECK(!stated_interval(text));
  }
  CHECK(stated_seconds("3:59") == 239.0);  // 60 is above
}

TEST_CASE("temporal IoU: shared length over the length of both, points, and ends in the wrong order") {
  const auto iou = [](const char* text, TimeSpan truth) { return temporal_iou(stated_interval(text).value(), truth); };
  CHECK(iou("from 2 to 4.5 seconds", {2, 4.5}) == 1);
  CHECK(iou("0:02-0:04.5", {2, 4.5}) == 1);
  CHECK(iou("<2.0 seconds> to <4.5 seconds>", {2, 4.5}) == 1);
  CHECK(iou("It begins at 2 s and ends at 4 s", {3, 5}) == doctest::Approx(1. / 3));
  CHECK(iou("between 1 and 3", {0, 4}) == .5);
  CHECK(iou("[0, 1]", {1, 2}) == 0);  // they touch
  CHECK(iou("0 to 1.5", {1, 2}) == .25);
  CHECK(iou("3 s", {2, 4.5}) == 0);
  CHECK(iou("3 s", {3, 3}) == 1);
  CHECK(iou("3 s", {3.5, 3.5}) == 0);
  CHECK(!stated_interval("from 4.5 to 2 seconds"));
  CHECK(stated_interval("from 2 to 2 seconds").has_value());
}

TEST_CASE("temporal IoU is a metric by name: the best true interval counts, no interval nothing") {
  const auto score = [](const char* answer, std::vector<std::string> truth) {
    return judge("temporal_iou", answer, {std::move(truth)}, Flavour::vlmevalkit).score;
  };
  CHECK(is_metric("temporal_iou"));
  CHECK(score("from 2 to 4 s", {"from 3 to 5 seconds", "2 to 4"}) == 1);
  CHECK(score("from 2 to 4 s", {"from 3 to 5 seconds"}) == doctest::Approx(1. / 3));
  CHECK(score("later", {"from 3 to 5 seconds"}) == 0);
}
