#include "arrcoc/engine/plugin.hpp"

#include <dlfcn.h>

#include <cmath>

namespace arrcoc {
namespace {

std::string text(const char* s) { return s != nullptr ? std::string(s).substr(0, 100) : "none"; }

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& sentence) {
  fail(Code::bad_plugin, "plugin", file.string() + ": " + sentence);
}

template <class Row, class Function>
void check_rows(const std::filesystem::path& file, const Row* rows, std::size_t count, Function Row::*function) {
  if (count > 0 && rows == nullptr) refuse(file, "a table of " + std::to_string(count) + " strategies is missing");
  if (count > 1000) refuse(file, "expected at most 1000 strategies of a kind, got " + std::to_string(count));
  constexpr unsigned known = Need::rgb | Need::textures | Need::vision | Need::query | Need::boxes;
  for (std::size_t i = 0; i < count; ++i) {
    const arrcoc_plugin_about& a = rows[i].about;
    if (a.name == nullptr || *a.name == '\0' || rows[i].*function == nullptr)
      refuse(file, "strategy " + std::to_string(i) + " has no name or no function");
    if (a.phase > 1 || (a.evidence & ~known) != 0)
      refuse(file, text(a.name) + ": asks for evidence or a phase that plug-ins cannot have");
    if (a.setting_count > 0 && a.settings == nullptr) refuse(file, text(a.name) + ": its settings are missing");
    for (std::size_t k = 0; k < a.setting_count; ++k)
      if (a.settings[k].name == nullptr || !std::isfinite(a.settings[k].value))
        refuse(file, text(a.name) + ": a setting has no name or no finite default");
  }
}

}  // namespace

std::shared_ptr<const arrcoc_plugin> open_plugin(const std::filesystem::path& file) {
  std::error_code none;
  require_that(std::filesystem::exists(file, none), Code::file_missing, "plugin",
               [&] { return file.string() + ": no such file"; });
  const auto path = std::filesystem::absolute(file, none);  // a bare name would be looked up in the system's folders
  std::shared_ptr<void> library(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL), [](void* l) {
    if (l != nullptr) ::dlclose(l);
  });
  if (!library) {
    const char* why = ::dlerror();
    refuse(file, "cannot be loaded: " + std::string(why != nullptr ? why : "no reason given"));
  }
  using EntryPoint = const arrcoc_plugin* (*)();
  const auto entry = reinterpret_cast<EntryPoint>(::dlsym(library.get(), "arrcoc_plugin_entry"));
  if (entry == nullptr) refuse(file, "expected the function arrcoc_plugin_entry, got none");
  const arrcoc_plugin* module = entry();
  if (module == nullptr) refuse(file, "its entry point gave nothing");
  if (module->abi != arrcoc_plugin_abi)
    refuse(file, "ABI: expected " + std::to_string(arrcoc_plugin_abi) + ", got " + std::to_string(module->abi));
  if (module->bytes != sizeof(arrcoc_plugin))
    refuse(file, "table size: expected " + std::to_string(sizeof(arrcoc_plugin)) + " bytes, got " +
                     std::to_string(module->bytes));
  if (module->build_id == nullptr || std::string_view(module->build_id) != arrcoc_plugin_build_id)
    refuse(file,
           "build id: expected '" + std::string(arrcoc_plugin_build_id) + "', got '" + text(module->build_id) + "'");
  check_rows(file, module->scorers, module->scorer_count, &arrcoc_plugin_scorer::score);
  check_rows(file, module->balancers, module->balancer_count, &arrcoc_plugin_balancer::balance);
  check_rows(file, module->allocators, module->allocator_count, &arrcoc_plugin_allocator::allocate);
  for (std::size_t i = 0; i < module->allocator_count; ++i)
    if (module->allocators[i].spend > 3)
      refuse(file, text(module->allocators[i].about.name) + ": unknown kind of spending");
  return {library, module};
}

}  // namespace arrcoc
