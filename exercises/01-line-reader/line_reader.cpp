#include "line_reader.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace exercise {

struct LineReader::State {
  int fd;
  std::size_t max_line;
  // TODO: what must be remembered from one call of next() to the following one?
};

LineReader::LineReader(int fd, std::size_t max_line)
    : state_{std::make_unique<State>(State{fd, max_line})} {}

LineReader::~LineReader() = default;

std::optional<std::string> LineReader::next() {
  // TODO: one read brings half a line, or three lines and the beginning of a fourth.
  std::array<char, 4096> block;
  const ssize_t got = ::read(state_->fd, block.data(), block.size());
  if (got <= 0) return std::nullopt;
  return std::string(block.data(), static_cast<std::size_t>(got));
}

}  // namespace exercise
