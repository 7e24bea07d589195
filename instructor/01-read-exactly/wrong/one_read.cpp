// Mistake: calls read once and takes what came for all
// Loses: ReadExactly.GathersPieces, ReadExactly.LeavesWhatFollows, Both.MoveMegabytesUnderSignals

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "read_exactly.hpp"

namespace exercise {

std::size_t read_exactly(int fd, std::span<std::byte> buffer) {
  if (buffer.empty()) return 0;
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) throw std::system_error{errno, std::generic_category(), "read"};
  }
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
