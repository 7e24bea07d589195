#include "tools/compare/table.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace unblock {
namespace {

// Characters on the screen, for UTF-8 text without combining marks.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::string blanks(std::size_t wanted, std::size_t used) {
  return std::string(wanted > used ? wanted - used : 0, ' ');
}

std::string without_trailing_blanks(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

void Table::add(std::vector<Cell> cells) { rows_.push_back({std::move(cells), {}}); }

void Table::add(std::string name, std::string sentence) {
  rows_.push_back({{{std::move(name), false}}, std::move(sentence)});
}

std::vector<std::string> Table::lines(bool colour) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < headings_.size(); ++i) {
    std::size_t widest = std::max(width(headings_[i].above), width(headings_[i].text));
    for (const Row& row : rows_) {
      if (i < row.cells.size()) widest = std::max(widest, width(row.cells[i].text));
    }
    widths.push_back(widest);
  }
  // Behind each number there is room for the mark, so that digits stand below one another.
  const auto right = [&](const std::string& text, std::size_t i, const std::string& mark) {
    return "  " + blanks(widths[i], width(text)) + text + mark;
  };

  std::vector<std::string> lines;
  for (const bool upper : {true, false}) {
    const std::string first = upper ? headings_[0].above : headings_[0].text;
    std::string line = first + blanks(widths[0], width(first));
    for (std::size_t i = 1; i < headings_.size(); ++i) {
      line += right(upper ? headings_[i].above : headings_[i].text, i, " ");
    }
    lines.push_back(without_trailing_blanks(line));
  }
  for (const Row& row : rows_) {
    std::string line = row.cells[0].text + blanks(widths[0], width(row.cells[0].text));
    for (std::size_t i = 1; i < row.cells.size(); ++i) {
      const Cell& cell = row.cells[i];
      const std::string text = right(cell.text, i, cell.marked ? "*" : " ");
      line += cell.marked && colour ? "\x1b[1;32m" + text + "\x1b[0m" : text;
    }
    if (!row.sentence.empty()) line += "  " + row.sentence;
    lines.push_back(without_trailing_blanks(line));
  }
  return lines;
}

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

}  // namespace unblock
