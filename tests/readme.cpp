#include "tests/readme.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <iterator>
#include <regex>
#include <span>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "core/errors.hpp"

namespace unblock {
namespace {

constexpr std::string_view fence_mark = "```";

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

// A letter of a name: what is not ASCII counts, so that the µ of a unit does.
bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool digit_at(std::string_view text, std::size_t at) {
  return at < text.size() && is_digit(text[at]);
}

std::size_t indentation(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in{text};
  return {std::istream_iterator<std::string>{in}, {}};
}

// Whether the number goes on beyond this: a decimal point, or a separator of thousands. In a list
// (3,4) what follows is a number of its own.
bool joins_digits(std::string_view text, std::size_t at) {
  if (at >= text.size() || !digit_at(text, at + 1)) return false;
  if (text[at] == '.') return true;
  return (text[at] == ',' || text[at] == '\'') && digit_at(text, at + 2) &&
         digit_at(text, at + 3) && !digit_at(text, at + 4);
}

// The end of the number that starts at `at`: 12, 1.5, 1,234,567, 127.0.0.1, 0x7f, 1e-3.
std::size_t end_of_number(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) == "0x") {
    at += 2;
    while (at < text.size() && std::isxdigit(static_cast<unsigned char>(text[at])) != 0) ++at;
    return at;
  }
  while (digit_at(text, at) || joins_digits(text, at)) ++at;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    std::size_t exponent = at + 1;
    if (exponent < text.size() && (text[exponent] == '-' || text[exponent] == '+')) ++exponent;
    if (digit_at(text, exponent)) {
      while (digit_at(text, exponent)) ++exponent;
      return exponent;
    }
  }
  return at;
}

// The end of the unit that follows the number that ends at `at`, or `at` where there is none. A
// quantity is printed in whatever unit suits it: 900 ns in one run, 1.1 µs in the next.
std::size_t end_of_unit(std::string_view text, std::size_t at) {
  static constexpr std::array units = {"ns",  "us",    "µs",   "μs", "ms", "s",  "min", "h",
                                       "B",   "bytes", "byte", "kB", "KB", "MB", "GB",  "KiB",
                                       "MiB", "GiB",   "k",    "K",  "M",  "G",  "Hz",  "kHz",
                                       "MHz", "GHz",   "%",    "x",  "×"};
  const std::size_t from = at < text.size() && text[at] == ' ' ? at + 1 : at;
  for (const std::string_view unit : units) {
    const std::size_t end = from + unit.size();
    if (text.substr(from, unit.size()) != unit) continue;
    if (end == text.size() || (!is_letter(text[end]) && !is_digit(text[end]))) return end;
  }
  return at;
}

// Where a number starts: at a digit that is not part of a name (accept4, x86), or at its sign.
bool number_starts(std::string_view text, std::size_t at) {
  const char before = at == 0 ? ' ' : text[at - 1];
  if (is_digit(text[at])) return !is_letter(before) && !is_digit(before);
  return (text[at] == '-' || text[at] == '+') && digit_at(text, at + 1) &&
         (is_space(before) || before == '(' || before == '[');
}

std::string language_of(const ReadmeBlock& block) {
  if (block.kind == ReadmeBlock::Kind::run) return "console";
  const std::string extension = std::filesystem::path{block.words.front()}.extension();
  if (extension == ".S") return "asm";
  if (extension == ".txt" || extension == ".cmake") return "cmake";
  return "cpp";
}

ReadmeBlock read_marker(const std::smatch& match, std::size_t line) {
  ReadmeBlock block;
  block.kind = match[1] == "code" ? ReadmeBlock::Kind::code : ReadmeBlock::Kind::run;
  block.words = words_of(match[2]);
  block.marker_line = line;
  if (block.kind == ReadmeBlock::Kind::code && block.words.size() != 2) {
    throw UserError{fmt::format("line {}: write <!-- code: FILE TAG -->", line)};
  }
  if (block.words.empty()) {
    throw UserError{fmt::format("line {}: write <!-- run: PROGRAM ARGUMENTS -->", line)};
  }
  return block;
}

}  // namespace

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (!in) throw UserError{fmt::format("{} cannot be read", path.string())};
  return text;
}

std::vector<ReadmeBlock> readme_blocks(std::string_view text) {
  static const std::regex marker{R"(^<!-- *(code|run): *(.*?) *-->\s*$)"};
  const std::vector<std::string> lines = lines_of(text);
  std::vector<ReadmeBlock> blocks;
  std::optional<ReadmeBlock> waiting;  // a marker whose block has not begun
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::smatch match;
    if (lines[i].starts_with(fence_mark)) {
      const std::size_t begin = i;
      for (++i; i < lines.size() && !lines[i].starts_with(fence_mark); ++i) {
        if (waiting) waiting->shown.push_back(lines[i]);
      }
      if (i == lines.size()) {
        throw UserError{fmt::format("line {}: a block begins here and does not end", begin + 1)};
      }
      if (waiting) waiting->fence = begin + 1;
    } else if (lines[i].empty() && waiting) {
      continue;  // a block may stand one line below its marker
    }
    if (waiting) blocks.push_back(*std::exchange(waiting, std::nullopt));
    if (std::regex_match(lines[i], match, marker)) waiting = read_marker(match, i + 1);
  }
  if (waiting) blocks.push_back(*waiting);
  return blocks;
}

