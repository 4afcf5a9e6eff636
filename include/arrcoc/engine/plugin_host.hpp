#pragma once
// Loads plug-ins and puts their strategies beside the built-in ones. The module's edge is engine/plugin_abi.hpp.
#include <filesystem>

#include "arrcoc/registry/registry.hpp"

namespace arrcoc {

/// Registers everything that a module offers; it stays loaded as long as one of its strategies lives. What it throws,
/// and output that breaks a stage's law, is Error{bad_stage_output} with its name. Error{bad_plugin}: cannot be loaded,
/// no entry point, another ABI or build id, a broken table. Error{file_missing}. Error{duplicate_name}.
void load_plugin(const std::filesystem::path& file, HostStages& stages);

}  // namespace arrcoc
