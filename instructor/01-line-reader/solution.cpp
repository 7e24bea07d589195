#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "line_reader.hpp"

namespace exercise {

struct LineReader::State {
  int fd;
  std::size_t max_line;
  std::string pending = {};  // read, and not yet returned
  std::size_t searched = 0;  // so many of pending's bytes are known to hold no '\n'
  bool ended = false;

  void read_more();
  std::string take_line(std::size_t size, std::size_t end_size);
};

LineReader::LineReader(int fd, std::size_t max_line)
    : state_{std::make_unique<State>(State{fd, max_line})} {}

LineReader::~LineReader() = default;

std::optional<std::string> LineReader::next() {
  State& state = *state_;
  for (;;) {
    const std::size_t newline = state.pending.find('\n', state.searched);
    if (newline != std::string::npos) {
      const bool has_return = newline > 0 && state.pending[newline - 1] == '\r';
      const std::size_t size = has_return ? newline - 1 : newline;
      return state.take_line(size, has_return ? 2 : 1);
    }
    if (state.ended) {
      if (state.pending.empty()) return std::nullopt;
      return state.take_line(state.pending.size(), 0);
    }
    // One byte more may be the '\r' of its end.
    if (state.pending.size() > state.max_line + 1) throw std::length_error{"line too long"};
    state.searched = state.pending.size();
    state.read_more();
  }
}

// Of what pending begins with.
std::string LineReader::State::take_line(std::size_t size, std::size_t end_size) {
  if (size > max_line) throw std::length_error{"line too long"};
  std::string line = pending.substr(0, size);
  pending.erase(0, size + end_size);
  searched = 0;
  return line;
}

void LineReader::State::read_more() {
  std::array<char, 4096> block;
  const ssize_t got = ::read(fd, block.data(), block.size());
  if (got < 0 && errno == EINTR) return;
  if (got < 0) throw std::system_error{errno, std::generic_category(), "read"};
  ended = got == 0;
  pending.append(block.data(), static_cast<std::size_t>(got));
}

}  // namespace exercise
