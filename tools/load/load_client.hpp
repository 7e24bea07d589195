#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <vector>

#include "core/unique_fd.hpp"
#include "tools/load/failures.hpp"
#include "tools/load/histogram.hpp"
#include "tools/load/pattern.hpp"
#include "tools/load/schedule.hpp"

namespace unblock {

/// Something else that is to be looked after while the load runs.
struct Watched {
  int fd = -1;
  std::function<void()> on_readable;  ///< takes all there is: it is told of further data only
};

/// What is asked of an echo server on 127.0.0.1.
struct LoadOptions {
  std::uint16_t port = 0;
  std::size_t connections = 64;  ///< that send requests
  std::size_t idle = 0;          ///< that send one request at the start and are silent from then on
  std::size_t slow = 0;  ///< that send the first byte of a request and no more; they connect first
  std::size_t message_bytes = 64;
  std::size_t pipeline = 1;  ///< requests of one connection that are under way at once
  /// Requests per second, over all connections, whatever the server does (an open loop); 0: the
  /// next one follows the answer (a closed loop).
  double rate = 0;
  bool reconnect = false;  ///< each request on a connection of its own; then pipeline is 1
  /// How long no answer at all may come: while connecting, before the client goes on without the
  /// answers that it lacks; at the end, before it calls them unanswered.
  std::chrono::milliseconds patience{1000};
  int interrupt_fd = -1;  ///< where it is given: once it is readable, every call returns at once
  std::vector<Watched> beside = {};
};

/// What one stretch of driving has brought.
struct LoadWindow {
  std::uint64_t requests = 0;    ///< whose last byte came back, and was right, in this stretch
  std::uint64_t never_sent = 0;  ///< due in an open loop, and still waiting for a free connection
                                 ///< when finish() gave up
  std::chrono::nanoseconds elapsed{};
  std::chrono::nanoseconds client_cpu{};  ///< of it, what this client was computing
  /// ns from when a request was due until its last byte came back; of those that have failed to
  /// come back, until the client gave up.
  Histogram latency;
};

/// An echo client for many connections, in the thread that calls it. In a closed loop each
/// connection sends its next request when the answer to the one before is complete, so that a
/// request is due at that instant. In an open loop requests are due at a steady rate, and each goes
/// to the connection that has been free for longest; where none is free it waits, and its wait
/// counts: a server that stalls cannot hide it from the requests that were due meanwhile
/// (*coordinated omission*, G. Tene). Every byte that comes back is compared with what was sent. A
/// request costs one recv and one send; many share one epoll_wait. One thread at a time; throws
/// std::system_error where the client itself lacks something (descriptors, memory), never for what
/// a server does.
///
/// Usage: connect(), drive() as often as there are stretches to measure, finish().
class LoadClient {
 public:
  explicit LoadClient(const LoadOptions& options);

  /// Opens connections until there are `count` (at most all), each of which sends one request. It
  /// does not run ahead of the server: only so many connections may wait for their first answer as
  /// a listener's queue can hold.
  void connect(std::size_t count = std::numeric_limits<std::size_t>::max());

  /// Sends requests and receives answers for that time, or until so many were answered, or until
  /// no connection is left.
  LoadWindow drive(std::chrono::nanoseconds duration,
                   std::uint64_t requests = std::numeric_limits<std::uint64_t>::max());

  /// Takes the answers that are still due, and in an open loop sends what was due and had no free
  /// connection; then closes all connections. Does not wait for those that have never had any
  /// answer.
  LoadWindow finish();

  /// So far. What went wrong while connecting and driving is known at once, what is unanswered
  /// after finish().
  [[nodiscard]] const Failures& failures() const noexcept { return failures_; }

  /// Connections that have not failed; of them, those that send requests.
  [[nodiscard]] std::size_t alive() const noexcept { return busy_alive_ + others_alive_; }
  [[nodiscard]] std::size_t busy_alive() const noexcept { return busy_alive_; }
  /// Connections that had at least one answer.
  [[nodiscard]] std::size_t greeted() const noexcept { return greeted_; }
  /// Answers so far, the first ones included.
  [[nodiscard]] std::uint64_t answers() const noexcept { return answers_; }
  [[nodiscard]] bool interrupted() const noexcept { return interrupted_; }

  static std::size_t connections_of(const LoadOptions& options) noexcept;
  /// Descriptors that a client with these options needs, with a few to spare.
  static std::size_t descriptors_needed(const LoadOptions& options) noexcept;

 private:
  using Clock = std::chrono::steady_clock;

  enum class Kind : std::uint8_t { slow, busy, idle };

  // What a connection sends is a stretch of one endless, repeating pattern; offsets count from the
  // stretch's first byte. received <= sent <= wanted.
  struct Connection {
    UniqueFd fd;
    Kind kind = Kind::busy;
    bool greeted = false;        // its first answer is complete
    std::uint64_t wanted = 0;    // bytes of all requests so far
    std::uint64_t sent = 0;      // of them, those that the socket has taken
    std::uint64_t received = 0;  // of them, those that have come back
    std::uint64_t requested = 0;
    std::uint64_t answered = 0;
  };

  void open_one();
  bool reopen(std::size_t index);
  void turn(Clock::time_point until);
  int wait(Clock::time_point until);
  void on_event(std::size_t index, std::uint32_t events);
  void on_readable(std::size_t index, bool has_ended);
  void on_answered(std::size_t index, Clock::time_point now);
  void start_request(std::size_t index, Clock::time_point due);
  void make_use_of(std::size_t index, Clock::time_point now);
  void send_what_is_due();
  void flush(std::size_t index);
  void fail(Connection& connection, Failure failure);
  void fail_for_errno(Connection& connection);
  void give_up_on_answers(Clock::time_point now);
  [[nodiscard]] Clock::time_point& due_of(std::size_t index, std::uint64_t request) noexcept;
  [[nodiscard]] std::size_t request_bytes(const Connection& connection) const noexcept;
  [[nodiscard]] bool is_open_loop() const noexcept { return options_.rate > 0; }
  [[nodiscard]] bool anyone_waits() const noexcept;

  LoadOptions options_;
  UniqueFd epoll_fd_;
  Pattern pattern_;
  std::vector<std::byte> buffer_;
  std::vector<Connection> connections_;  // the slow ones first, the idle ones last
  std::vector<Clock::time_point> due_;   // a ring of `pipeline` instants for each connection
  std::vector<epoll_event> events_;
  Schedule schedule_;             // of an open loop, for this stretch
  std::uint64_t taken_ = 0;       // of the schedule's requests, those that have a connection
  std::deque<std::size_t> free_;  // of an open loop: a connection for each request that it may take
  Failures failures_{};
  std::uint64_t answers_ = 0;
  std::uint64_t under_way_ = 0;  // requests of connections that have had an answer
  std::size_t opened_ = 0;
  std::size_t greeted_ = 0;     // have had their first answer
  std::size_t settled_ = 0;     // have their first answer, or failed before
  std::size_t busy_alive_ = 0;  // have not failed
  std::size_t others_alive_ = 0;
  bool sending_ = false;  // an answer is followed by the next request
  bool interrupted_ = false;
  LoadWindow window_;  // being filled
};

}  // namespace unblock
