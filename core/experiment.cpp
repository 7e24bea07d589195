#include "core/experiment.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>

#include "core/errors.hpp"

namespace unblock {
namespace {

const Finding::Value& find(const Finding& finding, const std::string& name) {
  for (const auto& [key, value] : finding.facts) {
    if (key == name) return value;
  }
  throw std::out_of_range{"the finding has no fact named " + name};
}

bool looks_like_number(const std::string& cell) {
  return !cell.empty() && (std::isdigit(static_cast<unsigned char>(cell.front())) != 0 ||
                           cell.front() == '-' || cell.front() == '+');
}

// Characters on the screen, for UTF-8 text without combining marks.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

// Breaks lines between words so that none is wider than a lecture's terminal, where that can be;
// further lines are indented.
std::string wrap(const std::string& text, std::size_t indent) {
  constexpr std::size_t columns = 80;
  std::string wrapped;
  std::size_t line_start = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t word_end =
        std::min(text.find(' ', text.find_first_not_of(' ', at)), text.size());
    const std::string word = text.substr(at, word_end - at);
    if (wrapped.size() > line_start && width(wrapped.substr(line_start)) + width(word) > columns) {
      wrapped += '\n';
      line_start = wrapped.size();
      wrapped += std::string(indent, ' ') + word.substr(word.find_first_not_of(' '));
    } else {
      wrapped += word;
    }
    at = word_end;
  }
  return wrapped;
}

}  // namespace

std::string to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::holds:
      return "holds";
    case Verdict::holds_with_condition:
      return "holds, with a condition";
    case Verdict::fails:
      return "fails";
    case Verdict::not_shown:
      return "not shown here";
  }
  return "unknown";
}

bool Finding::flag(const std::string& name) const { return std::get<bool>(find(*this, name)); }

double Finding::number(const std::string& name) const {
  const Value& value = find(*this, name);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    return static_cast<double>(*integer);
  }
  return std::get<double>(value);
}

const std::string& Finding::text(const std::string& name) const {
  return std::get<std::string>(find(*this, name));
}

bool Narrator::colour() const noexcept {
  return out_ != nullptr && ::isatty(::fileno(out_)) == 1 && std::getenv("NO_COLOR") == nullptr;
}

void Narrator::line(const std::string& text) {
  if (out_ == nullptr) return;
  const std::string whole = text + "\n";
  if (std::fwrite(whole.data(), 1, whole.size(), out_) != whole.size() || std::fflush(out_) != 0) {
    throw UserError{
        fmt::format("standard output cannot be written ({}): give it a file, a pipe or a "
                    "terminal that takes it",
                    std::strerror(errno))};
  }
}

void Narrator::paragraph(const std::string& text, std::size_t indent) { line(wrap(text, indent)); }

void Narrator::numbered(const std::string& text) {
  paragraph(fmt::format("{:4}  {}", ++steps_, text), 6);
}

void Narrator::indented(const std::string& text) { paragraph("      " + text, 6); }

void Narrator::table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  // A heading stands over its column: to the right where the first row of data is a number.
  const auto to_the_right = [&](std::size_t r, std::size_t i) {
    const std::size_t sample = r == 0 && rows.size() > 1 ? 1 : r;
    return i < rows[sample].size() && looks_like_number(rows[sample][i]);
  };
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string text = "     ";
    for (std::size_t i = 0; i < rows[r].size(); ++i) {
      const std::string padding(widths[i] - width(rows[r][i]), ' ');
      text += " ";
      text += to_the_right(r, i) ? padding + rows[r][i] : rows[r][i] + padding;
      text += " ";
    }
    text.erase(text.find_last_not_of(' ') + 1);
    line(text);
  }
}

}  // namespace unblock
