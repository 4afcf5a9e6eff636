// arrcoc convert: files of questions into ours, and a run's answers into the files that other toolkits score.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/sweep/predictions.hpp"
#include "data.hpp"
#include "terminal.hpp"
#include "verbs.hpp"

namespace arrcoc::tools {
namespace {

namespace fs = std::filesystem;

struct ConvertFlags {
  DataFlags data;
  std::string run, to = "jsonl", column, out, model = "arrcoc";
  bool quiet = false;
};

/// A file name for a picture that stood inside another file.
std::string file_name(const std::string& name, std::string_view bytes) {
  std::string out;
  for (const char c : name) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    out += plain ? c : '_';
  }
  const std::string kind = bytes.starts_with("\x89PNG") ? ".png" : bytes.starts_with("RIFF") ? ".webp" : ".jpg";
  if (const auto dot = out.rfind('.'); dot != out.npos && dot + 5 >= out.size()) out.erase(dot);
  return out + kind;
}

int convert_data(const ConvertFlags& f) {
  check_new_folder(f.out);
  io::DatasetChoice choice = f.data.choice;
  choice.pictures = f.data.pictures;
  choice.annotations = f.data.annotations;
  io::Dataset data = io::read_dataset(f.data.file, choice);
  io::probe_pictures(data, f.data.strict);
  if (f.data.strict || data.samples.empty()) io::refuse_problems(data);
  for (const io::DataProblem& p : data.problems)
    std::fprintf(stderr, "%s: %s%s\n", data.file.c_str(), io::text_of(p).c_str(), p.kept ? "" : "; left out");
  const Writing writing;
  std::error_code e;
  const fs::path out = f.out, part = out.string() + ".partial" + std::to_string(::getpid());
  require_that(fs::create_directory(part, e), Code::bad_output, "convert",
               [&] { return "cannot make the folder " + part.string() + ": " + e.message(); });
  std::map<std::string, std::string> written;  // name -> file
  std::set<std::string> taken;
  std::string lines;
  try {
    for (const io::Sample& s : data.samples) {
      if (interrupt_asked()) {
        fs::remove_all(part, e);
        return interrupted_status();
      }
      std::vector<std::string> names;
      for (std::size_t p = 0; p < s.images.size(); ++p) {
        const io::DatasetPicture& picture = s.images[p];
        if (picture.base64.empty() && picture.offset < 0) {
          const fs::path whole = fs::absolute(picture.file);
          const fs::path beside = whole.lexically_relative(fs::absolute(out));
          names.push_back((beside.empty() ? whole : beside).generic_string());
          continue;
        }
        const auto [at, fresh] = written.try_emplace(s.image_names[p]);
        if (fresh) {
          const std::string bytes = io::picture_bytes(picture);
          std::string name = file_name(s.image_names[p], bytes);
          while (!taken.insert(name).second) name = "_" + name;
          at->second = "images/" + name;
          fs::create_directory(part / "images", e);
          io::write_file(part / at->second, bytes);
        }
        names.push_back(at->second);
      }
      lines += io::sample_json(s, names);
    }
    io::write_file(part / "questions.jsonl", lines);
    fs::rename(part, out, e);
    require_that(!e, Code::bad_output, "convert",
                 [&] { return "cannot rename to " + out.string() + ": " + e.message(); });
  } catch (...) {
    fs::remove_all(part, e);
    throw;
  }
  if (!f.quiet)
    std::fprintf(stderr, "%s: %zu questions of %lld, %zu problems; read as %s\n", f.out.c_str(), data.samples.size(),
                 static_cast<long long>(data.items), data.problems.size(), data.format.c_str());
  return 0;
}

int convert_run(const ConvertFlags& f) {
  std::optional<io::Dataset> data;
  if (!f.data.file.empty()) {
    io::DatasetChoice choice = f.data.choice;
    choice.pictures = f.data.pictures;
    choice.annotations = f.data.annotations;
    data = io::read_dataset(f.data.file, choice);
  }
  const std::vector<SweepRow> rows = rows_of_column(read_rows(f.run), f.column, "convert", "--column");
  const Writing writing;
  io::write_file(f.out, predictions_text(rows, f.to, f.model, data ? &*data : nullptr));
  if (!f.quiet) std::fprintf(stderr, "%s: %zu answers\n", f.out.c_str(), rows.size());
  return 0;
}

int run_convert(const ConvertFlags& f) {
  require_that(!f.out.empty(), Code::bad_usage, "convert", "expected a place: --out");
  if (f.run.empty()) {
    require_that(f.to == "jsonl", Code::bad_usage, "convert",
                 "--to other than jsonl wants a RUN whose answers it writes");
    require_that(!f.data.file.empty(), Code::bad_usage, "convert", "expected questions: --data DIR or FILE, or a RUN");
    return convert_data(f);
  }
  require_that(f.to != "jsonl", Code::bad_usage, "convert",
               "expected --to vlmevalkit, lmms, llava or vqa2 for the answers of a run");
  return convert_run(f);
}

}  // namespace

void add_convert(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("convert", "questions into our JSONL; a run's answers into others' files");
  auto f = std::make_shared<ConvertFlags>();
  add_data_flags(*verb, f->data);
  verb->add_option("RUN", f->run, "a sweep's folder, whose answers are written");
  verb->add_option("--to", f->to, "jsonl (questions); of a run vlmevalkit, lmms, llava or vqa2");
  verb->add_option("--column", f->column, "of a run: the column, as in its keys (default@64)");
  verb->add_option("--model-name", f->model, "LLaVA's model_id");
  verb->add_option("--out", f->out, "questions: the folder to make; answers: the file, - for stdout");
  verb->add_flag("-q,--quiet", f->quiet, "nothing on stderr but errors and what was left out");
  verb->callback([f, &command] { command.run = [f] { return run_convert(*f); }; });
}

}  // namespace arrcoc::tools
