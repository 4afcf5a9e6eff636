// What a plug-in hands over: its tables and all that its functions say come from the input (plugin_module.cpp).
#include <dlfcn.h>

#include "arrcoc/engine/engine.hpp"
#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto file = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "arrcoc_fuzz_module.so";
  static void* const module = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  fuzz::must(module != nullptr, "the module does not lie beside the program");
  static const auto say =
      reinterpret_cast<void (*)(const std::uint8_t*, std::size_t)>(::dlsym(module, "arrcoc_fuzz_say"));
  constexpr const char* pipelines[] = {"none/handed/fixed/top_k/gather", "handed/none/flat/handed/gather",
                                       "texture13/sobel+handed/handed/handed:amount=2/gather"};
  fuzz::refuse_or_take([&] {
    say(data, size);
    EvidenceRequest request;
    static const std::vector<std::uint8_t> pixels(64 * 96 * 3, 100);
    request.picture = ImageView{64, 96, pixels.data()};
    request.grid = {2, 3};
    request.budget.tokens = 2;
    request.plugins = {file};
    request.pipeline = parse_pipeline_name(pipelines[size % 3]);
    const EvidenceResult result = allocate_evidence(request);
    check_allocation(result.realized.allocation, "fuzz");
  });
  return 0;
}
