// Frames in folders and lists: order, clock, what is refused. Videos and animations: tests/oracle/clips.py.
#include "arrcoc/io/clip_file.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "../../src/clip/child.hpp"
#include "arrcoc/core/error.hpp"
#include "io/temporary_folder.hpp"

using namespace arrcoc;

namespace {

Image grey(Index height, Index width, std::uint8_t level) {
  Image image(height, width);
  std::fill(image.rgb.begin(), image.rgb.end(), level);
  return image;
}

std::vector<Index> all(Index total, double) {
  std::vector<Index> out;
  for (Index i = 0; i < total; ++i) out.push_back(i);
  return out;
}

std::string refused(const std::filesystem::path& folder, const io::ClipOptions& o,
                    const io::ChooseFrames& choose = all) {
  try {
    const auto source = io::open_clip(folder, choose, o);
    for (std::size_t i = 0; i < source->info().indices.size(); ++i) source->next();
  } catch (const Error& e) { return e.what(); }
  return "nothing was refused";
}

#define CHECK_HOLDS(text, part) CHECK_MESSAGE(std::string(text).find(part) != std::string::npos, text)

}  // namespace

TEST_CASE("frames of a folder come in the order of their numbers, with the clock that was given") {
  const test::TemporaryFolder folder;
  for (const int i : {10, 9, 0, 2})
    io::write_png(folder.path / ("f" + std::to_string(i) + ".png"), grey(2, 3, static_cast<std::uint8_t>(i)).view());
  io::ClipOptions o;
  o.frames_per_second = 4;
  const auto source = io::open_clip(
      folder.path,
      [](Index, double) {
        return std::vector<Index>{0, 1, 3};
      },
      o);
  CHECK(source->info().height == 2);
  CHECK(source->info().width == 3);
  CHECK(source->info().seconds == std::vector<double>{0, .25, .75});
  CHECK(source->info().frames_per_second == 4);
  for (const int level : {0, 2, 10}) CHECK(source->next() == grey(2, 3, static_cast<std::uint8_t>(level)));
  CHECK_THROWS_WITH_AS(source->next(), doctest::Contains("expected at most 3 frames"), Error);

  o.frames_per_second = 0;
  o.seconds = {.5, 1, 4, 5};
  const auto timed = io::open_frames(
      {folder.path / "f9.png", folder.path / "f0.png", folder.path / "f2.png", folder.path / "f10.png"}, all, o);
  CHECK(timed->info().seconds == o.seconds);
  CHECK(timed->info().frames_per_second == doctest::Approx(3 / 4.5));
  CHECK(timed->next() == grey(2, 3, 9));
}

TEST_CASE("clocks that cannot be") {
  const test::TemporaryFolder folder;
  CHECK_HOLDS(refused(folder.path, {}), "expected frames, got none (E412)");
  for (const int i : {0, 1, 2}) io::write_png(folder.path / (std::to_string(i) + ".png"), grey(2, 3, 7).view());
  const auto with = [](double rate, std::vector<double> seconds) {
    io::ClipOptions o;
    o.frames_per_second = rate;
    o.seconds = std::move(seconds);
    return o;
  };
  CHECK_HOLDS(refused(folder.path, {}), "expected a clock: --fps or --times (E412)");
  CHECK_HOLDS(refused(folder.path, with(-2, {})), "--fps: expected a number above 0, got -2 (E101)");
  CHECK_HOLDS(refused(folder.path, with(2, {0, 1, 2})), "exclude each other (E105)");
  CHECK_HOLDS(refused(folder.path, with(0, {0, 1})), "expected one for each of 3 frames, got 2 (E101)");
  CHECK_HOLDS(refused(folder.path, with(0, {0, 2, 2})), "expected ascending seconds from 0 on, got 2 behind 2 (E101)");
  CHECK_HOLDS(refused(folder.path, with(0, {-1, 2, 3})), "expected ascending seconds from 0 on, got -1 (E101)");
  CHECK_HOLDS(refused(folder.path, with(2, {}),
                      [](Index, double) {
                        return std::vector<Index>{1, 1};
                      }),
              "expected ascending numbers below 3, got 1 behind 1 (E101)");
  CHECK_HOLDS(refused(folder.path, with(2, {}), [](Index, double) { return std::vector<Index>{}; }),
              "expected at least one, got none (E101)");
  io::ClipOptions small = with(2, {});
  small.max_pixels = 5;
  CHECK_HOLDS(refused(folder.path, small), "expected at most 5 pixels (--max-decoded-pixels)");
  io::write_png(folder.path / "3.png", grey(3, 2, 7).view());
  CHECK_HOLDS(refused(folder.path, with(2, {})), "expected 2x3 px as the first one, got 3x2 (E412)");
  std::filesystem::create_directory(folder.path / "4.png");
  CHECK_HOLDS(refused(folder.path, with(2, {})), "expected pictures alone, got something else (E402)");
}

TEST_CASE("a child's end is told again, and no other child's is taken") {
  io::Child three({"sh", "-c", "exit 3"}, "test");
  char some[8];
  CHECK(three.read(some, sizeof some) == 0);
  CHECK(three.wait() == 3);
  const pid_t other = ::fork();
  if (other == 0) ::_exit(7);
  CHECK(three.wait() == 3);
  int status = 0;
  REQUIRE(::waitpid(other, &status, 0) == other);
  CHECK(WEXITSTATUS(status) == 7);
}
