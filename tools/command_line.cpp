#include "command_line.hpp"

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string_view>

#include "arrcoc/core/error.hpp"

namespace arrcoc::tools {
namespace {

constexpr std::size_t most_where = 300, most_message = 2000;

template <class T>
bool whole(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

/// 0, 17, -3; not 010, +1, 0x10, 1e3, "" or 2^64.
template <class T>
std::string wrong_integer(const std::string& text) {
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  const bool padded = text.size() > first + 1 && text[first] == '0';
  if (!padded && whole<T>(text)) return {};
  constexpr bool natural = std::is_unsigned_v<T>;
  return std::string("expected a whole number in decimal") + (natural ? ", 0 or more" : "") + ", got '" + text + "'";
}

std::string wrong_number(const std::string& text) {
  return whole<double>(text) ? std::string() : "expected a number in decimal, got '" + text + "'";
}

/// UTF-8 cut in the middle to about `most` bytes.
std::string shortened(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  const auto inside = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80; };
  std::size_t head = most * 3 / 4, tail = text.size() - most / 4;
  while (head > 0 && inside(head)) --head;
  while (tail < text.size() && inside(tail)) ++tail;
  return std::string(text.substr(0, head)) + " ... " + std::string(text.substr(tail));
}

}  // namespace

void read_numbers_whole(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const std::string described = option->get_type_name(), type = described.substr(0, described.find(':'));
    if (type == "INT") option->check(CLI::Validator(wrong_integer<std::int64_t>, ""));
    if (type == "UINT") option->check(CLI::Validator(wrong_integer<std::uint64_t>, ""));
    if (type == "FLOAT") option->check(CLI::Validator(wrong_number, ""));
  }
  for (CLI::App* verb : app.get_subcommands([](CLI::App*) { return true; })) read_numbers_whole(*verb);
}

std::string one_line(std::string message) {
  for (char& c : message)
    if (c == '\n' || c == '\r') c = ' ';
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  // C1 controls are two bytes in UTF-8, and terminals obey them too.
  for (std::size_t i = 0; i + 1 < message.size(); ++i)
    if (static_cast<unsigned char>(message[i]) == 0xc2 && (static_cast<unsigned char>(message[i + 1]) & 0xe0) == 0x80)
      message.replace(i, 2, "?");
  if (const std::size_t end = message.find("] ");
      message.starts_with('[') && end > most_where && end != std::string::npos)
    message = "[" + shortened(std::string_view(message).substr(1, end - 1), most_where) + message.substr(end);
  return shortened(message, most_message);
}

std::string for_shell(const std::string& word) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./,:=@%+";
  if (!word.empty() && word.find_first_not_of(plain) == word.npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

void check_stdout() {
  errno = 0;
  const bool arrived = !std::cout.flush().fail() && std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  require_that(arrived, Code::bad_output, "output", [] {
    return std::string("stdout: cannot be written") + (errno != 0 ? ": " + std::string(std::strerror(errno)) : "");
  });
}

}  // namespace arrcoc::tools
