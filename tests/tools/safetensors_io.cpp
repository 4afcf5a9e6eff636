// What the safetensors oracle runs:
//   safetensors_io copy IN OUT     reads every tensor and writes it again
//   safetensors_io floats IN OUT   the same, float tensors widened to F32
//   safetensors_io bf16 IN OUT     the same, F32 tensors rounded to BF16
//   safetensors_io check           a path a line in, "ok" or the error a line out
#include <iostream>
#include <string>

#include "arrcoc/io/safetensors.hpp"

using namespace arrcoc;

namespace {

HostTensor converted(const HostTensor& t, const std::string& mode) {
  const bool is_float = t.dtype == DType::f32 || t.dtype == DType::bf16 || t.dtype == DType::f16;
  if (mode == "floats" && is_float) return host_tensor(to_floats(t), t.shape);
  if (mode == "bf16" && t.dtype == DType::f32) {
    std::vector<std::uint16_t> values;
    for (const float f : t.floats()) values.push_back(f32_to_bf16(f));
    return host_tensor(std::move(values), t.shape);
  }
  return t;
}

int run(int count, char** words) {
  const std::string mode = count > 1 ? words[1] : "";
  if (mode == "check") {
    for (std::string path; std::getline(std::cin, path);) {
      try {
        const auto file = io::SafetensorsFile::open(path);
        std::cout << "ok\n";
      } catch (const Error& e) { std::cout << e.what() << "\n"; }
    }
    return 0;
  }
  if (count != 4) {
    std::cerr << "usage: safetensors_io copy|floats|bf16 IN OUT, or safetensors_io check\n";
    return 2;
  }
  const auto in = io::SafetensorsFile::open(words[2]);
  std::map<std::string, HostTensor, std::less<>> out;
  for (const auto& [name, entry] : in.entries()) out[name] = converted(in.tensor(name), mode);
  io::write_safetensors(words[3], out);
  return 0;
}

}  // namespace

int main(int count, char** words) {
  try {
    return run(count, words);
  } catch (const Error& e) {
    std::cerr << e.what() << "\n";
    return e.exit_status();
  }
}
