#pragma once
// One error type for the whole library. docs/errors.md lists every code with its cause and an example.
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

namespace arrcoc {

/// 1xx what the user typed, 2xx shapes, 3xx backend or device, 4xx files and data, 5xx registry.
enum class Code : int {
  bad_config = 101,        // a setting outside its range
  unknown_setting = 102,   // no such field
  bad_budget = 103,        // budget or keep ratio outside its range
  bad_prompt = 104,        // images and placeholders do not agree, empty prompt
  bad_usage = 105,         // flags that exclude each other, missing value
  bad_output = 106,        // an output cannot be written
  unused_input = 107,      // something was given and not used, and that was asked to be an error
  shape_mismatch = 201,    // two things that must agree in shape do not
  bad_stage_output = 203,  // a stage broke its law: not finite, wrong count, not ascending
  missing_evidence = 204,  // a strategy needs evidence that this mode cannot have yet
  backend_missing = 301,   // not built in
  device_error = 302,      // the backend's library failed
  out_of_memory = 303,     // an allocation failed
  program_missing = 304,   // a program that is run beside ours is not installed
  file_missing = 401,      // no such file or folder
  file_unreadable = 402,   // I/O error
  bad_safetensors = 403,   // the container is malformed
  bad_weight = 404,        // a tensor is missing, has the wrong shape, dtype or value
  bad_model_config = 405,  // config.json and its like
  bad_tokenizer = 406,     // tokenizer files
  bad_template = 407,      // chat template unknown
  bad_image = 408,         // cannot be decoded, or a size out of range
  bad_text = 409,          // not UTF-8, lone surrogate, malformed JSON line
  bad_array = 410,         // malformed .npy
  bad_number = 411,        // NaN or infinity where numbers are needed
  bad_video = 412,         // a clip without frames, cut off, or with times that cannot be
  unknown_strategy = 501,  // no such name
  duplicate_name = 502,    // registered twice
  bad_plugin = 503,        // cannot be loaded, or built for another ABI
};

/// what() reads "[where] what; expected ..., got ... (E203)".
class Error : public std::runtime_error {
 public:
  Error(Code code, std::string_view where, std::string_view sentence)
      : std::runtime_error("[" + std::string(where) + "] " + std::string(sentence) + " (E" +
                           std::to_string(static_cast<int>(code)) + ")"),
        code_(code) {}
  Code code() const noexcept { return code_; }
  /// 2 for what the user typed, 1 for what the data holds.
  int exit_status() const noexcept {
    const int c = static_cast<int>(code_);
    return (c < 200 || c >= 500 || code_ == Code::missing_evidence || code_ == Code::backend_missing) ? 2 : 1;
  }

 private:
  Code code_;
};

[[noreturn, gnu::cold, gnu::noinline]] inline void fail(Code code, std::string_view where, std::string_view sentence) {
  throw Error(code, where, sentence);
}

/// The parts, one after the other: less to compile than a sum of strings.
[[gnu::noinline]] inline std::string concatenated(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) out += part;
  return out;
}

/// fail, with a sentence that a callable builds.
template <class Sentence>
[[noreturn, gnu::cold, gnu::noinline]] void fail_with(Code code, std::string_view where, const Sentence& sentence) {
  fail(code, where, sentence());
}

/// Throws Error{code} unless `ok`. The sentence is built by a callable so that the good path costs one branch.
template <class Sentence>
inline void require_that(bool ok, Code code, std::string_view where, const Sentence& sentence) {
  if (ok) [[likely]]
    return;
  if constexpr (requires { std::string_view(sentence); }) fail(code, where, sentence);
  else fail_with(code, where, sentence);
}

}  // namespace arrcoc
