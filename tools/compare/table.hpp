#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace unblock {

/// A table for a terminal: the first column to the left, the others to the right, headings in two
/// lines. Marked cells carry a `*` (and stand out in colour where that is wanted). Where the
/// terminal is too narrow, the columns that have no room follow below, with the first one again.
class Table {
 public:
  struct Heading {
    std::string above;  ///< may be empty
    std::string text;
    bool begins_block = false;  ///< where the table is to be cut first
  };
  struct Cell {
    std::string text;
    bool marked = false;
  };

  explicit Table(std::vector<Heading> headings) : headings_{std::move(headings)} {}

  /// A row of cells, as many as there are headings.
  void add(std::vector<Cell> cells);

  /// A row that has a sentence in place of its numbers.
  void add(std::string name, std::string sentence);

  [[nodiscard]] std::vector<std::string> lines(
      bool colour, std::size_t width = std::numeric_limits<std::size_t>::max()) const;

 private:
  struct Row {
    std::vector<Cell> cells;
    std::string sentence;
  };
  using Columns = std::vector<std::size_t>;  // without the first

  [[nodiscard]] std::size_t width_of(std::size_t column) const;
  [[nodiscard]] std::vector<Columns> blocks(std::size_t width) const;
  void print_headings(const Columns& columns, std::vector<std::string>& lines) const;
  [[nodiscard]] std::string line_of(const Row& row, const Columns& columns, bool colour) const;

  std::vector<Heading> headings_;
  std::vector<Row> rows_;
};

}  // namespace unblock
