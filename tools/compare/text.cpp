#include "tools/compare/text.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include <fmt/format.h>

namespace unblock {
namespace {

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t end = digits.size(); end > 3; end -= 3) digits.insert(end - 3, 1, ',');
  return digits;
}

std::string three_digits(double number) {
  if (number == 0) return "0";
  // Rounding may carry into one digit more: 9.996 is 10.0 and not 10.00.
  for (int decimals = 3; decimals > 0; --decimals) {
    const double limit = std::pow(10.0, 3 - decimals);
    if (std::abs(number) < limit - 0.5 * std::pow(10.0, -decimals)) {
      return fmt::format("{:.{}f}", number, decimals);
    }
  }
  return grouped(static_cast<std::uint64_t>(std::llround(number)));
}

std::string plural(std::uint64_t count, const std::string& thing) {
  return fmt::format("{} {}{}", grouped(count), thing, count == 1 ? "" : "s");
}

std::string percent(double share) {
  return share < 0.1 ? fmt::format("{:.1f} %", share * 100) : fmt::format("{:.0f} %", share * 100);
}

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

std::size_t columns_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::vector<std::string> wrapped(const std::string& text, std::size_t width, std::size_t indent) {
  std::vector<std::string> lines;
  std::string line;
  bool has_word = false;
  for (std::size_t at = 0; at < text.size();) {
    // A word with the blanks before it, which are the line's own where it is not broken there.
    const std::size_t word = std::min(text.find_first_not_of(' ', at), text.size());
    const std::size_t end = std::min(text.find(' ', word), text.size());
    if (has_word && columns_of(line) + columns_of(text.substr(at, end - at)) > width) {
      lines.push_back(std::move(line));
      line = std::string(indent, ' ') + text.substr(word, end - word);
    } else {
      line += text.substr(at, end - at);
    }
    has_word = true;
    at = end;
  }
  lines.push_back(std::move(line));
  return lines;
}

std::string cut(const std::string& text, std::size_t width) {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (begins_character(text[at]) && columns++ == width) return text.substr(0, at);
  }
  return text;
}

}  // namespace unblock
