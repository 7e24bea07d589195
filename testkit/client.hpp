#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/unique_fd.hpp"

namespace unblock {

/// How long a test waits for anything before it calls it a failure: 30 seconds, far more than any
/// wait needs, so that it bears a loaded machine and a sanitizer. UNBLOCK_TEST_DEADLINE_S in the
/// environment overrides it.
extern const std::chrono::seconds test_deadline;

using Bytes = std::vector<std::byte>;

/// `size` bytes that look random and differ from one `seed` to the next; always the same ones.
Bytes pattern(std::size_t size, std::uint64_t seed = 1);

/// A scripted TCP client. Each call either does what it says or, at the latest after test_deadline,
/// throws std::runtime_error whose text tells all the steps that led there. One thread at a time.
class Client {
 public:
  /// Connects. `buffer_bytes`, where not 0, sets the kernel's buffers of this end (small ones fill
  /// soon).
  explicit Client(std::uint16_t port, const std::string& host = "127.0.0.1", int buffer_bytes = 0);

  /// Sends all of it.
  void send(std::span<const std::byte> bytes);
  /// Sends what the kernel takes now, reading nothing; returns how much that was.
  std::size_t send_some(std::span<const std::byte> bytes);
  /// Receives exactly as many bytes as `expected` has, and compares them.
  void expect(std::span<const std::byte> expected);
  /// Sends, reading only when nothing more can be sent; then receives the rest. All that comes back
  /// must be what was sent.
  void exchange(std::span<const std::byte> bytes);
  /// Sends a few bytes and expects them back.
  void echo();

  /// Finishes sending: the server reads end-of-stream and may still send (shutdown(2), SHUT_WR).
  void half_close();
  /// Breaks the connection off with a reset (SO_LINGER with 0 seconds).
  void reset();
  /// Waits until the server has closed: end-of-stream, or a reset.
  void expect_end();

  /// Whether there is something to read (or the end) right now.
  [[nodiscard]] bool readable() const;
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  short wait_for(short events, const char* what);
  void did(std::string step);
  [[noreturn]] void fail(const std::string& what) const;

  UniqueFd fd_;
  std::vector<std::string> story_;
};

}  // namespace unblock
