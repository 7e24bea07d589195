// The program around your file: it calls your functions as a check orders, and tells what came of
// it. Nothing here is to be changed; the grader uses its own copy.

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "exercises/kit/commands.hpp"
#include "line_reader.hpp"

namespace {

// What next() did, as it travels: a number, and the line where there is one.
enum class Next { line, end, too_long };

struct OpenReader {
  unblock::UniqueFd fd;
  std::unique_ptr<exercise::LineReader> reader;
};

}  // namespace

int main() {
  using unblock::UniqueFd;

  unblock::kit::Commands commands;
  std::vector<OpenReader> readers;
  // Returns the reader's number.
  commands.on("LineReader", [&readers](UniqueFd fd, std::size_t max_line) {
    auto reader = std::make_unique<exercise::LineReader>(fd.get(), max_line);
    readers.push_back({std::move(fd), std::move(reader)});
    return readers.size() - 1;
  });
  commands.on("next", [&readers](std::size_t number) {
    try {
      const std::optional<std::string> line = readers.at(number).reader->next();
      return std::pair{line ? Next::line : Next::end, line.value_or("")};
    } catch (const std::length_error&) {
      return std::pair{Next::too_long, std::string{}};
    }
  });
  // The descriptor stays open.
  commands.on("~LineReader", [&readers](std::size_t number) { readers.at(number).reader.reset(); });
  return commands.run();
}
