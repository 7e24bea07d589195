#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/unique_fd.hpp"
#include "tools/load/histogram.hpp"

namespace unblock {

/// What is asked of an echo server on 127.0.0.1.
struct LoadOptions {
  std::uint16_t port = 0;
  std::size_t connections = 64;  ///< that send requests
  std::size_t idle = 0;          ///< that send one request at the start and are silent from then on
  std::size_t message_bytes = 64;
  std::size_t pipeline = 1;  ///< requests of one connection that are under way at once
  /// How long no answer at all may come: while connecting, before the client goes on without the
  /// answers that it lacks; at the end, before it calls them unanswered.
  std::chrono::milliseconds patience{1000};
  int interrupt_fd = -1;  ///< where it is given: once it is readable, every call returns at once
};

/// How a connection can fail; each does so at most once, and is not replaced.
enum class Failure : std::uint8_t {
  refused,       ///< connect(2) failed
  closed_early,  ///< end-of-stream before the client had finished
  reset,         ///< an error of the connection
  wrong_bytes,   ///< other bytes came back than were sent, or more of them
  unanswered,    ///< the end was reached and patience is over
};
constexpr std::size_t failure_kinds = 5;

/// "wrong bytes", "closed early", ...
std::string to_string(Failure failure);

using Failures = std::array<std::size_t, failure_kinds>;  ///< connections, by kind

std::size_t total(const Failures& failures) noexcept;

/// "3 reset, 1 wrong bytes"; empty where there is none.
std::string to_string(const Failures& failures);

/// What one stretch of driving has brought.
struct LoadWindow {
  std::uint64_t requests = 0;  ///< whose last byte came back, and was right, in this stretch
  std::chrono::nanoseconds elapsed{};
  std::chrono::nanoseconds client_cpu{};  ///< of it, what this client was computing
  Histogram latency;  ///< ns from when a request was due until its last byte came back
};

/// A closed-loop client for many connections, in the thread that calls it: each connection sends
/// its next request when the answer to the one before is complete, so that a request is due at that
/// instant. Every byte that comes back is compared with what was sent. A request costs one recv and
/// one send; many share one epoll_wait. One thread at a time; throws std::system_error where the
/// client itself lacks something (descriptors, memory), never for what a server does.
///
/// Usage: connect(), drive() as often as there are stretches to measure, finish().
class LoadClient {
 public:
  explicit LoadClient(const LoadOptions& options);

  /// Opens all connections, each of which sends one request. It does not run ahead of the server:
  /// only so many connections may wait for their first answer as a listener's queue can hold.
  void connect();

  /// Sends requests and receives answers for that time, or until so many were answered, or until
  /// no connection is left.
  LoadWindow drive(std::chrono::nanoseconds duration,
                   std::uint64_t requests = std::numeric_limits<std::uint64_t>::max());

  /// Sends no more, takes the answers that are due still, and closes all connections.
  LoadWindow finish();

  /// So far. What went wrong while connecting and driving is known at once, what is unanswered
  /// after finish().
  [[nodiscard]] const Failures& failures() const noexcept { return failures_; }

  /// Connections that have not failed.
  [[nodiscard]] std::size_t alive() const noexcept { return busy_alive_ + idle_alive_; }
  /// Connections that had at least one answer.
  [[nodiscard]] std::size_t greeted() const noexcept { return greeted_; }
  [[nodiscard]] bool interrupted() const noexcept { return interrupted_; }

  /// Descriptors that a client with these options needs, with a few to spare.
  static std::size_t descriptors_needed(const LoadOptions& options) noexcept;

 private:
  using Clock = std::chrono::steady_clock;

  // What a connection sends is a stretch of one endless, repeating pattern; offsets count from the
  // stretch's first byte. received <= sent <= wanted.
  struct Connection {
    UniqueFd fd;
    bool idle = false;           // silent after its first request
    bool greeted = false;        // its first answer is complete
    std::uint64_t wanted = 0;    // bytes of all requests so far
    std::uint64_t sent = 0;      // of them, those that the socket has taken
    std::uint64_t received = 0;  // of them, those that have come back
    std::uint64_t requested = 0;
    std::uint64_t answered = 0;
  };

  void open_one();
  void turn(Clock::time_point until);
  void on_event(std::size_t index, std::uint32_t events);
  void on_readable(std::size_t index, bool has_ended);
  void on_answered(std::size_t index, Clock::time_point now);
  void start_request(std::size_t index, Clock::time_point due);
  void fill_pipeline(std::size_t index, Clock::time_point due);
  void flush(std::size_t index);
  void fail(Connection& connection, Failure failure);
  void fail_for_errno(Connection& connection);
  [[nodiscard]] const std::byte* pattern_at(std::size_t index, std::uint64_t offset) const noexcept;
  [[nodiscard]] bool anyone_waits() const noexcept;

  LoadOptions options_;
  UniqueFd epoll_fd_;
  std::vector<std::byte> pattern_;
  std::vector<std::byte> buffer_;
  std::vector<Connection> connections_;  // the busy ones first
  std::vector<Clock::time_point> due_;   // a ring of `pipeline` instants for each connection
  std::vector<epoll_event> events_;
  Failures failures_{};
  std::size_t opened_ = 0;
  std::size_t greeted_ = 0;     // have had their first answer
  std::size_t settled_ = 0;     // have their first answer, or failed before
  std::size_t busy_alive_ = 0;  // have not failed
  std::size_t idle_alive_ = 0;
  bool sending_ = false;  // an answer is followed by the next request
  bool interrupted_ = false;
  LoadWindow window_;  // being filled
};

}  // namespace unblock
