#include "timers.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <unordered_map>
#include <utility>

#include "core/errors.hpp"
#include "core/unique_fd.hpp"

namespace exercise {
namespace {

using unblock::check;
using unblock::UniqueFd;

class Loop : public TimerLoop {
 public:
  TimerId at(Clock::time_point due, std::function<void()> action) override {
    // TODO: keep it, so that the next one to be due is found quickly; and set the timerfd for that.
    (void)due;
    (void)action;
    return ++last_id_;
  }

  bool cancel(TimerId id) override {
    // TODO
    (void)id;
    return false;
  }

  void watch(int fd, std::function<void()> action) override {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    check("epoll_ctl", ::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, fd, &event));
    watched_[fd] = std::move(action);
  }

  void run() override {
    // TODO: a signal may interrupt this call; and where is the timerfd?
    while (!stopped_) {
      epoll_event event{};
      check("epoll_wait", ::epoll_wait(epoll_fd_.get(), &event, 1, -1));
      watched_.at(event.data.fd)();
    }
  }

  void stop() override { stopped_ = true; }

 private:
  UniqueFd epoll_fd_{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))};
  std::unordered_map<int, std::function<void()>> watched_;
  TimerId last_id_ = 0;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<TimerLoop> make_timer_loop() { return std::make_unique<Loop>(); }

}  // namespace exercise
