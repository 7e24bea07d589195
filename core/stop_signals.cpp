#include "core/stop_signals.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <array>
#include <utility>

#include "core/errors.hpp"

namespace unblock {
namespace {

sigset_t stop_set() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

StopSignals::StopSignals() {
  const sigset_t set = stop_set();
  signals_ = UniqueFd{check("signalfd", ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK))};
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

StopSignals::~StopSignals() {
  done_.signal();
  if (waiter_.joinable()) waiter_.join();
  const sigset_t set = stop_set();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void StopSignals::on_stop(std::function<void()> stop) {
  waiter_ = std::jthread{[this, stop = std::move(stop)] {
    std::array<pollfd, 2> watched{{{signals_.get(), POLLIN, 0}, {done_.fd(), POLLIN, 0}}};
    for (bool stopping = false;; stopping = true) {
      while (::poll(watched.data(), watched.size(), -1) < 0) {
      }  // EINTR
      if (watched[1].revents != 0) return;
      signalfd_siginfo info;
      if (::read(signals_.get(), &info, sizeof info) != sizeof info) continue;
      if (stopping) ::_exit(128 + static_cast<int>(info.ssi_signo));
      stop();
    }
  }};
}

}  // namespace unblock
