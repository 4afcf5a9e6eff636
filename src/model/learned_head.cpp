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

}  // namespace

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
