// Heatmaps of the pictures and clips of a question.
#include "arrcoc/engine/framed.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/heatmap.hpp"
#include "outputs.hpp"
#include "question.hpp"

namespace arrcoc::tools {
namespace {

std::string draw_picture(const InputPicture& picture, const Realized& r, Framing framing) {
  const Allocation& a = r.allocation;
  const ImageView native = picture.image.view();
  const Image changed = framing == Framing::native ? Image() : framed(native, framing);
  const ImageView seen = framing == Framing::native ? native : changed.view();
  return io::encode_png(io::render_heatmap(seen, a.tokens, drawn_relevance(r), a.kept).view());
}

}  // namespace

std::vector<float> drawn_relevance(const Realized& r) {
  if (!r.balanced.relevance.empty()) return r.balanced.relevance;
  return std::vector<float>(static_cast<std::size_t>(r.allocation.tokens.count()), 1.f);
}

std::vector<Drawn> draw_heatmaps(const std::string& file, const std::vector<InputPicture>& pictures,
                                 const std::vector<Realized>& realized, Framing framing) {
  std::vector<Drawn> out;
  for (std::size_t i = 0; i < realized.size() && i < pictures.size(); ++i)
    out.push_back({heatmap_name(file, i), draw_picture(pictures[i], realized[i], framing)});
  return out;
}

std::vector<Drawn> draw_heatmaps(const std::string& file, const ModelConfig& model, const AnswerRequest& request,
                                 const AnswerResult& result) {
  std::vector<Drawn> out;
  auto picture = request.pictures.begin();
  auto clip = request.clips.begin();
  for (std::size_t i = 0; i < result.pictures.size(); ++i) {
    const Realized& r = result.pictures[i];
    const SeenSource& source = result.sources[i];
    out.push_back({heatmap_name(file, i),
                   source.is_clip() ? draw_clip(*clip++, r, source, model.vision.temporal_patch_size, is_webp(file))
                                    : draw_picture(*picture++, r, request.pipeline.framing)});
  }
  return out;
}

std::vector<std::string> write_drawn(const std::vector<Drawn>& drawn) {
  std::vector<std::string> names;
  for (const Drawn& d : drawn) {
    io::write_file(d.file, d.bytes);
    names.push_back(d.file.string());
  }
  return names;
}

}  // namespace arrcoc::tools
