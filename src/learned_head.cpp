#include "arrcoc/core/check_finite.hpp"
#include "arrcoc/io/safetensors.hpp"
#include "arrcoc/registry/learned.hpp"

namespace arrcoc {
namespace {

[[noreturn]] void bad(const std::filesystem::path& file, std::string_view name, const std::string& sentence) {
  fail(Code::bad_weight, file.string(), std::string(name) + ": " + sentence);
}

/// Every tensor of a head, float32 and finite. `verb` wrote such files.
template <class Head>
std::shared_ptr<Head> read_head(const std::filesystem::path& path, const char* verb) {
  const auto file = io::SafetensorsFile::open(path);
  auto head = std::make_shared<Head>();
  const auto to = head->all();
  for (std::size_t i = 0; i < to.size(); ++i) {
    *to[i] = file.tensor(Head::names[i]);
    if (to[i]->empty()) bad(path, Head::names[i], std::string("missing; expected the file that `arrcoc train ") + verb + "` wrote");
    if (to[i]->dtype != DType::f32) bad(path, Head::names[i], "expected F32, got " + std::string(name_of(to[i]->dtype)));
    check_finite(Head::names[i], *to[i]);
  }
  return head;
}

}  // namespace

std::shared_ptr<const LearnedHead<HostTensor>> read_learned_head(const std::filesystem::path& path) {
  const auto head = read_head<LearnedHead<HostTensor>>(path, "scorer");
  const auto& shape = head->token.shape;
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1) bad(path, head->names[4], "expected a matrix [H, D]");
  const auto to = head->all();
  for (std::size_t i = 0; i < to.size(); ++i) {
    const std::vector<Index> want = i < 4 ? std::vector<Index>{shape[1]} : i == 8 ? std::vector<Index>{shape[0]} : i == 9 ? std::vector<Index>{1, shape[0]} : shape;
    if (to[i]->shape != want) bad(path, head->names[i], "another shape than " + std::string(head->names[4]) + " asks for");
  }
  return head;
}

std::shared_ptr<const BalancerHead> read_balancer_head(const std::filesystem::path& path) {
  const auto head = read_head<BalancerHead>(path, "balancer");
  const auto want = BalancerHead::shapes(head->maps(), head->units());
  const auto to = head->all();
  for (std::size_t i = 0; i < to.size(); ++i)
    if (to[i]->shape != want[i]) bad(path, BalancerHead::names[i], "another shape than " + std::string(BalancerHead::names[0]) + " and " + std::string(BalancerHead::names[5]) + " ask for");
  return head;
}

}  // namespace arrcoc
