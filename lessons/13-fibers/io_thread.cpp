// The I/O thread: it waits in epoll_wait(2) so that the threads that run fibers need not.
//
//   a fiber:                                    this thread, repeat:
//     say "I wait here" in its descriptor's       sleep until something is ready
//     Readiness, and park                         for each descriptor of the batch:
//                                                   note "ready" in its Readiness
//                                                   whoever waits there: collect
//                                                 put all that were collected into the queue,
//                                                 with one lock and one wake-up
//
// Invariants: a descriptor is registered once, edge-triggered, for both directions. Each edge is
// noted; the note stays until a fiber takes it away *before* it tries the descriptor. So an edge
// between a fiber's try and its parking is never lost. A wake-up may come for nothing.
//
// Manual: epoll(7) epoll_wait(2) epoll_ctl(2) timerfd_create(2) eventfd(2).
//
// Compare with: 05-epoll, where the thread that waits also reads and writes.

#include "io_thread.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "scheduler.hpp"

namespace unblock::fibers {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

IoThread::IoThread(Scheduler& scheduler)
    : scheduler_{scheduler},
      epoll_fd_{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))},
      timer_fd_{
          check("timerfd_create", ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC))} {
  epoll_event interest{.events = EPOLLIN, .data = {.ptr = &wake_}};
  check("epoll_ctl", ::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, wake_.fd(), &interest));
  interest.data.ptr = &timers_;
  check("epoll_ctl", ::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, timer_fd_.get(), &interest));
}

void IoThread::start() {
  thread_ = std::jthread{[this] { run(); }};
}

void IoThread::end() noexcept {
  ending_ = true;
  wake_.signal();
  if (thread_.joinable()) thread_.join();
}

void IoThread::run() {
  thread_id_ = this_thread_id();
  while (!ending_) {
    scheduler_.await_demand();
    scheduler_.make_ready(wait());
  }
}

Woken IoThread::wait() {
  std::array<epoll_event, 256> events;
  const int count =
      ::epoll_wait(epoll_fd_.get(), events.data(), static_cast<int>(events.size()), -1);
  if (count < 0 && errno != EINTR) throw_errno("epoll_wait");
  Woken woken;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.ptr == &wake_) {
      wake_.clear();
      if (scheduler_.stopping()) scheduler_.wake_all();
    } else if (event.data.ptr == &timers_) {
      on_timer(woken);
    } else {
      on_readiness(*static_cast<Watched*>(event.data.ptr), event.events, woken);
    }
  }
  return woken;
}

void IoThread::add(Woken& woken, Fiber* fiber) const {
  if (fiber == nullptr) return;
  scheduler_.trace(Step::event_seen, *fiber);
  if (!fiber->wake()) return;
  scheduler_.trace(Step::made_ready, *fiber);
  (woken.first == nullptr ? woken.first : woken.last->next) = fiber;
  woken.last = fiber;
  ++woken.count;
}

void IoThread::on_readiness(Watched& watched, std::uint32_t events, Woken& woken) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0) {
    watched.read_on.store(true, std::memory_order_relaxed);  // released by set()
    events |= EPOLLIN | EPOLLOUT;                            // both directions may return at once
  }
  if ((events & EPOLLIN) != 0) add(woken, watched.readable.set());
  if ((events & EPOLLOUT) != 0) add(woken, watched.writable.set());
}

Watched& IoThread::watch(int fd) {
  Watched* watched = nullptr;
  {
    const std::lock_guard lock{watched_mutex_};
    watched = unused_ == nullptr ? &watched_.emplace_back()
                                 : std::exchange(unused_, unused_->next_unused);
  }
  watched->readable.reset();
  watched->writable.reset();
  watched->read_on = false;
  // A descriptor that is ready already is reported at once, also when edge-triggered.
  epoll_event interest{
      .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | static_cast<std::uint32_t>(EPOLLET),
      .data = {.ptr = watched}};
  if (::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, fd, &interest) < 0) {
    const int error = errno;
    put_away(*watched);
    errno = error;
    throw_errno("epoll_ctl");
  }
  return *watched;
}

void IoThread::unwatch(int fd, Watched& watched) noexcept {
  epoll_event none{};
  ::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_DEL, fd, &none);
  put_away(watched);
}

void IoThread::put_away(Watched& watched) noexcept {
  const std::lock_guard lock{watched_mutex_};
  watched.next_unused = std::exchange(unused_, &watched);
}

void IoThread::park_until(steady_clock::time_point when) {
  Fiber& self = ThisFiber::get("waiting for a time");
  const Timer timer{when, &self};
  {
    const std::lock_guard lock{timers_mutex_};
    timers_.insert(timer);
    if (*timers_.begin() == timer) set_timer();
  }
  {
    const WaitsOutside counted{scheduler_};
    ThisFiber::park();
  }
  const std::lock_guard lock{timers_mutex_};
  timers_.erase(timer);  // it may be there still; then the timer goes off for nothing
}

// The kernel counts for us (timerfd_create(2)): no thread need be woken for an earlier time.
void IoThread::set_timer() noexcept {
  itimerspec at{};
  if (!timers_.empty()) {
    const auto since_boot =
        std::max(nanoseconds{timers_.begin()->first.time_since_epoch()}, nanoseconds{1});
    at.it_value.tv_sec = static_cast<time_t>(since_boot.count() / 1'000'000'000);
    at.it_value.tv_nsec = static_cast<long>(since_boot.count() % 1'000'000'000);
  }
  ::timerfd_settime(timer_fd_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
}

void IoThread::on_timer(Woken& woken) {
  std::uint64_t expirations = 0;
  [[maybe_unused]] const auto got = ::read(timer_fd_.get(), &expirations, sizeof expirations);
  const std::lock_guard lock{timers_mutex_};
  while (!timers_.empty() && timers_.begin()->first <= steady_clock::now()) {
    add(woken, timers_.begin()->second);
    timers_.erase(timers_.begin());
  }
  set_timer();
}

}  // namespace unblock::fibers
