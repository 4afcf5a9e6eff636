#include <set>

#include "arrcoc/core/check_finite.hpp"
#include "arrcoc/io/safetensors.hpp"
#include "arrcoc/registry/learned.hpp"

namespace arrcoc {
namespace {

/// The tensors of a head's file, float32 and finite. `verb` wrote such files.
class HeadFile {
 public:
  HeadFile(const std::filesystem::path& path, const char* verb)
      : path_(path), verb_(verb), file_(io::SafetensorsFile::open(path)) {}

  [[noreturn]] void bad(std::string_view name, const std::string& sentence) const {
    fail(Code::bad_weight, path_.string(), std::string(name) + ": " + sentence);
  }
  HostTensor read(const std::string& name) const {
    HostTensor t = file_.tensor(name);
    if (t.empty()) bad(name, std::string("missing; expected the file that `arrcoc train ") + verb_ + "` wrote");
    if (t.dtype != DType::f32) bad(name, "expected F32, got " + std::string(name_of(t.dtype)));
    check_finite(name, t);
    return t;
  }
  LearnedHead<HostTensor> read_learned(const std::string& prefix) const {
    LearnedHead<HostTensor> head;
    const auto to = head.all();
    for (std::size_t i = 0; i < to.size(); ++i) *to[i] = read(prefix + std::string(head.names[i]));
    const std::string token = prefix + std::string(head.names[4]);
    if (head.token.shape.size() != 2 || head.token.shape[0] < 1 || head.token.shape[1] < 1)
      bad(token, "expected a matrix [H, D]");
    const auto want =
        head.shapes(head.token.shape[1], head.token.shape[0], head.out.shape.empty() ? 1 : head.out.shape[0]);
    for (std::size_t i = 0; i < to.size(); ++i)
      if (to[i]->shape != want[i])
        bad(prefix + std::string(head.names[i]), "another shape than " + token + " asks for");
    return head;
  }

