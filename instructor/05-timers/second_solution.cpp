// Right too, in another manner: a heap in which cancelled timers stay until their time comes; a
// timerfd that is set relative to now, before the wait, and read when it has expired.

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <list>
#include <queue>
#include <system_error>
#include <unordered_set>
#include <vector>

#include "timers.hpp"

namespace exercise {
namespace {

struct Timer {
  Clock::time_point due;
  TimerId id;
  std::shared_ptr<std::function<void()>> action;

  bool operator<(const Timer& other) const {  // the greatest is on top
    return due != other.due ? due > other.due : id > other.id;
  }
};

struct Watched {
  std::function<void()> action;
};

int must(const char* call, int result) {
  if (result < 0) throw std::system_error{errno, std::generic_category(), call};
  return result;
}

class Heap final : public TimerLoop {
 public:
  Heap() {
    poller_ = must("epoll_create1", ::epoll_create1(0));
    timer_ = must("timerfd_create", ::timerfd_create(CLOCK_MONOTONIC, 0));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    must("epoll_ctl", ::epoll_ctl(poller_, EPOLL_CTL_ADD, timer_, &event));
  }
  ~Heap() override {
    ::close(timer_);
    ::close(poller_);
  }

  TimerId at(Clock::time_point due, std::function<void()> action) override {
    heap_.push({due, next_, std::make_shared<std::function<void()>>(std::move(action))});
    alive_.insert(next_);
    return next_++;
  }

  bool cancel(TimerId id) override { return alive_.erase(id) == 1; }

  void watch(int fd, std::function<void()> action) override {
    watched_.push_back({std::move(action)});
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &watched_.back();
    must("epoll_ctl", ::epoll_ctl(poller_, EPOLL_CTL_ADD, fd, &event));
  }

  void run() override {
    for (goes_on_ = true; goes_on_;) {
      set_timer();
      epoll_event event;
      const int ready = ::epoll_wait(poller_, &event, 1, -1);
      if (ready < 0 && errno != EINTR) must("epoll_wait", ready);
      if (ready < 1) continue;
      if (event.data.ptr != nullptr) {
        static_cast<Watched*>(event.data.ptr)->action();
      } else {
        std::uint64_t times;
        [[maybe_unused]] const auto got = ::read(timer_, &times, sizeof times);
        set_for_ = Clock::time_point::max();
        fire();
      }
    }
  }

  void stop() override { goes_on_ = false; }

 private:
  void drop_cancelled() {
    while (!heap_.empty() && !alive_.contains(heap_.top().id)) heap_.pop();
  }

  void set_timer() {
    drop_cancelled();
    const auto next = heap_.empty() ? Clock::time_point::max() : heap_.top().due;
    if (next == set_for_) return;  // to set it anew would take an expiration back
    set_for_ = next;
    itimerspec spec{};
    if (!heap_.empty()) {
      const auto left = std::chrono::nanoseconds{heap_.top().due - Clock::now()}.count();
      const auto wait = std::max<long long>(left, 1);  // 0 would mean: never
      spec.it_value.tv_sec = static_cast<time_t>(wait / 1'000'000'000);
      spec.it_value.tv_nsec = static_cast<long>(wait % 1'000'000'000);
    }
    must("timerfd_settime", ::timerfd_settime(timer_, 0, &spec, nullptr));
  }

  void fire() {
    const auto now = Clock::now();
    const TimerId newer = next_;
    std::vector<Timer> for_later;
    while (goes_on_ && !heap_.empty() && heap_.top().due <= now) {
      const Timer timer = heap_.top();
      heap_.pop();
      if (timer.id >= newer) {
        for_later.push_back(timer);
      } else if (alive_.erase(timer.id) == 1) {
        (*timer.action)();
      }
    }
    for (const Timer& timer : for_later) heap_.push(timer);
  }

  int poller_ = -1;
  int timer_ = -1;
  std::priority_queue<Timer> heap_;
  std::unordered_set<TimerId> alive_;
  std::list<Watched> watched_;
  Clock::time_point set_for_ = Clock::time_point::max();  // never
  TimerId next_ = 1;
  bool goes_on_ = true;
};

}  // namespace

std::unique_ptr<TimerLoop> make_timer_loop() { return std::make_unique<Heap>(); }

}  // namespace exercise
