// Mistake: does not look whether fcntl failed
// Loses: MakeNonblocking.ThrowsWhatTheSystemSays

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "try_read.hpp"

namespace exercise {

void make_nonblocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

ReadResult try_read(int fd, std::span<std::byte> buffer) noexcept {
  if (buffer.empty()) return {.found = Found::nothing};
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got > 0) return {.found = Found::data, .count = static_cast<std::size_t>(got)};
    if (got == 0) return {.found = Found::end};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {.found = Found::nothing};
    if (errno != EINTR) return {.found = Found::error, .error = errno};
  }
}

Available read_available(int fd, std::size_t most) {
  Available all{.bytes = {}, .then = Found::data};
  std::array<std::byte, 4096> block;
  while (all.bytes.size() < most) {
    const std::size_t wanted = std::min(block.size(), most - all.bytes.size());
    const ReadResult result = try_read(fd, std::span{block}.first(wanted));
    all.then = result.found;
    all.error = result.error;
    if (result.found != Found::data) break;
    all.bytes.insert(all.bytes.end(), block.begin(),
                     block.begin() + static_cast<std::ptrdiff_t>(result.count));
  }
  return all;
}

}  // namespace exercise
