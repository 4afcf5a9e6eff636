// A recipe of training.
#include "train/recipe.hpp"

#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  fuzz::refuse_or_take([&] {
    const train::Recipe recipe = train::read_recipe(file.with(fuzz::text_of(data, size)));
    Settings settings;
    for (const ConfigField& f : train::fields_of(recipe)) settings[f.path] = f.value;
    train::Recipe again;
    train::apply_recipe(again, settings, "fuzz");
    for (Index step = 0; step < 4; ++step) (void)train::levels_at(recipe.config, step, 3);
    for (std::uint64_t place = 0; place < 4; ++place)
      (void)train::scene_of(recipe, train::training_seed(recipe, place));
  });
  return 0;
}
