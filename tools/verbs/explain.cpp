#include <memory>

#include "arrcoc/balancers/question_kind.hpp"
#include "arrcoc/engine/engine.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "channel_lines.hpp"
#include "seed_claims.hpp"
#include "verbs.hpp"

namespace arrcoc::tools {
namespace {

struct ExplainFlags {
  std::string name, question;
  std::vector<std::string> plugins;
};

std::string flag_prefix(const Entry& e) {
  return e.kind == Kind::scorer ? "scorers." + e.name : std::string(name_of(e.kind));
}

std::string explained(const Entry& e) {
  std::string text = std::string(name_of(e.kind)) + " '" + e.name + "': " + e.about.summary + "\n";
  const auto line = [&](std::string_view what, const std::string& value) {
    if (!value.empty())
      text += "  " + std::string(what) + std::string(what.size() < 10 ? 10 - what.size() : 1, ' ') + value + "\n";
  };
  line("phase", std::string(name_of(e.needs.phase)));
  line("needs", needs_text(e.needs.evidence));
  if (e.spend) line("spends", std::string(name_of(*e.spend)));
  line("cost", e.about.cost);
  line("source", e.about.source);
  std::string seeds;
  for (const auto& s : e.about.seeds) seeds += (seeds.empty() ? "" : ", ") + s;
  line("realises", seeds);
  line("fault", e.reproduces_fault);
  for (const ConfigField& f : e.settings)
    text += "  --" + flag_prefix(e) + "." + f.path + "=" + f.value + "   (" + f.type + ")\n";
  return text;
}

/// What the words of a question ask for, and the settings of balancer `tension` that go with it.
std::string explained_question(const std::string& question) {
  const QuestionReading r = arrcoc::read_question(question);
  const auto text = [](float v) { return detail::to_text(v); };
  return "kind        " + std::string(name_of(r.kind)) + "\nconfidence  " + text(r.confidence) + "\nwhy         " +
         r.why + "\nsettings    three_ways:balancer.particularize=" + text(r.tensions.particularize) +
         ":balancer.explore=" + text(r.tensions.explore) + ":balancer.diversify=" + text(r.tensions.diversify) +
         ":balancer.deep=" + text(r.tensions.deep) + "\n";
}

int run_explain(const ExplainFlags& f) {
  require_that(f.name.empty() != f.question.empty(), Code::bad_usage, "explain",
               "expected the name of a strategy or preset, seed-claims, video-plan, or --question TEXT");
  if (!f.question.empty()) return io::write_file("-", explained_question(f.question)), 0;
  if (f.name == "seed-claims") return io::write_file("-", seed_claims()), 0;
  std::string text, all;
  std::vector<std::string> known;
  for (const Preset& p : presets()) {
    known.emplace_back(p.name);
    if (p.name == f.name)
      text += "pipeline '" + f.name + "': " + std::string(p.summary) + "\n  " + std::string(p.pipeline) + "\n" +
              (p.source.empty() ? "" : "  source: " + std::string(p.source) + "\n");
  }
  for (const Entry& e : list_strategies({f.plugins.begin(), f.plugins.end()})) {
    known.push_back(e.name);
    if (e.name == f.name) text += explained(e) + (e.kind == Kind::texture ? channel_lines(e, f.plugins) : "");
  }
  for (const auto& k : known) all += (all.empty() ? "" : ", ") + k;
  require_that(!text.empty(), Code::unknown_strategy, "explain",
               [&] { return "nothing is named '" + f.name + "'" + nearest_names(f.name, known) + "; known: " + all; });
  io::write_file("-", text);
  return 0;
}

}  // namespace

void add_explain(CLI::App& app, Command& command) {
  CLI::App* verb =
      app.add_subcommand("explain", "one strategy's settings, source and cost; the frames and tokens of a video");
  auto f = std::make_shared<ExplainFlags>();
  verb->add_option("name", f->name,
                   "a strategy or a preset pipeline; seed-claims: the early notes' figures, recomputed");
  verb->add_option("--question", f->question,
                   "what a question asks for by its words, and the tensions that go with it");
  verb->add_option("--plugin", f->plugins, "a shared module with strategies; repeatable")->allow_extra_args(false);
  add_video_plan(*verb, command);
  verb->callback([f, verb, &command] {
    if (verb->get_subcommands().empty()) command.run = [f] { return run_explain(*f); };
  });
}

}  // namespace arrcoc::tools
