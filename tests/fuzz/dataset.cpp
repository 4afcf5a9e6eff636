// Questions: a letter for the format, then the file.
#include "arrcoc/io/dataset.hpp"

#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  static const auto picture = [] {
    io::write_png(folder.path / "a.png", Image(40, 60).view());
    return 0;
  }();
  (void)picture;
  if (size == 0) return 0;
  const auto text = fuzz::text_of(data, size);
  const char* const name = text[0] == 't' ? "questions.tsv" : text[0] == 'j' ? "questions.json" : "questions.jsonl";
  const auto file = folder.put(name, text.substr(1));
  fuzz::refuse_or_take([&] {
    auto read = io::read_dataset(file);
    for (const io::DataProblem& p : read.problems) (void)io::text_of(p);
    io::probe_pictures(read, false);
    for (const io::Sample& sample : read.samples) {
      fuzz::must(sample.places.size() == sample.images.size(), "a picture without its place");
      for (std::uint8_t shape = 0; shape < std::size(io::prompt_shape_names); ++shape)
        fuzz::refuse_or_take([&] { (void)io::shaped_prompt(sample, static_cast<io::PromptShape>(shape)); });
      (void)io::marked_question(sample);
      (void)io::sample_json(sample, sample.image_names);
    }
  });
  std::filesystem::remove(file);
  return 0;
}
