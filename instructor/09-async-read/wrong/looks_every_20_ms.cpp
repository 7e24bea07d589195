// Mistake: has select look anew every 20 ms, instead of being woken
// Loses: AsyncRead.SleepsMeanwhile

#include <fcntl.h>
#include <sys/select.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "async_read.hpp"
#include "core/errors.hpp"
#include "core/wake_event.hpp"

namespace exercise {
namespace {

using unblock::throw_errno;

struct Operation {
  std::span<std::byte> buffer;
  Handler handler;
};

struct Completed {
  Handler handler;
  Completion completion;
};

class Reader : public AsyncReader {
 public:
  Reader() : thread_{[this] { loop(); }} {}

  ~Reader() override {
    {
      const std::lock_guard lock{mutex_};
      closed_ = true;
    }
    wake_.signal();
  }

  void async_read(int fd, std::span<std::byte> buffer, Handler handler) override {
    const std::lock_guard lock{mutex_};
    ++unfinished_;
    if (stopped_) return complete(std::move(handler), {.error = ECANCELED});
    if (fd < 0 || ::fcntl(fd, F_GETFD) < 0) return complete(std::move(handler), {.error = EBADF});
    if (fd >= FD_SETSIZE) return complete(std::move(handler), {.error = EINVAL});
    if (in_flight_.contains(fd)) return complete(std::move(handler), {.error = EBUSY});
    in_flight_.emplace(fd, Operation{buffer, std::move(handler)});
  }

  void cancel(int fd) override {
    const std::lock_guard lock{mutex_};
    complete(in_flight_.find(fd), {.error = ECANCELED});
    wake_.signal();  // while select sleeps on it, a socket does not close
  }

  bool run_one() override {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return !completed_.empty() || (stopped_ && unfinished_ == 0); });
    if (completed_.empty()) return false;
    const Completed next = std::move(completed_.front());
    completed_.pop_front();
    --unfinished_;
    lock.unlock();  // the handler may call whatever it likes
    next.handler(next.completion);
    return true;
  }

  void run() override {
    while (run_one()) {
    }
  }

  void stop() override {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
    while (!in_flight_.empty()) complete(in_flight_.begin(), {.error = ECANCELED});
    changed_.notify_all();
    wake_.signal();
  }

 private:
  void complete(Handler handler, Completion completion) {
    completed_.push_back({std::move(handler), completion});
    changed_.notify_one();
  }
  void complete(std::map<int, Operation>::iterator operation, Completion completion) {
    if (operation == in_flight_.end()) return;
    complete(std::move(operation->second.handler), completion);
    in_flight_.erase(operation);
  }

  void loop() {
    for (;;) {
      fd_set readable;
      FD_ZERO(&readable);
      FD_SET(wake_.fd(), &readable);
      int highest = wake_.fd();
      {
        const std::lock_guard lock{mutex_};
        if (closed_) return;
        for (const auto& [fd, operation] : in_flight_) FD_SET(fd, &readable);
        if (!in_flight_.empty()) highest = std::max(highest, in_flight_.rbegin()->first);
      }
      timeval soon{.tv_sec = 0, .tv_usec = 20'000};
      const int ready = ::select(highest + 1, &readable, nullptr, nullptr, &soon);
      // EBADF: a read was cancelled, and its socket closed, since the set was made.
      if (ready < 0 && errno != EINTR && errno != EBADF) throw_errno("select");
      if (ready <= 0) continue;
      if (FD_ISSET(wake_.fd(), &readable)) wake_.clear();
      const std::lock_guard lock{mutex_};
      for (auto next = in_flight_.begin(); next != in_flight_.end();) {
        const auto operation = next++;
        if (FD_ISSET(operation->first, &readable)) read(operation);
      }
    }
  }

  void read(std::map<int, Operation>::iterator operation) {
    const std::span<std::byte> buffer = operation->second.buffer;
    const ssize_t got = ::recv(operation->first, buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;  // readiness is a hint
    if (got < 0) return complete(operation, {.error = errno});
    complete(operation, {.bytes = static_cast<std::size_t>(got)});
  }

  unblock::WakeEvent wake_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::map<int, Operation> in_flight_;
  std::deque<Completed> completed_;
  std::size_t unfinished_ = 0;  // started, and the handler has not been taken from completed_
  bool stopped_ = false;
  bool closed_ = false;
  std::jthread thread_;  // the last one: it uses all the others
};

}  // namespace

std::unique_ptr<AsyncReader> make_async_reader() { return std::make_unique<Reader>(); }

}  // namespace exercise
