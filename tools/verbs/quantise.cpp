// arrcoc quantise: the int8 and int4 forms of a model's matrices, written beside it.
#include <cstdio>
#include <memory>

#include "arrcoc/engine/quantise.hpp"
#include "question.hpp"
#include "terminal.hpp"
#include "verbs.hpp"

namespace arrcoc::tools {
namespace {

int run_quantise(const QuestionFlags& f) {
  check_threads(f.threads, "quantise");
  QuantiseRequest r;
  r.model.model = model_name(f.model);
  r.model.hub_cache = hub_cache();
  r.model.chat_template = "builtin";
  r.model.threads = f.threads;
  r.model.weights = weight_formats(f.run);
  const Writing writing;
  std::unique_ptr<Meter> meter;
  r.on_matrix = [&](Index done, Index of) {
    if (!meter) meter = std::make_unique<Meter>("quantised", "matrices", of, f.quiet);
    meter->show(done);
    return !interrupt_asked();
  };
  std::vector<QuantisedFile> written;
  try {
    written = quantise_model(r);
  } catch (const Error&) {
    if (interrupt_asked()) return interrupted_status();
    throw;
  }
  if (meter) meter->seconds();
  for (const QuantisedFile& file : written)
    std::printf("%s: %lld matrices, %.1f MB of %.1f as stored\n", file.path.c_str(),
                static_cast<long long>(file.matrices), static_cast<double>(file.bytes) / 1e6,
                static_cast<double>(file.stored_bytes) / 1e6);
  return 0;
}

}  // namespace

void add_quantise(CLI::App& app, Command& command) {
  auto f = std::make_shared<QuestionFlags>();
  f->run.weights = "int8";
  CLI::App* verb = app.add_subcommand("quantise", "writes the int8 or int4 form of a model's matrices beside it");
  verb->add_option("-m,--model", f->model, "a model folder, or org/name in the Hub cache");
  verb->add_option("--weights", f->run.weights, "of the language model's layers: int8, int4, or auto for none");
  verb->add_option("--weights-head", f->run.weights_head, "the same of its head (auto)");
  verb->add_option("--weights-tower", f->run.weights_tower, "the same of the vision tower (auto)");
  verb->add_option("-t,--threads", f->threads, "0: as many as the machine has");
  verb->add_flag("-q,--quiet", f->quiet, "no progress");
  verb->callback([f, &command] { command.run = [f] { return run_quantise(*f); }; });
}

}  // namespace arrcoc::tools
