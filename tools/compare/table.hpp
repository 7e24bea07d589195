#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace unblock {

/// A table for a terminal: the first column to the left, the others to the right, headings in two
/// lines. Marked cells carry a `*` (and stand out in colour where that is wanted).
class Table {
 public:
  struct Heading {
    std::string above;  ///< may be empty
    std::string text;
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

  [[nodiscard]] std::vector<std::string> lines(bool colour) const;

 private:
  struct Row {
    std::vector<Cell> cells;
    std::string sentence;
  };

  std::vector<Heading> headings_;
  std::vector<Row> rows_;
};

/// "1,234,567"
std::string grouped(std::uint64_t number);

/// To three significant digits, or to the unit: "0.532", "5.32", "53.2", "532", "5,321".
std::string three_digits(double number);

}  // namespace unblock
