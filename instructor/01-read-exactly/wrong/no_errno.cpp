// Mistake: throws an exception that does not say what happened
// Loses: ReadExactly.ThrowsWhatTheSystemSays, WriteAll.ThrowsWhenTheReaderIsGone

#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "read_exactly.hpp"

namespace exercise {

std::size_t read_exactly(int fd, std::span<std::byte> buffer) {
  std::size_t got = 0;
  while (got < buffer.size()) {
    const ssize_t count = ::read(fd, buffer.data() + got, buffer.size() - got);
    if (count == 0) break;
    if (count > 0) {
      got += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      throw std::runtime_error{"read failed"};
    }
  }
  return got;
}

void write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      throw std::runtime_error{"write failed"};
    }
  }
}

}  // namespace exercise
