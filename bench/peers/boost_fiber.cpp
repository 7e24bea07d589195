// Echo with Boost.Fiber: a fiber for each connection, and epoll below its scheduler.
//
//   main fiber:  epoll_wait; make the fibers ready whose sockets are; let all of them run; again
//   accept_all:  accept, or wait; start a fiber
//   echo:        recv, or wait; send all of it, or wait
//
// Invariants: a socket is registered once, edge-triggered, for both directions; its fiber waits
// only where the socket has nothing more for it (epoll(7)). Fibers run only while the main fiber
// yields, so none can miss an event, and none ends while a batch of events is looked at. A fiber
// holds what it has read until that is sent, so what a client does not read costs one buffer. Where
// there is no descriptor for one more client, nothing is accepted until a client has left.

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <array>
#include <boost/fiber/all.hpp>
#include <cerrno>
#include <span>
#include <unordered_set>
#include <utility>

#include "contract.hpp"
#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

using boost::fibers::context;

class Reactor;

// A socket as a fiber sees it. A call that has to wait lets other fibers run.
class Socket {
 public:
  Socket(Reactor& reactor, UniqueFd fd);
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();

  std::size_t read(std::span<std::byte> buffer);     // 0: the end of the stream, or broken
  bool write_all(std::span<const std::byte> bytes);  // false: broken
  UniqueFd accept();                                 // not open where it failed for errno
  void on_event(std::uint32_t events);

 private:
  template <typename Call>
  ssize_t retry(Call call);

  Reactor& reactor_;
  UniqueFd fd_;
  context* waiting_ = nullptr;  // its fiber, where that waits
  bool hung_up_ = false;
  bool emptied_ = false;  // by the last read, which was short: the next one would find nothing
};

class Reactor {
 public:
  explicit Reactor(PeerListener listener);
  void run();

 private:
  friend Socket;
  void accept_all(UniqueFd listen_fd);
  void echo(UniqueFd fd);

  // The scheduler's queue, and how many are in it: epoll_wait sleeps only while none is.
  template <typename Body>
  void start(Body body);
  void wait(context*& waiting);
  void wake(context*& waiting);
  void let_others_run();

  UniqueFd epoll_fd_{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))};
  UniqueFd signal_fd_;
  std::unordered_set<Socket*> sockets_;
  context* waits_for_a_descriptor_ = nullptr;
  std::size_t fibers_ = 0;
  std::size_t runnable_ = 0;
  bool stopping_ = false;
};

template <typename Body>
void Reactor::start(Body body) {
  ++fibers_;
  ++runnable_;
  boost::fibers::fiber{[this, body = std::move(body)]() mutable {
    --runnable_;
    body();
    --fibers_;
  }}.detach();
}

void Reactor::wait(context*& waiting) {
  waiting = context::active();
  waiting->suspend();
  --runnable_;
}

void Reactor::wake(context*& waiting) {
  if (waiting == nullptr) return;
  ++runnable_;
  context::active()->schedule(std::exchange(waiting, nullptr));
}

void Reactor::let_others_run() {
  ++runnable_;
  boost::this_fiber::yield();
  --runnable_;
}

Socket::Socket(Reactor& reactor, UniqueFd fd) : reactor_{reactor}, fd_{std::move(fd)} {
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = this}};
  check("epoll_ctl", ::epoll_ctl(reactor.epoll_fd_.get(), EPOLL_CTL_ADD, fd_.get(), &event));
  reactor.sockets_.insert(this);
}

Socket::~Socket() { reactor_.sockets_.erase(this); }

void Socket::on_event(std::uint32_t events) {
  emptied_ = false;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) hung_up_ = true;
  reactor_.wake(waiting_);
}

// The call's result, once it is another than "not now".
template <typename Call>
ssize_t Socket::retry(Call call) {
  while (!reactor_.stopping_) {
    const ssize_t result = call();
    if (result >= 0 || (errno != EAGAIN && errno != EINTR)) return result;
    if (errno == EAGAIN) reactor_.wait(waiting_);
  }
  errno = ECANCELED;
  return -1;
}

std::size_t Socket::read(std::span<std::byte> buffer) {
  if (emptied_ && !hung_up_) reactor_.wait(waiting_);
  const ssize_t got = retry([&] { return ::recv(fd_.get(), buffer.data(), buffer.size(), 0); });
  emptied_ = got < static_cast<ssize_t>(buffer.size());
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

bool Socket::write_all(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put =
        retry([&] { return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); });
    if (put < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

UniqueFd Socket::accept() {
  return UniqueFd{static_cast<int>(
      retry([&] { return ::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }))};
}

Reactor::Reactor(PeerListener listener) {
  sigset_t stop;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGINT);
  ::sigaddset(&stop, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  signal_fd_ = UniqueFd{check("signalfd", ::signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK))};
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  check("epoll_ctl", ::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, signal_fd_.get(), &event));
  listener.announce();
  start([this, fd = std::move(listener.fd)]() mutable { accept_all(std::move(fd)); });
}

void Reactor::run() {
  std::array<epoll_event, 512> events;
  while (!stopping_) {
    boost::this_fiber::yield();  // every fiber that is ready runs until it waits or yields
    const int ready = ::epoll_wait(epoll_fd_.get(), events.data(), static_cast<int>(events.size()),
                                   runnable_ > 0 ? 0 : -1);
    for (int i = 0; i < ready; ++i) {
      auto* const socket = static_cast<Socket*>(events[i].data.ptr);
      if (socket == nullptr) {
        stopping_ = true;  // a signal
      } else {
        socket->on_event(events[i].events);
      }
    }
  }
  for (Socket* const socket : sockets_) socket->on_event(0);
  wake(waits_for_a_descriptor_);
  while (fibers_ > 0) boost::this_fiber::yield();
}

void Reactor::accept_all(UniqueFd listen_fd) {
  Socket listener{*this, std::move(listen_fd)};
  while (!stopping_) {
    UniqueFd fd = listener.accept();
    if (fd) {
      start([this, fd = std::move(fd)]() mutable { echo(std::move(fd)); });
    } else if (is_out_of_resources(errno)) {
      wait(waits_for_a_descriptor_);
    }
  }
}

void Reactor::echo(UniqueFd fd) {
  {
    Socket socket{*this, std::move(fd)};
    std::array<std::byte, peer_buffer_size> buffer;
    constexpr int most_in_a_row = 16;  // a client that sends without a pause never has it wait
    for (int in_a_row = 1;; ++in_a_row) {
      const std::size_t got = socket.read(buffer);
      if (got == 0 || !socket.write_all(std::span{buffer}.first(got))) break;
      if (in_a_row % most_in_a_row == 0) let_others_run();
    }
  }
  wake(waits_for_a_descriptor_);  // the descriptor is closed
}

}  // namespace
}  // namespace unblock

int main(int argc, char** argv) {
  return unblock::peer_main("boost-fiber", argc, argv, [](unblock::PeerListener listener) {
    unblock::Reactor{std::move(listener)}.run();
  });
}
