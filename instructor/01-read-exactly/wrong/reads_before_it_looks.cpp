// Mistake: calls read even for a buffer of no bytes
// Loses: Both.DoNothingForNoBytes

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "read_exactly.hpp"

namespace exercise {

std::size_t read_exactly(int fd, std::span<std::byte> buffer) {
  std::size_t got = 0;
  do {
    std::byte next{};
    const ssize_t count = ::read(fd, &next, 1);
    if (count == 0) break;
    if (count > 0) {
      buffer[got++] = next;
    } else if (errno != EINTR) {
      throw std::system_error{errno, std::generic_category(), "read"};
    }
  } while (got < buffer.size());
  return got;
}

void write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      throw std::system_error{errno, std::generic_category(), "write"};
    }
  }
}

}  // namespace exercise
