#pragma once

#include <cstddef>
#include <span>

namespace exercise {

/// Reads from `fd` until `buffer` is full or the stream ends. Returns how many bytes were read:
/// fewer than buffer.size() only where the stream ended first.
///
/// `fd` is a blocking descriptor of any kind: a socket, a pipe, a file. It stays open, and the
/// caller's. A signal that arrives meanwhile changes nothing. Throws std::system_error with the
/// errno of a read that failed.
std::size_t read_exactly(int fd, std::span<std::byte> buffer);

/// Writes all of `bytes` to `fd`, in order.
///
/// `fd` is as above. A signal that arrives meanwhile changes nothing. Throws std::system_error with
/// the errno of a write that failed: EPIPE, say, when the reader is gone. (The program around
/// ignores SIGPIPE.)
void write_all(int fd, std::span<const std::byte> bytes);

}  // namespace exercise
