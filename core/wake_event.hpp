#pragma once

#include <sys/eventfd.h>

#include <cstdint>

#include "core/errors.hpp"
#include "core/unique_fd.hpp"

namespace unblock {

/// A descriptor that one thread makes readable to wake another out of its wait (eventfd(2)).
/// It stays readable until it is cleared, so a signal that comes before the wait is not lost.
class WakeEvent {
 public:
  WakeEvent() : fd_{check("eventfd", ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC))} {}

  /// To be watched for reading.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  /// From any thread, and from a signal handler.
  void signal() noexcept {
    const std::uint64_t one = 1;
    // It fails only with EAGAIN, at 2^64-1 signals; then the descriptor is readable anyway.
    [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);
  }

  void clear() noexcept {
    std::uint64_t count;
    [[maybe_unused]] const auto read = ::read(fd_.get(), &count, sizeof count);
  }

 private:
  UniqueFd fd_;
};

}  // namespace unblock
