#include "report.hpp"

#include "arrcoc/io/atomic_file.hpp"

namespace arrcoc::tools {

ReportFacts make_report(const std::filesystem::path& run, const std::filesystem::path& out, const io::Dataset* data,
                        const ReportChoice& choice) {
  ReportFacts facts;
  io::write_parts(out, [&](const io::PartSink& sink) { facts = write_report(run, data, choice, sink); });
  return facts;
}

}  // namespace arrcoc::tools
