#include "help.hpp"

#include <algorithm>
#include <string_view>

#include "arrcoc/core/config.hpp"

namespace arrcoc::tools {
namespace {

struct Example {
  std::string_view verb, first, second;
  bool settings = false;  // takes --stage.field=value
};

constexpr Example examples[] = {
    {"answer", "arrcoc answer -i receipt.png -p 'How much was the tea?' --keep-ratio 0.25 --heatmap kept.png",
     "arrcoc answer -m Qwen/Qwen3-VL-2B-Instruct -i page.jpg -p 'Which year?' --budget 256 --compare", true},
    {"allocate", "arrcoc allocate -i page.jpg -p 'Which year?' --pipeline three_ways --budget 128 --json",
     "arrcoc allocate --evidence DIR --pipeline three_ways --scorers.information.contrast_share=0.5 --json kept.json",
     true},
    {"tokenize", "echo '\"How much?\"' | arrcoc tokenize --jsonl -",
     "arrcoc tokenize -m Qwen/Qwen3-VL-2B-Instruct --jsonl texts.jsonl"},
    {"list", "arrcoc list", "arrcoc list --json strategies.json"},
    {"explain", "arrcoc explain default", "arrcoc explain top_k"},
    {"detect", "arrcoc detect --pipeline divprune", "arrcoc detect --pipeline mine --plugin libmine.so"},
    {"quantise", "arrcoc quantise", "arrcoc quantise -m MODEL --weights int4 --weights-head int8"},
    {"demo-model", "arrcoc demo-model --out demo", "arrcoc demo-model --out demo --seed 7"},
    {"scenes", "arrcoc scenes --out test --count 60 --seed 6000000",
     "arrcoc scenes --out receipts --count 20 --scenario receipt --size 512"},
    {"sweep", "arrcoc sweep --data test --pipeline default,random,grid --keep-ratio 0.25,0.125 --out RUN",
     "arrcoc sweep -m Qwen/Qwen3-VL-2B-Instruct --data DocVQA_VAL.tsv --pipeline default,visionzip --budget 256 --out "
     "RUN",
     true},
    {"compare", "arrcoc compare RUN OTHER", "arrcoc compare RUN --columns random@64,default@64"},
    {"merge", "arrcoc merge shard1 shard2 shard3 --out RUN", "arrcoc merge shards/* --out RUN"},
    {"store", "arrcoc store", "arrcoc store --port 29444"},
    {"convert", "arrcoc convert --data DocVQA_VAL.tsv --out questions",
     "arrcoc convert RUN --column default@64 --to vlmevalkit --out predictions.tsv"},
    {"bench", "arrcoc bench -i page.jpg -p 'Which year?' --keep-ratio 0.25",
     "arrcoc bench -m Qwen/Qwen3-VL-2B-Instruct -i page.jpg -p 'Which year?' --budget 256", true},
    {"train", "arrcoc train --recipe recipe.json --out RUN",
     "arrcoc train export --state RUN/state.safetensors --out MODEL"},
    {"report", "arrcoc report RUN", "arrcoc report RUN --out report.html"},
    {"clip", "arrcoc clip film.mp4 --json", "arrcoc clip film.mp4 --frames 8 --sheet frames.png"},
    {"completion", "arrcoc completion bash > /etc/bash_completion.d/arrcoc",
     "arrcoc completion zsh > \"${fpath[1]}/_arrcoc\""},
};

std::vector<const CLI::App*> verbs_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string words(const std::vector<std::string>& all) {
  std::string out;
  for (const auto& w : all) out += (out.empty() ? "" : " ") + w;
  return out;
}

std::vector<std::string> flags_of(const CLI::App& verb) {
  std::vector<std::string> out;
  for (const CLI::Option* o : verb.get_options()) {
    for (const auto& name : o->get_lnames()) out.push_back("--" + name);
    for (const auto& name : o->get_snames()) out.push_back("-" + name);
  }
  for (const CLI::App* below : verbs_of(verb)) out.push_back(below->get_name());
  return out;
}

std::string bash(const CLI::App& app, const std::vector<std::string>& names) {
  std::vector<std::string> verbs;
  std::string cases;
  for (const CLI::App* verb : verbs_of(app)) {
    verbs.push_back(verb->get_name());
    cases += "    " + verb->get_name() + ") words='" + words(flags_of(*verb)) + "' ;;\n";
  }
  return "# bash completion of arrcoc\n"
         "_arrcoc() {\n"
         "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=''\n"
         "  local verbs='" +
         words(verbs) +
         "'\n"
         "  local names='" +
         words(names) +
         "'\n"
         "  if [ \"$COMP_CWORD\" = 1 ]; then COMPREPLY=($(compgen -W \"$verbs --help --version\" -- \"$cur\")); "
         "return; fi\n"
         "  case $prev in --pipeline | explain) COMPREPLY=($(compgen -W \"$names\" -- \"$cur\")); return ;; esac\n"
         "  case ${COMP_WORDS[1]} in\n" +
         cases +
         "  esac\n"
         "  case $cur in\n"
         "    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
         "    *) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _arrcoc arrcoc\n";
}

/// NAME:DESCRIPTION in single quotes, as _describe wants it.
std::string described(const std::string& name, std::string about) {
  std::string out;
  for (const char c : about.substr(0, about.find('\n')))
    if (c == '\'') out += "'\\''";
    else if (c == ':' || c == '\\') out += std::string("\\") + c;
    else out += c;
  return "'" + name + ":" + out + "'";
}

std::string zsh(const CLI::App& app, const std::vector<std::string>& names) {
  std::string verbs, cases;
  for (const CLI::App* verb : verbs_of(app)) {
    verbs += "    " + described(verb->get_name(), verb->get_description()) + "\n";
    cases += "    " + verb->get_name() + ") flags=(\n";
    for (const CLI::Option* o : verb->get_options()) {
      for (const auto& name : o->get_lnames()) cases += "      " + described("--" + name, o->get_description()) + "\n";
      for (const auto& name : o->get_snames()) cases += "      " + described("-" + name, o->get_description()) + "\n";
    }
    for (const CLI::App* below : verbs_of(*verb))
      cases += "      " + described(below->get_name(), below->get_description()) + "\n";
    cases += "    ) ;;\n";
  }
  return "#compdef arrcoc\n"
         "_arrcoc() {\n"
         "  local -a verbs flags names\n"
         "  verbs=(\n" +
         verbs +
         "  )\n"
         "  names=(" +
         words(names) +
         ")\n"
         "  if (( CURRENT == 2 )); then _describe verb verbs; return; fi\n"
         "  case $words[CURRENT-1] in --pipeline|explain) compadd -a names; return ;; esac\n"
         "  case $words[2] in\n" +
         cases +
         "  esac\n"
         "  if [[ $words[CURRENT] == -* ]]; then _describe -o flag flags; else _files; fi\n"
         "}\n"
         "if [[ $funcstack[1] == _arrcoc ]]; then _arrcoc \"$@\"; else compdef _arrcoc arrcoc; fi\n";
}

}  // namespace

void add_examples(CLI::App& app) {
  for (CLI::App* verb : app.get_subcommands([](CLI::App*) { return true; })) {
    const auto* e = std::find_if(std::begin(examples), std::end(examples),
                                 [&](const Example& x) { return x.verb == verb->get_name(); });
    if (e == std::end(examples)) continue;
    std::string text = "\nExamples:\n  " + std::string(e->first) + "\n  " + std::string(e->second);
    if (e->settings)
      text +=
          "\n\nSettings of stages, as `arrcoc explain NAME` lists them: --stage.field=value "
          "(--injector.before=3, --scorers.information.contrast_share=0.5)";
    verb->footer(text);
  }
}

void check_verb(const CLI::App& app, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front().starts_with('-')) return;
  std::vector<std::string> known;
  std::string all;
  for (const CLI::App* verb : verbs_of(app)) {
    known.push_back(verb->get_name());
    all += (all.empty() ? "" : ", ") + known.back();
  }
  const std::string& given = arguments.front();
  require_that(std::find(known.begin(), known.end(), given) != known.end(), Code::bad_usage, "usage",
               [&] { return "no verb named '" + given + "'" + nearest_names(given, known) + "; known: " + all; });
}

std::string completion(const CLI::App& app, const std::string& shell, const std::vector<std::string>& names) {
  require_that(shell == "bash" || shell == "zsh", Code::bad_usage, "completion",
               [&] { return "expected bash or zsh, got '" + shell + "'"; });
  return shell == "bash" ? bash(app, names) : zsh(app, names);
}

}  // namespace arrcoc::tools
