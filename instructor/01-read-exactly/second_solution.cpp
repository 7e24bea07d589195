// Right too, in another manner: one call at a time that knows nothing of signals, and a wait by
// poll before each.

#include <poll.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>
#include <system_error>

#include "read_exactly.hpp"

namespace exercise {
namespace {

// What `call` transferred; nothing where a signal came first.
std::optional<std::size_t> once(const char* name, const std::function<ssize_t()>& call) {
  const ssize_t count = call();
  if (count < 0 && errno == EINTR) return std::nullopt;
  if (count < 0) throw std::system_error(errno, std::system_category(), name);
  return static_cast<std::size_t>(count);
}

void wait_for(int fd, short events) {
  pollfd watched{fd, events, 0};
  // Whatever it says, the call after it says more.
  ::poll(&watched, 1, -1);
}

}  // namespace

std::size_t read_exactly(int fd, std::span<std::byte> buffer) {
  const std::size_t wanted = buffer.size();
  for (bool ended = false; !ended && !buffer.empty();) {
    wait_for(fd, POLLIN);
    const auto got = once("readv", [&] {
      const iovec part{buffer.data(), buffer.size()};
      return ::readv(fd, &part, 1);
    });
    ended = got == std::size_t{0};
    buffer = buffer.last(buffer.size() - got.value_or(0));
  }
  return wanted - buffer.size();
}

void write_all(int fd, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  constexpr std::size_t most = 4096;
  iovec part{const_cast<std::byte*>(bytes.data()), std::min(bytes.size(), most)};
  const auto put = once("writev", [&] { return ::writev(fd, &part, 1); });
  write_all(fd, bytes.subspan(put.value_or(0)));
}

}  // namespace exercise
