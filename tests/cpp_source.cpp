#include "tests/cpp_source.hpp"

#include <algorithm>
#include <cctype>
#include <regex>

#include "tests/readme.hpp"

namespace unblock {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::size_t newlines(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// The end of the literal or comment that starts at `at`, or `at` where none does.
std::size_t end_of_opaque(std::string_view source, std::size_t at) {
  const auto after = [&](std::string_view what, std::size_t from) {
    const std::size_t found = source.find(what, from);
    return found == std::string_view::npos ? source.size() : found + what.size();
  };
  if (source.substr(at, 2) == "//") return std::min(source.find('\n', at), source.size());
  if (source.substr(at, 2) == "/*") return after("*/", at + 2);
  const char before = at == 0 ? ' ' : source[at - 1];
  if (source.substr(at, 2) == "R\"" && !is_word(before)) {
    const std::size_t open = std::min(source.find('(', at), source.size());
    return after(")" + std::string{source.substr(at + 2, open - at - 2)} + "\"", open);
  }
  const char quote = source[at];
  // Within a number it separates digits.
  if (quote != '"' && (quote != '\'' || is_word(before))) return at;
  std::size_t end = at + 1;
  while (end < source.size() && source[end] != quote) end += source[end] == '\\' ? 2 : 1;
  return std::min(end + 1, source.size());
}

// The index of the brace that closes the one at `open`, or the end of the text.
std::size_t closing_brace(std::string_view code, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < code.size(); ++i) {
    if (code[i] == '{') ++depth;
    if (code[i] == '}' && --depth == 0) return i;
  }
  return code.size();
}

// A directive may hold half of a pair of braces; its lines become empty ones.
std::string without_directives(std::string_view code) {
  std::string rest;
  bool continued = false;
  for (const std::string& line : lines_of(code)) {
    const std::size_t first = line.find_first_not_of(" \t");
    const bool directive = continued || (first != std::string::npos && line[first] == '#');
    continued = directive && line.ends_with('\\');
    if (!directive) rest += line;
    rest += '\n';
  }
  return rest;
}

enum class Brace { scope, function, other };

// What the brace after `declaration` opens: a namespace or class, in which functions may be, a
// function, or something that holds none.
Brace kind_of(const std::string& declaration) {
  static const std::regex scope{
      R"(^(template ?<.*> )?(inline )?(namespace|class|struct|union|extern)\b[^()]*(alignas\([^()]*\)[^()]*)?$)"};
  static const std::regex nothing{R"(^(enum\b.*|.*\bconcept\b.*|.*=)$)"};
  if (std::regex_match(declaration, scope)) return Brace::scope;
  if (std::regex_match(declaration, nothing)) return Brace::other;
  return declaration.find('(') != std::string::npos ? Brace::function : Brace::other;
}

// `text` on one line, with single spaces.
std::string on_one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  if (line.ends_with(' ')) line.pop_back();
  return line;
}

}  // namespace

std::string without_comments_and_literals(std::string_view source) {
  std::string code;
  for (std::size_t i = 0; i < source.size();) {
    const std::size_t end = end_of_opaque(source, i);
    if (end == i) {
      code += source[i++];
      continue;
    }
    if (source[i] != '/') code += "\"\"";
    code.append(newlines(source.substr(i, end - i)), '\n');
    i = end;
  }
  return code;
}

std::vector<Include> includes_in(std::string_view source) {
  static const std::regex directive{R"(^\s*#\s*include\s*([<"])([^>"]+)[>"].*$)"};
  std::vector<Include> includes;
  std::size_t number = 0;
  for (const std::string& line : lines_of(source)) {
    ++number;
    std::smatch match;
    if (!std::regex_match(line, match, directive)) continue;
    includes.push_back({.name = match[2], .quoted = match[1] == "\"", .line = number});
  }
  return includes;
}

std::vector<FunctionBody> functions_in(std::string_view source) {
  const std::string code = without_directives(without_comments_and_literals(source));
  std::vector<FunctionBody> functions;
  std::size_t start = 0;  // of the declaration that is being read
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (code[i] == ';' || code[i] == '}') {
      start = i + 1;
    } else if (code[i] == '{') {
      const std::string declaration = on_one_line(std::string_view{code}.substr(start, i - start));
      const bool is_initializer =
          i > 0 && std::isspace(static_cast<unsigned char>(code[i - 1])) == 0;
      const Brace kind = is_initializer ? Brace::other : kind_of(declaration);
      if (kind == Brace::scope) {
        start = i + 1;
        continue;
      }
      const std::size_t close = closing_brace(code, i);
      if (kind == Brace::function) {
        while (start < i && std::isspace(static_cast<unsigned char>(code[start])) != 0) ++start;
        const std::string_view whole = std::string_view{code}.substr(start, close - start);
        functions.push_back({.declaration = declaration,
                             .first_line = newlines(code.substr(0, start)) + 1,
                             .lines = newlines(whole) + 1});
        start = close + 1;
      }
      i = close;
    }
  }
  return functions;
}

}  // namespace unblock
