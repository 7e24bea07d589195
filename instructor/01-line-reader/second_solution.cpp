// Right too, in another manner: byte after byte out of a stream buffer that reads in blocks, as the
// standard library's streams do.

#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <streambuf>
#include <system_error>
#include <vector>

#include "line_reader.hpp"

namespace exercise {

struct LineReader::State : std::streambuf {
  State(int its_fd, std::size_t its_max_line) : fd{its_fd}, max_line{its_max_line}, block(16384) {}

  int_type underflow() override {
    ssize_t got = 0;
    do {
      got = ::read(fd, block.data(), block.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) throw std::system_error(errno, std::system_category(), "read");
    setg(block.data(), block.data(), block.data() + got);
    return got == 0 ? traits_type::eof() : traits_type::to_int_type(block.front());
  }

  int fd;
  std::size_t max_line;
  std::vector<char> block;
};

LineReader::LineReader(int fd, std::size_t max_line)
    : state_{std::make_unique<State>(fd, max_line)} {}

LineReader::~LineReader() = default;

std::optional<std::string> LineReader::next() {
  std::string line;
  bool held_return = false;  // a '\r' that may be a part of the end
  const auto add = [&](char byte) {
    if (line.size() == state_->max_line) throw std::length_error("the line is too long");
    line += byte;
  };
  for (bool any = false;; any = true) {
    const int byte = state_->sbumpc();
    if (byte == '\n') return line;
    if (held_return) add('\r');
    held_return = false;
    if (byte == std::streambuf::traits_type::eof()) {
      return any ? std::optional{line} : std::nullopt;
    }
    if (byte == '\r') {
      held_return = true;
    } else {
      add(static_cast<char>(byte));
    }
  }
}

}  // namespace exercise
