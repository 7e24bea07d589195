// Mistake: looks at the timers only when one of them fires, not when nobody is due
// Loses: Cancel.OfTheNextOneLeavesTheOthers

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/unique_fd.hpp"
#include "timers.hpp"

namespace exercise {
namespace {

using unblock::check;
using unblock::UniqueFd;

class Loop : public TimerLoop {
 public:
  Loop() { add(timer_fd_.get()); }

  TimerId at(Clock::time_point due, std::function<void()> action) override {
    const TimerId id = ++last_id_;
    timers_.emplace(std::pair{due, id}, std::move(action));
    due_of_.emplace(id, due);
    arm();
    return id;
  }

  bool cancel(TimerId id) override {
    const auto found = due_of_.find(id);
    if (found == due_of_.end()) return false;
    timers_.erase({found->second, id});
    due_of_.erase(found);
    return true;
  }

  void watch(int fd, std::function<void()> action) override {
    add(fd);
    watched_[fd] = std::move(action);
  }

  void run() override {
    std::array<epoll_event, 64> events;
    while (!stopped_) {
      const int ready = ::epoll_wait(epoll_fd_.get(), events.data(), events.size(), -1);
      if (ready < 0 && errno == EINTR) continue;
      check("epoll_wait", ready);
      for (int i = 0; i < ready && !stopped_; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == timer_fd_.get()) {
          fire();
        } else {
          watched_.at(fd)();
        }
      }
    }
  }

  void stop() override { stopped_ = true; }

 private:
  void add(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    check("epoll_ctl", ::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, fd, &event));
  }

  void fire() {
    // Who is due is settled before any action runs: what an action sets is for the next round.
    std::vector<TimerId> due;
    const auto now = Clock::now();
    for (const auto& [key, action] : timers_) {
      if (key.first > now) break;
      due.push_back(key.second);
    }
    for (const TimerId id : due) {
      if (stopped_) break;
      const auto found = due_of_.find(id);
      if (found == due_of_.end()) continue;  // cancelled by an action before it
      auto timer = timers_.extract({found->second, id});
      due_of_.erase(found);
      timer.mapped()();
    }
    std::uint64_t times = 0;
    [[maybe_unused]] const auto got = ::read(timer_fd_.get(), &times, sizeof times);
    if (!due.empty()) arm();
  }

  // For the next one to be due. To set it takes an expiration back that nobody has read.
  void arm() {
    itimerspec spec{};  // all zero: disarmed
    if (!timers_.empty()) {
      using std::chrono::nanoseconds;
      using std::chrono::seconds;
      const auto due = timers_.begin()->first.first.time_since_epoch();
      const auto whole = std::chrono::duration_cast<seconds>(due);
      spec.it_value.tv_sec = whole.count();
      spec.it_value.tv_nsec = nanoseconds{due - whole}.count();
    }
    check("timerfd_settime", ::timerfd_settime(timer_fd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr));
  }

  UniqueFd epoll_fd_{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))};
  UniqueFd timer_fd_{
      check("timerfd_create", ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC))};
  std::unordered_map<int, std::function<void()>> watched_;
  std::map<std::pair<Clock::time_point, TimerId>, std::function<void()>> timers_;
  std::unordered_map<TimerId, Clock::time_point> due_of_;
  TimerId last_id_ = 0;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<TimerLoop> make_timer_loop() { return std::make_unique<Loop>(); }

}  // namespace exercise
