// Mistake: writes everything again after a short write
// Loses: WriteAll.GoesOnAfterAShortWrite, Both.MoveMegabytesUnderSignals

#include <unistd.h>

#include <cerrno>
#include <system_error>

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
      throw std::system_error{errno, std::generic_category(), "read"};
    }
  }
  return got;
}

void write_all(int fd, std::span<const std::byte> bytes) {
  for (;;) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count == static_cast<ssize_t>(bytes.size())) return;
    if (count < 0 && errno != EINTR) {
      throw std::system_error{errno, std::generic_category(), "write"};
    }
  }
}

}  // namespace exercise
