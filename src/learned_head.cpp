#include "arrcoc/core/check_finite.hpp"
#include "arrcoc/io/safetensors.hpp"
#include "arrcoc/registry/learned.hpp"

namespace arrcoc {

std::shared_ptr<const LearnedHead<HostTensor>> read_learned_head(const std::filesystem::path& path) {
  const auto file = io::SafetensorsFile::open(path);
  auto head = std::make_shared<LearnedHead<HostTensor>>();
  const auto to = head->all();
  const auto bad = [&](std::string_view name, const std::string& sentence) { fail(Code::bad_weight, path.string(), std::string(name) + ": " + sentence); };
  for (std::size_t i = 0; i < to.size(); ++i) {
    *to[i] = file.tensor(head->names[i]);
    if (to[i]->empty()) bad(head->names[i], "missing; expected the file that `arrcoc train scorer` wrote");
    if (to[i]->dtype != DType::f32) bad(head->names[i], "expected F32, got " + std::string(name_of(to[i]->dtype)));
    check_finite(head->names[i], *to[i]);
  }
  const auto& shape = head->token.shape;
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1) bad(head->names[4], "expected a matrix [H, D]");
  for (std::size_t i = 0; i < to.size(); ++i) {
    const std::vector<Index> want = i < 4 ? std::vector<Index>{shape[1]} : i == 8 ? std::vector<Index>{shape[0]} : i == 9 ? std::vector<Index>{1, shape[0]} : shape;
    if (to[i]->shape != want) bad(head->names[i], "another shape than " + std::string(head->names[4]) + " asks for");
  }
  return head;
}

}  // namespace arrcoc
