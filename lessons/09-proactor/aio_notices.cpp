// How AioEngine learns that an operation is complete: by signals, which a thread of its own reads
// from a descriptor, or by calls in threads that glibc makes. The same thread accepts, which POSIX
// AIO cannot.
//
// Manual: sigevent(7), signalfd(2), sigaction(2), aio_return(3), poll(2).

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "aio_engine.hpp"
#include "core/errors.hpp"

namespace unblock {

void AioEngine::block_signal() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal_number());
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = UniqueFd{check("signalfd", ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK))};

  // A thread of somebody else's may not have blocked it, and would die of it: see on_signal().
  std::array<int, 2> ends{};
  check("pipe2", ::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK));
  strays_read_ = UniqueFd{ends[0]};
  strays_write_ = UniqueFd{ends[1]};
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  check("sigaction", ::sigaction(signal_number(), &action, nullptr));
}

// [notice]
// In the thread that glibc has made for this one completion.
void AioEngine::on_notice(sigval value) {
  Request& request = *static_cast<Request*>(value.sival_ptr);
  request.engine->on_request_complete(request);
}

// A completion's signal met a thread that has not blocked it. It may have interrupted anything, the
// holder of a lock too; so all that is done here is to pass it on. The pipe has room for each of
// the requests.
void AioEngine::on_signal(int, siginfo_t* info, void*) {
  if (info->si_code != SI_ASYNCIO) return;
  const int interrupted = errno;
  void* const request = info->si_value.sival_ptr;
  const AioEngine& engine = *static_cast<Request*>(request)->engine;
  [[maybe_unused]] const auto written =
      ::write(engine.strays_write_.get(), &request, sizeof request);
  errno = interrupted;
}

void AioEngine::on_signals() {
  std::array<signalfd_siginfo, 32> infos;
  const ssize_t got = ::read(signals_.get(), infos.data(), sizeof infos);
  for (std::size_t i = 0; got > 0 && i < static_cast<std::size_t>(got) / sizeof infos[0]; ++i) {
    if (infos[i].ssi_code != SI_ASYNCIO) continue;  // somebody sent it with kill(1)
    Request& request = *reinterpret_cast<Request*>(infos[i].ssi_ptr);
    request.engine->on_request_complete(request);  // of another engine, where there are several
  }
}

void AioEngine::on_strays() {
  Request* request = nullptr;
  while (::read(strays_read_.get(), &request, sizeof request) == sizeof request) {
    on_request_complete(*request);
  }
}

void AioEngine::on_request_complete(Request& request) noexcept {
  std::unique_lock lock{mutex_};
  AsynchronousOperation& operation = *std::exchange(request.operation, nullptr);
  int error = ::aio_error(&request);
  const ssize_t count = ::aio_return(&request);
  if (request.cancelled && count <= 0) error = ECANCELED;  // the socket was shut down under it
  free_.push_back(&request);
  lock.unlock();

  const auto done = static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  if (operation.kind == AsynchronousOperation::Kind::read) {
    operation.data.resize(done);
  } else {
    operation.data.consume(done);
  }
  complete(operation, error);
}
// [/notice]

void AioEngine::loop() {
  std::vector<pollfd> watched;
  for (;;) {
    int timeout_ms = -1;
    {
      const std::lock_guard lock{mutex_};
      if (closed_) return;
      watched = {
          {signals_.get(), POLLIN, 0}, {strays_read_.get(), POLLIN, 0}, {wake_.fd(), POLLIN, 0}};
      for (const auto* accept = accepts_.first(); accept != nullptr; accept = accept->next) {
        watched.push_back({accept->fd, POLLIN, 0});
      }
      if (const auto left = delays_.time_left()) {
        timeout_ms = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(*left).count());
      }
    }
    if (::poll(watched.data(), watched.size(), timeout_ms) < 0) continue;  // EINTR
    if (watched[0].revents != 0) on_signals();
    if (watched[1].revents != 0) on_strays();
    if (watched[2].revents != 0) wake_.clear();
    const std::lock_guard lock{mutex_};
    for (std::size_t i = 3; i < watched.size(); ++i) {
      if (watched[i].revents != 0) on_acceptable(watched[i].fd);
    }
    while (AsynchronousOperation* delay = delays_.pop_due()) complete(*delay, 0);
  }
}

void AioEngine::on_acceptable(int listen_fd) {
  AsynchronousOperation* accept = accepts_.first();
  while (accept != nullptr && accept->fd != listen_fd) accept = accept->next;
  if (accept == nullptr) return;  // it was cancelled meanwhile
  accept->accepted = UniqueFd{::accept4(listen_fd, nullptr, nullptr, SOCK_CLOEXEC)};
  const int error = accept->accepted ? 0 : errno;
  if (error == EAGAIN || error == EINTR) return;
  accepts_.remove(*accept);
  complete(*accept, error);
}

}  // namespace unblock
