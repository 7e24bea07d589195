#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace exercise {

/// What a read that does not wait may find.
enum class Found {
  data,     ///< at least one byte
  nothing,  ///< nothing yet; more may come
  end,      ///< the other end has finished sending: nothing will ever come
  error,    ///< the connection is broken, or the descriptor is of no use
};

struct ReadResult {
  Found found = Found::nothing;
  std::size_t count = 0;  ///< bytes that were read: data
  int error = 0;          ///< the errno: error
};

/// Makes read, write and accept on `fd` return at once where they would sleep (O_NONBLOCK). All
/// other flags stay as they are. Throws std::system_error with the errno of a call that failed.
void make_nonblocking(int fd);

/// Reads what is there into `buffer`, as much as fits, in one call of read(2), and says what it
/// found. Never waits. `fd` is a non-blocking descriptor of any kind: a socket, a pipe; it stays
/// open. For a buffer of no bytes there is `nothing`, whatever waits in the kernel.
ReadResult try_read(int fd, std::span<std::byte> buffer) noexcept;

struct Available {
  std::vector<std::byte> bytes;  ///< all that was read, whatever followed
  Found then = Found::nothing;   ///< what followed
  int error = 0;                 ///< the errno, where that was an error
};

/// Reads all that is there now, but at most `most` bytes (at least 1), by as many calls of try_read
/// as that takes. `then` says what came after the bytes: nothing, the end, an error; or data, where
/// `most` bytes are read, and whether there are more is left for the next time. Never waits.
Available read_available(int fd, std::size_t most);

}  // namespace exercise
