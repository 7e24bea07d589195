#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace unblock {

/// When the requests of an open loop are due: one every so often, whatever the server does.
class Schedule {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Schedule() = default;  ///< no requests
  /// The first is due at `begin`, the last before `end`.
  Schedule(Time begin, Time end, double per_second)
      : begin_{begin},
        between_{1e9 / per_second},
        count_{static_cast<std::uint64_t>(std::ceil(nanoseconds_to(end) / between_))} {}

  /// Requests that are due at `now` or were before.
  [[nodiscard]] std::uint64_t due_by(Time now) const noexcept {
    if (count_ == 0 || now < begin_) return 0;
    return std::min(count_, static_cast<std::uint64_t>(nanoseconds_to(now) / between_) + 1);
  }

  /// When request `number` (from 0) is due; also of one that is behind the end.
  [[nodiscard]] Time due_at(std::uint64_t number) const noexcept {
    return begin_ + std::chrono::nanoseconds{std::llround(static_cast<double>(number) * between_)};
  }

  /// No request is due after `now`.
  void end_at(Time now) noexcept { count_ = due_by(now); }

 private:
  [[nodiscard]] double nanoseconds_to(Time time) const noexcept {
    return std::chrono::duration<double, std::nano>{time - begin_}.count();
  }

  Time begin_{};
  double between_ = 1;  // ns
  std::uint64_t count_ = 0;
};

}  // namespace unblock
