// Mistake: takes EAGAIN for the end of the stream
// Loses: TryRead.FindsNothing, TryRead.WorksOnAPipe, ReadAvailable.ReadsAllThatIsThere,
//        ReadAvailable.LeavesTheRest

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "try_read.hpp"

namespace exercise {

void make_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    throw std::system_error{errno, std::generic_category(), "fcntl"};
  }
}

ReadResult try_read(int fd, std::span<std::byte> buffer) noexcept {
  if (buffer.empty()) return {.found = Found::nothing};
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got > 0) return {.found = Found::data, .count = static_cast<std::size_t>(got)};
    if (got == 0) return {.found = Found::end};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {.found = Found::end};
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
