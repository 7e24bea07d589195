// No mutex around the reads in flight: they belong to the thread. Whoever wants something writes an
// order into a pipe, and the thread writes what is complete into another one, which run_one()
// reads.

#include <fcntl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>
#include <utility>

#include "async_read.hpp"
#include "core/errors.hpp"
#include "core/unique_fd.hpp"

namespace exercise {
namespace {

using unblock::check;
using unblock::UniqueFd;

// A read, from its start to its handler. Whoever has the pointer has it alone.
struct Operation {
  int fd;
  std::span<std::byte> buffer;
  Handler handler;
  Completion completion = {};
};

// Pointers from some threads to one thread.
template <typename T>
class Pipe {
 public:
  Pipe() {
    std::array<int, 2> ends{};
    check("pipe2", ::pipe2(ends.data(), O_CLOEXEC));
    out_.reset(ends[0]);
    in_.reset(ends[1]);
  }

  [[nodiscard]] int fd() const { return out_.get(); }

  // What is smaller than PIPE_BUF is written as a whole: pipe(7).
  void put(const T& value) {
    while (::write(in_.get(), &value, sizeof value) < 0) {
      if (errno != EINTR) unblock::throw_errno("write");
    }
  }

  T take() {
    T value;
    while (::read(out_.get(), &value, sizeof value) < 0) {
      if (errno != EINTR) unblock::throw_errno("read");
    }
    return value;
  }

  [[nodiscard]] bool empty() const {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(out_.get(), &set);
    timeval at_once{};
    return ::select(out_.get() + 1, &set, nullptr, nullptr, &at_once) != 1;
  }

 private:
  UniqueFd out_;
  UniqueFd in_;
};

struct Order {
  enum class Kind { start, cancel, stop, end };
  Kind kind;
  int fd = -1;
  Operation* operation = nullptr;
};

class Reader : public AsyncReader {
 public:
  Reader() {
    thread_ = std::thread{[this] { obey(); }};
  }

  ~Reader() override {
    orders_.put({Order::Kind::end});
    thread_.join();
    for (Operation* const operation : in_flight_) delete operation;
    while (!completed_.empty()) delete completed_.take();
    while (!orders_.empty()) delete orders_.take().operation;
  }

  void async_read(int fd, std::span<std::byte> buffer, Handler handler) override {
    auto operation = std::make_unique<Operation>(Operation{fd, buffer, std::move(handler)});
    unfinished_.fetch_add(1);
    orders_.put({Order::Kind::start, fd, operation.release()});
  }

  void cancel(int fd) override { orders_.put({Order::Kind::cancel, fd}); }

  bool run_one() override {
    if (stopped_ && unfinished_ == 0) return false;
    // nullptr: stop() was called, and this may have been asleep.
    const std::unique_ptr<Operation> operation{completed_.take()};
    if (!operation) return run_one();
    unfinished_.fetch_sub(1);
    operation->handler(operation->completion);
    return true;
  }

  void run() override {
    while (run_one()) {
    }
  }

  void stop() override {
    stopped_ = true;
    orders_.put({Order::Kind::stop});
  }

 private:
  void obey() {
    for (bool goes_on = true; goes_on;) {
      fd_set readable;
      FD_ZERO(&readable);
      FD_SET(orders_.fd(), &readable);
      for (int fd = 0; fd < FD_SETSIZE; ++fd) {
        if (in_flight_[static_cast<std::size_t>(fd)] != nullptr) FD_SET(fd, &readable);
      }
      if (::select(FD_SETSIZE, &readable, nullptr, nullptr, nullptr) <= 0) {
        FD_ZERO(&readable);  // a signal, or one that was closed: those say so themselves
        for (Operation*& operation : in_flight_) {
          if (operation != nullptr && ::fcntl(operation->fd, F_GETFD) < 0) end(operation, EBADF);
        }
      }
      for (Operation*& operation : in_flight_) {
        if (operation != nullptr && FD_ISSET(operation->fd, &readable)) read(operation);
      }
      while (goes_on && !orders_.empty()) goes_on = obey(orders_.take());
    }
  }

  bool obey(const Order& order) {
    if (order.kind == Order::Kind::end) return false;
    if (order.kind == Order::Kind::start) {
      begin(order.operation);
    } else if (order.kind == Order::Kind::cancel) {
      if (order.fd >= 0 && order.fd < FD_SETSIZE) {
        end(in_flight_[static_cast<std::size_t>(order.fd)], ECANCELED);
      }
    } else {
      refuses_ = true;
      for (Operation*& operation : in_flight_) end(operation, ECANCELED);
      completed_.put(nullptr);
    }
    return true;
  }

  void begin(Operation* operation) {
    if (refuses_) return end(operation, ECANCELED);
    if (operation->fd < 0 || ::fcntl(operation->fd, F_GETFD) < 0) return end(operation, EBADF);
    if (operation->fd >= FD_SETSIZE) return end(operation, EINVAL);
    Operation*& place = in_flight_[static_cast<std::size_t>(operation->fd)];
    if (place != nullptr) return end(operation, EBUSY);
    place = operation;
  }

  void read(Operation*& operation) {
    const ssize_t got = ::read(operation->fd, operation->buffer.data(), operation->buffer.size());
    if (got >= 0) operation->completion.bytes = static_cast<std::size_t>(got);
    if (got >= 0) return end(operation, 0);
    if (errno != EAGAIN && errno != EINTR) end(operation, errno);
  }

  void end(Operation*& operation, int error) {
    if (operation == nullptr) return;
    operation->completion.error = error;
    completed_.put(std::exchange(operation, nullptr));
  }

  Pipe<Order> orders_;
  Pipe<Operation*> completed_;
  std::array<Operation*, FD_SETSIZE> in_flight_{};  // the thread's own
  bool refuses_ = false;                            // likewise
  std::atomic<bool> stopped_{false};
  std::atomic<std::size_t> unfinished_{0};  // started, and the handler has not been called
  std::thread thread_;
};

}  // namespace

std::unique_ptr<AsyncReader> make_async_reader() { return std::make_unique<Reader>(); }

}  // namespace exercise
