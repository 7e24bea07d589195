#include "tools/compare/interrupt.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "core/errors.hpp"

namespace unblock {
namespace {

sigset_t both() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t set = both();
  signals_ = UniqueFd{check("signalfd", ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK))};
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Interrupt::~Interrupt() {
  // A pending signal has been obeyed; let through, it would end the process now.
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) > 0) {
  }
  const sigset_t set = both();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

bool Interrupt::requested() const noexcept {
  pollfd watched{signals_.get(), POLLIN, 0};
  return ::poll(&watched, 1, 0) > 0;
}

}  // namespace unblock
