#include "arrcoc/io/config_json.hpp"

#include "json_util.hpp"

namespace arrcoc::io {
namespace {

Ordered value_of(const ConfigField& field) {
  const std::string& t = field.type;
  if (t != "bool" && t != "int" && t != "float" && t != "double") return field.value;  // texts and lists
  // The text of a number or a boolean is its JSON: to_chars writes "1e+20" and "0.1" as JSON does.
  const Ordered v = Ordered::parse(field.value, nullptr, false);
  const bool good = field.type == "bool" ? v.is_boolean() : v.is_number();
  require_that(good, Code::bad_config, field.path,
               [&] { return "expected a " + field.type + ", got '" + field.value + "'"; });
  return exact(v);
}

void collect(const Json& object, const std::string& path, std::string_view where, Settings& out) {
  for (const auto& [key, value] : object.items()) {
    const std::string here = path.empty() ? key : path + "." + key;
    require_that(!key.empty() && key.find('.') == std::string::npos, Code::bad_config, where,
                 [&, &k = key] { return "expected keys without dots, got '" + printable(k) + "' in '" + path + "'"; });
    if (value.is_object()) collect(value, here, where, out);
    else if (value.is_string()) out[here] = value.get<std::string>();
    else if (value.is_boolean() || value.is_number_integer()) out[here] = value.dump();
    else if (value.is_number()) out[here] = detail::to_text(value.get<double>());
    else
      fail(Code::bad_config, where,
           here + ": expected a string, a number, true, false or an object, got " + shown(value));
  }
}

}  // namespace

std::string settings_to_json(const std::vector<ConfigField>& fields, int indent) {
  Ordered root = Ordered::object();
  for (const auto& field : fields) {
    Ordered* at = &root;
    std::size_t begin = 0;
    for (;;) {
      const std::size_t dot = field.path.find('.', begin);
      const std::string part = field.path.substr(begin, dot == std::string::npos ? dot : dot - begin);
      require_that(!part.empty(), Code::bad_config, "config",
                   [&] { return "expected a path without empty parts, got '" + field.path + "'"; });
      const bool last = dot == std::string::npos;
      const bool fits = at->is_object() && !(last && at->contains(part));
      require_that(fits, Code::bad_config, "config", [&] {
        return "expected paths that are distinct, got '" + field.path + "' beside one that holds it";
      });
      at = &(*at)[part];
      if (last) break;
      if (at->is_null()) *at = Ordered::object();
      begin = dot + 1;
    }
    *at = value_of(field);
  }
  try {
    return root.dump(indent);
  } catch (const nlohmann::json::exception&) { fail(Code::bad_config, "config", "a setting is not UTF-8"); }
}

Settings settings_from_json(std::string_view json, std::string_view where) {
  const Json root = parse_json(json, Code::bad_config, where);
  require_that(root.is_object(), Code::bad_config, where, [&] { return "expected an object, got " + shown(root); });
  const bool result = root.contains("config") && root["config"].is_object();
  Settings out;
  collect(result ? root["config"] : root, "", where, out);
  return out;
}

}  // namespace arrcoc::io
