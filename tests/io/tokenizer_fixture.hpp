#pragma once
// Tokenizers for the tests: the stored small one, and Qwen's where its ranks are at hand.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "arrcoc/io/tokenizer.hpp"

namespace arrcoc::test {

using Json = nlohmann::json;

inline std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline std::filesystem::path golden_folder() {
  return std::filesystem::path(ARRCOC_TESTS_DIR) / "golden" / "tokenizer";
}
inline Json golden_json() { return Json::parse(slurp(golden_folder() / "tokenizer.json")); }
inline const io::Tokenizer& golden_tokenizer() {
  static const io::Tokenizer tokenizer = io::Tokenizer::from_folder(golden_folder());
  return tokenizer;
}

/// ../shared/data, or where ARRCOC_SHARED points; empty if the ranks are not there.
inline std::filesystem::path qwen_ranks() {
  const char* shared = std::getenv("ARRCOC_SHARED");
  const std::filesystem::path data =
      shared != nullptr ? shared : std::filesystem::path(ARRCOC_TESTS_DIR) / ".." / ".." / "shared" / "data";
  const std::filesystem::path file = data / "tokenizer" / "qwen.tiktoken";
  return std::filesystem::exists(file) ? file : std::filesystem::path();
}

namespace detail {
inline std::string unbase64(const std::string& text) {
  std::string out;
  unsigned bits = 0, count = 0;
  for (const char c : text) {
    if (c == '=') break;
    const unsigned value =
        static_cast<unsigned>(std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/").find(c));
    bits = bits << 6 | value;
    if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return out;
}
/// Bytes as characters of the byte-level alphabet.
inline std::string spell(const std::string& bytes) {
  std::string out;
  for (const char raw : bytes) {
    const unsigned b = static_cast<unsigned char>(raw);
    const bool itself = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    const unsigned c = itself ? b : 0x100 + (b <= 32 ? b : b == 173 ? 67 : b - 127 + 33);
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else {
      out += static_cast<char>(0xC0 | c >> 6);
      out += static_cast<char>(0x80 | (c & 0x3F));
    }
  }
  return out;
}
}  // namespace detail

/// The published ranks as a tokenizer.json: merges are what byte-pair merging below a token's own rank leaves of it.
inline std::optional<io::Tokenizer> qwen_tokenizer() {
  const std::filesystem::path file = qwen_ranks();
  if (file.empty()) return std::nullopt;
  std::vector<std::string> tokens;
  std::unordered_map<std::string, int> ranks;
  std::ifstream in(file);
  for (std::string token, rank; in >> token >> rank;) {
    tokens.push_back(detail::unbase64(token));
    ranks.emplace(tokens.back(), std::stoi(rank));
  }
  Json json = golden_json();
  Json vocab = Json::object(), merges = Json::array();
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const std::string& token = tokens[id];
    vocab[detail::spell(token)] = id;
    if (token.size() == 1) continue;
    std::vector<std::string> parts;
    for (const char c : token) parts.emplace_back(1, c);
    while (parts.size() > 2) {
      std::size_t best = 0;
      int best_rank = static_cast<int>(id);
      for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        const auto found = ranks.find(parts[i] + parts[i + 1]);
        if (found != ranks.end() && found->second < best_rank) best = i, best_rank = found->second;
      }
      parts[best] += parts[best + 1];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
    merges.push_back({detail::spell(parts[0]), detail::spell(parts[1])});
  }
  json["model"]["vocab"] = std::move(vocab);
  json["model"]["merges"] = std::move(merges);
  auto id = static_cast<int>(tokens.size());
  for (Json& added : json["added_tokens"]) added["id"] = id++;
  return io::Tokenizer::from_json(json.dump(), "qwen");
}

/// One id for each byte, so that any byte string can be written as ids.
inline std::vector<TokenId> byte_ids(const io::Tokenizer& tokenizer, const std::string& bytes) {
  std::vector<TokenId> ids;
  for (const char c : bytes) ids.push_back(tokenizer.id_of(detail::spell(std::string(1, c))));
  return ids;
}

}  // namespace arrcoc::test
