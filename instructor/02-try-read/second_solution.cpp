// Right too, in another manner: ioctl sets the flag, readv reads, and all goes straight into the
// vector that is returned, which grows by what try_read finds.

#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "try_read.hpp"

namespace exercise {

void make_nonblocking(int fd) {
  int on = 1;
  if (::ioctl(fd, FIONBIO, &on) != 0) {
    throw std::system_error(errno, std::system_category(), "ioctl");
  }
}

ReadResult try_read(int fd, std::span<std::byte> buffer) noexcept {
  ReadResult result;
  if (buffer.empty()) return result;
  const iovec part{buffer.data(), buffer.size()};
  ssize_t got = -1;
  do {
    got = ::readv(fd, &part, 1);
  } while (got == -1 && errno == EINTR);
  if (got == -1 && errno != EAGAIN) {
    result.error = errno;
    result.found = Found::error;
  } else if (got >= 0) {
    result.count = static_cast<std::size_t>(got);
    result.found = result.count > 0 ? Found::data : Found::end;
  }
  return result;
}

// `most` may be far more than there is: the room grows with what is found.
Available read_available(int fd, std::size_t most) {
  Available all;
  std::size_t read = 0;
  ReadResult last{.found = Found::data};
  while (read < most && last.found == Found::data) {
    all.bytes.resize(std::min(most, std::max<std::size_t>(1024, 2 * read)));
    last = try_read(fd, std::span(all.bytes).subspan(read));
    read += last.count;
  }
  all.bytes.resize(read);
  all.then = last.found;
  all.error = last.error;
  return all;
}

}  // namespace exercise