std::string with_blocks(std::string_view text, const std::vector<ReadmeBlock>& blocks,
                        const std::vector<std::vector<std::string>>& made) {
  const std::vector<std::string> lines = lines_of(text);
  std::string result;
  const auto append = [&](const std::string& line) { result += line + "\n"; };
  std::size_t next = 0;  // the first line that is not yet copied
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const std::size_t upto = blocks[b].fence.value_or(blocks[b].marker_line);
    for (; next < upto; ++next) append(lines[next]);
    if (!blocks[b].fence && made[b].empty()) continue;
    if (!blocks[b].fence) append(fmt::format("{}{}", fence_mark, language_of(blocks[b])));
    for (const std::string& line : made[b]) append(line);
    next += blocks[b].shown.size();
    if (!blocks[b].fence) append(std::string{fence_mark});
  }
  for (; next < lines.size(); ++next) append(lines[next]);
  return result;
}

std::optional<std::string> tag_in(std::string_view line) {
  static const std::regex comment{R"(^\s*(?://|#|;|/\*) ?\[(/?[a-z][a-z0-9_-]*)\]\s*(?:\*/)?\s*$)"};
  std::cmatch match;
  if (!std::regex_match(line.data(), line.data() + line.size(), match, comment)) return {};
  return match[1].str();
}

std::vector<std::string> tagged_part(std::string_view source, const std::string& tag) {
  std::vector<std::string> part;
  std::size_t indent = 0;
  int begins = 0;
  int ends = 0;
  for (const std::string& line : lines_of(source)) {
    const auto name = tag_in(line);
    if (name == tag) {
      ++begins;
      indent = indentation(line);
    } else if (name == "/" + tag) {
      ++ends;
    } else if (begins > ends && !name) {
      part.push_back(line.substr(std::min(indent, indentation(line))));
    }
    if (begins > 1 || ends > begins) break;
  }
  if (begins != 1 || ends != 1) {
    throw UserError{fmt::format("there must be one [{0}] with one [/{0}] below it", tag)};
  }
  return part;
}

std::string masked(std::string_view line) {
  std::string result;
  for (std::size_t i = 0; i < line.size();) {
    if (number_starts(line, i)) {
      i = end_of_unit(line, end_of_number(line, is_digit(line[i]) ? i : i + 1));
      result += '#';
    } else if (is_space(line[i])) {
      if (!result.empty() && result.back() != ' ') result += ' ';
      ++i;
    } else if (line.substr(i, 3) == "---") {
      i = std::min(line.find_first_not_of('-', i), line.size());
      result += "---";
    } else {
      result += line[i++];
    }
  }
  if (result.ends_with(' ')) result.pop_back();
  return result;
}

namespace {

// All lines as one, masked: a line with a number that is longer in another run may be broken
// elsewhere. Where a line is empty stays told.
std::string masked_text(std::span<const std::string> lines) {
  std::string text;
  for (const std::string& line : lines) {
    std::istringstream words{line.empty() ? "(empty)" : line};
    for (std::string word; words >> word;) text += (text.empty() ? "" : " ") + word;
  }
  return masked(text);
}

// How many of the first lines say what the text begins with.
std::size_t lines_within(std::span<const std::string> lines, const std::string& text) {
  std::size_t count = 0;
  while (count < lines.size() && text.starts_with(masked_text(lines.first(count + 1)))) ++count;
  return count;
}

std::string line_or_nothing(const std::vector<std::string>& lines, std::size_t at) {
  return at < lines.size() ? lines[at] : "(nothing)";
}

}  // namespace

std::optional<Difference> difference(ReadmeBlock::Kind kind, const std::vector<std::string>& shown,
                                     const std::vector<std::string>& actual) {
  if (kind == ReadmeBlock::Kind::code) {
    if (shown == actual) return {};
    const auto [at, other] =
        std::mismatch(shown.begin(), shown.end(), actual.begin(), actual.end());
    const auto index = static_cast<std::size_t>(at - shown.begin());
    return Difference{index, line_or_nothing(shown, index), line_or_nothing(actual, index)};
  }
  const std::string all_shown = masked_text(shown);
  const std::string all_actual = masked_text(actual);
  if (all_shown == all_actual) return {};
  const std::size_t index = lines_within(shown, all_actual);
  return Difference{index, line_or_nothing(shown, index),
                    line_or_nothing(actual, lines_within(actual, all_shown))};
}

}  // namespace unblock
