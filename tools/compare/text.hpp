#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace unblock {

/// "1,234,567"
std::string grouped(std::uint64_t number);

/// To three significant digits, or to the unit: "0.532", "5.32", "53.2", "532", "5,321".
std::string three_digits(double number);

/// "1 round", "5 rounds"
std::string plural(std::uint64_t count, const std::string& thing);

/// "0.3 %", "12 %"
std::string percent(double share);

/// "a", "a and b", "a, b and c"
std::string listed(const std::vector<std::string>& words);

/// Columns on the screen, for UTF-8 text without combining marks.
std::size_t columns_of(const std::string& text);

/// Broken between words into lines of at most `width` columns, where that can be; those after the
/// first are indented.
std::vector<std::string> wrapped(const std::string& text, std::size_t width, std::size_t indent);

/// Cut off at `width` columns.
std::string cut(const std::string& text, std::size_t width);

}  // namespace unblock
