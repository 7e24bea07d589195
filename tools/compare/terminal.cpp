#include "tools/compare/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include <fmt/core.h>

#include "tools/compare/text.hpp"

namespace unblock {

std::size_t width_of(std::FILE* out) {
  constexpr std::size_t least = 20;  // below, something else is meant: a terminal may say 0
  winsize size{};
  if (::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col >= least) return size.ws_col;
  if (const char* const columns = std::getenv("COLUMNS")) {
    if (const auto width = std::strtoul(columns, nullptr, 10); width >= least) return width;
  }
  return 80;
}

ProgressLine::ProgressLine() : shown_{::isatty(STDERR_FILENO) == 1} {}

void ProgressLine::show(const std::string& text) const {
  // A line that is wider would be broken by the terminal, and its first part stay.
  if (shown_) fmt::print(stderr, "\r\x1b[K{}", cut(text, width_of(stderr) - 1));
}

}  // namespace unblock
