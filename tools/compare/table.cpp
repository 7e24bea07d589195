#include "tools/compare/table.hpp"

#include <algorithm>
#include <utility>

#include "tools/compare/text.hpp"

namespace unblock {
namespace {

// Before each column; and behind each number for the mark, so that digits stand below one another.
constexpr std::size_t gap = 1;
constexpr std::size_t mark = 1;

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

std::vector<std::string> Table::lines(bool colour, std::size_t width) const {
  std::vector<std::string> lines;
  bool is_first = true;
  for (const Columns& columns : blocks(width)) {
    if (!is_first) lines.emplace_back();
    print_headings(columns, lines);
    for (const Row& row : rows_) {
      if (row.sentence.empty()) {
        lines.push_back(line_of(row, columns, colour));
      } else if (is_first) {
        const std::size_t indent = width_of(0) + gap + mark;
        const std::string& name = row.cells[0].text;
        const std::string text = name + blanks(indent, columns_of(name)) + row.sentence;
        for (std::string& line : wrapped(text, width, indent)) lines.push_back(std::move(line));
      }
    }
    is_first = false;
  }
  return lines;
}

std::size_t Table::width_of(std::size_t column) const {
  std::size_t widest =
      std::max(columns_of(headings_[column].above), columns_of(headings_[column].text));
  for (const Row& row : rows_) {
    if (column < row.cells.size()) widest = std::max(widest, columns_of(row.cells[column].text));
  }
  return widest;
}

// All columns in one block where they fit; else one for each part of the table, or as many as it
// takes.
std::vector<Table::Columns> Table::blocks(std::size_t width) const {
  const auto needed = [&](std::size_t column) { return gap + width_of(column) + mark; };
  std::size_t whole = width_of(0) + mark;
  for (std::size_t column = 1; column < headings_.size(); ++column) whole += needed(column);
  const bool fits = whole <= width;

  std::vector<Columns> blocks{{}};
  std::size_t used = width_of(0) + mark;
  for (std::size_t column = 1; column < headings_.size(); ++column) {
    const bool cut = !fits && (headings_[column].begins_block || used + needed(column) > width);
    if (cut && !blocks.back().empty()) {
      blocks.emplace_back();
      used = width_of(0) + mark;
    }
    blocks.back().push_back(column);
    used += needed(column);
  }
  return blocks;
}

void Table::print_headings(const Columns& columns, std::vector<std::string>& lines) const {
  for (const bool upper : {true, false}) {
    const auto text = [&](std::size_t column) {
      return upper ? headings_[column].above : headings_[column].text;
    };
    std::string line = text(0) + blanks(width_of(0) + mark, columns_of(text(0)));
    for (const std::size_t column : columns) {
      line += std::string(gap, ' ') + blanks(width_of(column), columns_of(text(column))) +
              text(column) + std::string(mark, ' ');
    }
    lines.push_back(without_trailing_blanks(line));
  }
}

std::string Table::line_of(const Row& row, const Columns& columns, bool colour) const {
  std::string line = row.cells[0].text + blanks(width_of(0) + mark, columns_of(row.cells[0].text));
  for (const std::size_t column : columns) {
    const Cell& cell = row.cells[column];
    const std::string text = std::string(gap, ' ') +
                             blanks(width_of(column), columns_of(cell.text)) + cell.text +
                             (cell.marked ? "*" : " ");
    line += cell.marked && colour ? "\x1b[1;32m" + text + "\x1b[0m" : text;
  }
  return without_trailing_blanks(line);
}

}  // namespace unblock
