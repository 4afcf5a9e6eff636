#include "report.hpp"

#include <cstdio>

#include "arrcoc/io/atomic_file.hpp"

namespace arrcoc::tools {

ReportFacts make_report(const std::filesystem::path& run, const std::filesystem::path& out, const io::Dataset* data,
                        const ReportChoice& choice) {
  ReportFacts facts;
  io::write_parts(out, [&](const io::PartSink& sink) { facts = write_report(run, data, choice, sink); });
  return facts;
}

std::optional<io::Dataset> questions_of(const std::string& run, const std::string& data, const std::string& pictures,
                                        bool quiet) {
  try {
    const RunData known = data_of_run(run);
    io::DatasetChoice choice;
    choice.pictures = pictures;
    if (data.empty()) choice.format = known.format;
    return io::read_dataset(data.empty() ? known.path : data, choice);
  } catch (const Error& error) {
    if (!data.empty()) throw;
    if (!quiet) std::fprintf(stderr, "no pictures: %s; --data says where the questions lie\n", error.what());
    return std::nullopt;
  }
}

}  // namespace arrcoc::tools