 private:
  const std::filesystem::path& path_;
  const char* verb_;
  io::SafetensorsFile file_;
};

/// Layers PREFIX.0, PREFIX.2, ... of a SmallNetwork (matrices) or a ConvNetwork (kernels [O, C, k, k], k odd), none of
/// them empty, until one is missing. Another tensor of that prefix is refused: it belongs to a network that this is
/// not.
template <class Network>
Network read_layers(const std::filesystem::path& path, const io::SafetensorsFile& file, const std::string& prefix) {
  constexpr std::size_t rank = std::is_same_v<Network, ConvNetwork> ? 4 : 2;
  Network out;
  std::set<std::string, std::less<>> read;
  const auto bad = [&](const std::string& name, const std::string& sentence) {
    fail(Code::bad_weight, path.string(), name + ": " + sentence);
  };
  for (Index l = 0;; l += 2) {
    const std::string name = prefix + "." + std::to_string(l) + ".weight",
                      bias = prefix + "." + std::to_string(l) + ".bias";
    HostTensor w = file.tensor(name), b = file.tensor(bias);
    if (l > 0 && !file.entries().contains(name) && !file.entries().contains(bias)) break;
    for (const auto& [tensor, called] : {std::pair{&w, &name}, std::pair{&b, &bias}}) {
      if (!file.entries().contains(*called))
        bad(*called, "missing; expected layers " + prefix + ".0, " + prefix + ".2 and on");
      if (tensor->dtype != DType::f32) bad(*called, "expected F32, got " + std::string(name_of(tensor->dtype)));
      check_finite(*called, *tensor);
    }
    if (w.shape.size() != rank || (rank == 4 && (w.shape[2] != w.shape[3] || w.shape[2] % 2 == 0)))
      bad(name, std::string("expected ") + (rank == 4 ? "[O, C, k, k] with odd k" : "a matrix") + ", got " +
                    shape_text(w.shape));
    if (w.count() == 0) bad(name, "expected at least one value, got " + shape_text(w.shape));
    if (l > 0 && w.shape[1] != out.outputs())
      bad(name, "expected " + std::to_string(out.outputs()) + " in, as the layer in front has out, got " +
                    shape_text(w.shape));
    if (b.shape != std::vector<Index>{w.shape[0]})
      bad(bias, "expected " + std::to_string(w.shape[0]) + " values, got " + shape_text(b.shape));
    out.weights.push_back(std::move(w));
    out.biases.push_back(std::move(b));
    read.insert({name, bias});
  }
  for (const auto& [name, entry] : file.entries())
    if (name.starts_with(prefix + ".") && !read.contains(name))
      bad(name, "expected weight and bias of layers " + prefix + ".0, " + prefix + ".2 and on alone");
  return out;
}

}  // namespace

std::shared_ptr<const SmallNetwork> read_small_network(const std::filesystem::path& path, const std::string& prefix) {
  return std::make_shared<SmallNetwork>(read_layers<SmallNetwork>(path, io::SafetensorsFile::open(path), prefix));
}

std::shared_ptr<const ConvNetwork> read_conv_network(const std::filesystem::path& path, const std::string& prefix) {
  return std::make_shared<ConvNetwork>(read_layers<ConvNetwork>(path, io::SafetensorsFile::open(path), prefix));
}

std::shared_ptr<const CouplingNetwork> read_coupling_network(const std::filesystem::path& path) {
  const auto file = io::SafetensorsFile::open(path);
  auto out = std::make_shared<CouplingNetwork>();
  out->texture = read_layers<ConvNetwork>(path, file, "coupling");
  require_that(out->texture.weights.size() > 1 && out->texture.weights.back().shape[2] == 1, Code::bad_weight,
               path.string(), "coupling: expected at least two layers, the last one 1 x 1");
  out->project = std::move(out->texture.weights.back());
  out->project.shape.resize(2);
  out->project_bias = std::move(out->texture.biases.back());
  out->texture.weights.pop_back();
  out->texture.biases.pop_back();
  if (!file.tensor("query.0.weight").empty()) {
    out->query = read_layers<SmallNetwork>(path, file, "query");
    require_that(out->query.outputs() == out->project.shape[0], Code::bad_weight, path.string(),
                 "query: expected as many numbers out as coupling has channels");
  }
  return out;
}

std::shared_ptr<const LearnedHead<HostTensor>> read_learned_head(const std::filesystem::path& path) {
  const HeadFile file(path, "scorer");
  auto head = std::make_shared<LearnedHead<HostTensor>>(file.read_learned("scorer."));
  if (head->out.shape[0] != 1) file.bad("scorer.out.weight", "expected one row");
  return head;
}

std::shared_ptr<const DepthHead> read_depth_head(const std::filesystem::path& path) {
  const HeadFile file(path, "depth");
  auto head = std::make_shared<DepthHead>(DepthHead{file.read_learned("depth."), file.read("depth.bias")});
  if (head->bias.shape != std::vector<Index>{head->head.out.shape[0]} || head->bias.count() > 32)
    file.bad("depth.bias", "expected one value for each of at most 32 rows of depth.out.weight");
  return head;
}

std::shared_ptr<const BalancerHead> read_balancer_head(const std::filesystem::path& path) {
  const HeadFile file(path, "balancer");
  auto head = std::make_shared<BalancerHead>();
  const auto to = head->all();
  for (std::size_t i = 0; i < to.size(); ++i) *to[i] = file.read(std::string(BalancerHead::names[i]));
  const auto want = BalancerHead::shapes(head->maps(), head->units());
  for (std::size_t i = 0; i < to.size(); ++i)
    if (to[i]->shape != want[i])
      file.bad(BalancerHead::names[i], "another shape than " + std::string(BalancerHead::names[0]) + " and " +
                                           std::string(BalancerHead::names[5]) + " ask for");
  return head;
}

}  // namespace arrcoc
