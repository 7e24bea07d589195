#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "core/unique_fd.hpp"
#include "io_thread.hpp"

namespace unblock::fibers {

/// A socket whose calls look as if they blocked: they park the fiber that calls, and the thread
/// runs another one. It is made and used in fibers of one scheduler; one of them may read (or
/// accept) while another one writes. It can be moved and not copied. A failed call throws
/// std::system_error; every call throws Cancelled once the scheduler has been stopped.
class Socket {
 public:
  /// Owns `fd`, which is to be non-blocking (O_NONBLOCK): a blocking one would stop the whole
  /// thread, so it throws RuleBroken. Throws std::system_error where it cannot be watched. Where it
  /// throws, `fd` still owns the descriptor.
  explicit Socket(UniqueFd&& fd);
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&&) = delete;
  ~Socket();

  /// Waits for at least one byte, and reads what there is into `buffer`, which is not empty; 0 at
  /// end-of-stream.
  std::size_t read(std::span<std::byte> buffer);

  /// The two halves of read(), for who wants to have a buffer only when there is something to put
  /// into it: waits until it may be worth reading; reads, or returns nothing where it was not.
  void wait_readable() { watched_->readable.wait(); }
  std::optional<std::size_t> try_read(std::span<std::byte> buffer);

  /// Writes all of `bytes`, waiting as often as the client's window is full.
  void write(std::span<const std::byte> bytes);

  /// Of a listening socket: waits for a client. The descriptor is non-blocking.
  UniqueFd accept();

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  UniqueFd fd_;
  IoThread* io_;
  Watched* watched_;
};

}  // namespace unblock::fibers
