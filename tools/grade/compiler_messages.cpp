#include "tools/grade/compiler_messages.hpp"

#include <algorithm>
#include <regex>
#include <sstream>

namespace unblock::grade {
namespace {

constexpr std::size_t most_errors = 3;
constexpr std::size_t most_lines = 20;
constexpr std::size_t lines_of_one = 6;

void erase_all(std::string& text, const std::string& part) {
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at)) {
    text.erase(at, part.size());
  }
}

// An error, the lines that follow it (the source, a caret), and the place in the student's file
// that led there, where the error itself is in a header.
struct Message {
  bool is_in_file = false;
  std::string place;  // "read_exactly.cpp:12:   required from here"
  std::vector<std::string> lines;
};

std::vector<Message> messages_in(std::istream& printed, const std::string& file) {
  static const std::regex error{R"(^(.*?):(\d+):(?:\d+:)? (?:fatal )?error: .*)"};
  static const std::regex other{
      R"(^(?:.*?:\d+:(?:\d+:)? (?:warning|note): |.*: In .*|\s+from |In file included ).*)"};
  std::vector<Message> messages;
  std::string place;
  bool within = false;
  for (std::string line; std::getline(printed, line);) {
    std::smatch match;
    if (std::regex_match(line, match, error)) {
      messages.push_back({match[1].str().ends_with(file), place, {line}});
      within = true;
      place.clear();
    } else if (line.find("required from here") != std::string::npos && line.starts_with(file)) {
      place = line;
      within = false;
    } else if (std::regex_match(line, other)) {
      within = false;
    } else if (within && messages.back().lines.size() < lines_of_one) {
      messages.back().lines.push_back(line);
    }
  }
  return messages;
}

std::vector<std::string> linker_lines(const std::string& printed) {
  std::vector<std::string> lines;
  std::istringstream in{printed};
  static const std::regex worth{R"(.*(undefined reference|multiple definition).*)"};
  for (std::string line; std::getline(in, line) && lines.size() < most_errors;) {
    if (std::regex_match(line, worth)) lines.push_back(line.substr(line.rfind(".o:") + 1));
  }
  return lines;
}

}  // namespace

std::vector<std::string> reduce_messages(const std::string& printed, const std::string& file,
                                         const std::string& folder) {
  std::string text = printed;
  erase_all(text, folder + "/");
  std::istringstream in{text};
  std::vector<Message> messages = messages_in(in, file);
  std::stable_sort(messages.begin(), messages.end(), [](const Message& a, const Message& b) {
    return (a.is_in_file || !a.place.empty()) > (b.is_in_file || !b.place.empty());
  });
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < std::min(messages.size(), most_errors); ++i) {
    if (!messages[i].is_in_file && !messages[i].place.empty()) lines.push_back(messages[i].place);
    lines.insert(lines.end(), messages[i].lines.begin(), messages[i].lines.end());
  }
  if (lines.empty()) lines = linker_lines(text);
  if (lines.size() > most_lines) lines.resize(most_lines);
  if (messages.size() > most_errors) {
    lines.push_back("(" + std::to_string(messages.size() - most_errors) + " more)");
  }
  return lines;
}

}  // namespace unblock::grade
