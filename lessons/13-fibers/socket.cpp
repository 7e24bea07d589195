// read, write and accept that look blocking: try; where the kernel says EAGAIN, park until the I/O
// thread has seen the descriptor become ready; try again.
//
// One saving: a read that did not fill its buffer has emptied the socket, and what comes later is a
// new edge; so the next read parks without trying (epoll(7), "Questions and answers", 9). That
// does not hold after the end of the stream, an error or urgent data, which Watched::read_on tells.
//
// Manual: recv(2) send(2) accept(2) epoll(7).
//
// Compare with: 01-blocking, where the kernel parks the thread.

#include "socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "core/errors.hpp"
#include "scheduler.hpp"

namespace unblock::fibers {
namespace {

// errno is a variable of the thread. The compiler may compute its address once in a function and
// use it again after a call in which the fiber has moved to another thread; not across the calls of
// a function that is never part of another one.
[[gnu::noinline]] int last_error() noexcept { return errno; }

[[noreturn]] void throw_error(const char* call, int error) {
  throw std::system_error{error, std::generic_category(), call};
}

}  // namespace

Socket::Socket(UniqueFd&& fd) : io_{&ThisFiber::get("Socket").scheduler.io()} {
  if ((check("fcntl", ::fcntl(fd.get(), F_GETFL)) & O_NONBLOCK) == 0) {
    throw RuleBroken{"Socket: a blocking descriptor would stop the thread and all its fibers"};
  }
  watched_ = &io_->watch(fd.get());
  fd_ = std::move(fd);
}

Socket::Socket(Socket&& other) noexcept
    : fd_{std::move(other.fd_)}, io_{other.io_}, watched_{std::exchange(other.watched_, nullptr)} {}

Socket::~Socket() {
  if (watched_ != nullptr) io_->unwatch(fd_.get(), *watched_);
}

std::size_t Socket::read(std::span<std::byte> buffer) {
  for (;;) {
    wait_readable();
    if (const auto got = try_read(buffer)) return *got;
  }
}

std::optional<std::size_t> Socket::try_read(std::span<std::byte> buffer) {
  const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got < 0) {
    const int error = last_error();
    if (error == EAGAIN) return std::nullopt;
    throw_error("recv", error);
  }
  const auto count = static_cast<std::size_t>(got);
  if (count == buffer.size() || watched_->read_on.load(std::memory_order_relaxed)) {
    watched_->readable.set();  // there may be more, and no edge will tell
  }
  return count;
}

void Socket::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    // MSG_NOSIGNAL: a client that is gone is an error here (EPIPE) and not a signal that ends us.
    const ssize_t put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(put));
      continue;
    }
    const int error = last_error();
    if (error != EAGAIN) throw_error("send", error);
    watched_->writable.wait();
  }
}

UniqueFd Socket::accept() {
  for (;;) {
    watched_->readable.wait();
    UniqueFd conn_fd{::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    const int error = conn_fd ? 0 : last_error();
    if (error == EAGAIN) continue;
    watched_->readable.set();  // there may be more clients, and no edge will tell
    if (conn_fd) return conn_fd;
    throw_error("accept", error);
  }
}

}  // namespace unblock::fibers
