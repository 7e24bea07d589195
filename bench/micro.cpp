// The small costs that the lessons speak of: a system call, a thread, a switch between threads, a
// coroutine, and finding one ready descriptor among many. Fibers are in micro_fibers.cpp.

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <coroutine>
#include <exception>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "core/unique_fd.hpp"

namespace unblock {
namespace {

void cheapest_system_call(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(::syscall(SYS_getppid));
}
BENCHMARK(cheapest_system_call);

void thread_create_and_join(benchmark::State& state) {
  for (auto _ : state) std::thread{[] {}}.join();
}
BENCHMARK(thread_create_and_join)->UseRealTime();

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  check("pipe", ::pipe(ends.data()));
  return {UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

// One byte to another thread, which sleeps in read, and one back: two switches. The argument is how
// many CPUs the two threads have, 1 or 2.
void thread_round_trip(benchmark::State& state) {
  const auto cpus = static_cast<std::size_t>(state.range(0));
  if (available_cpus() < cpus) return state.SkipWithError("there is one CPU only");
  Pipe there = make_pipe();
  Pipe back = make_pipe();
  std::jthread other{[&] {
    const PinnedToCpu pinned{cpus - 1};
    char byte = 0;
    while (::read(there.read_end.get(), &byte, 1) == 1) {
      check("write", ::write(back.write_end.get(), &byte, 1));
    }
  }};
  {
    const PinnedToCpu pinned{0};
    char byte = 0;
    for (auto _ : state) {
      check("write", ::write(there.write_end.get(), &byte, 1));
      check("read", ::read(back.read_end.get(), &byte, 1));
    }
  }
  there.write_end.reset();  // the other thread reads end-of-file, and ends
}
BENCHMARK(thread_round_trip)->ArgName("cpus")->Arg(1)->Arg(2)->UseRealTime();

// The least that the language allows: a coroutine that is resumed by hand.
class Coroutine {
 public:
  struct promise_type {
    Coroutine get_return_object() noexcept {
      return Coroutine{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };

  explicit Coroutine(std::coroutine_handle<promise_type> handle) noexcept : handle_{handle} {}
  Coroutine(const Coroutine&) = delete;
  Coroutine& operator=(const Coroutine&) = delete;
  ~Coroutine() { handle_.destroy(); }

  void resume() const { handle_.resume(); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

// Not inlined: the compiler would otherwise see that the frame need not be on the heap.
[[gnu::noinline]] Coroutine suspended_for_ever() {
  for (;;) co_await std::suspend_always{};
}

void coroutine_create_and_destroy(benchmark::State& state) {
  for (auto _ : state) {
    const Coroutine coroutine = suspended_for_ever();
    benchmark::DoNotOptimize(&coroutine);
  }
}
BENCHMARK(coroutine_create_and_destroy);

void coroutine_resume_and_suspend(benchmark::State& state) {
  const Coroutine coroutine = suspended_for_ever();
  for (auto _ : state) coroutine.resume();
}
BENCHMARK(coroutine_resume_and_suspend);

// Descriptors that are all watched, of which the last alone is ready, and stays so.
class OneReady {
 public:
  explicit OneReady(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const unsigned events = i + 1 == count ? 1 : 0;
      fds_.emplace_back(check("eventfd", ::eventfd(events, EFD_NONBLOCK)));
    }
  }
  [[nodiscard]] const std::vector<UniqueFd>& fds() const noexcept { return fds_; }

 private:
  std::vector<UniqueFd> fds_;
};

std::size_t watched(const benchmark::State& state) {
  return static_cast<std::size_t>(state.range(0));
}

void one_ready_by_select(benchmark::State& state) {
  const OneReady descriptors{watched(state)};
  fd_set interest;
  FD_ZERO(&interest);
  for (const UniqueFd& fd : descriptors.fds()) FD_SET(fd.get(), &interest);
  const int last = descriptors.fds().back().get();
  for (auto _ : state) {
    fd_set ready = interest;  // the call overwrites it, so that each needs a fresh one
    check("select", ::select(last + 1, &ready, nullptr, nullptr, nullptr));
    benchmark::DoNotOptimize(FD_ISSET(last, &ready));
  }
}
BENCHMARK(one_ready_by_select)->ArgName("of")->Arg(10)->Arg(100)->Arg(1'000);

void one_ready_by_poll(benchmark::State& state) {
  const OneReady descriptors{watched(state)};
  std::vector<pollfd> interest;
  for (const UniqueFd& fd : descriptors.fds()) interest.push_back({fd.get(), POLLIN, 0});
  for (auto _ : state) {
    check("poll", ::poll(interest.data(), interest.size(), -1));
    benchmark::DoNotOptimize(interest.back().revents);
  }
}
BENCHMARK(one_ready_by_poll)->ArgName("of")->RangeMultiplier(10)->Range(10, 10'000);

void one_ready_by_epoll(benchmark::State& state) {
  const OneReady descriptors{watched(state)};
  const UniqueFd epoll_fd{check("epoll_create1", ::epoll_create1(0))};
  for (const UniqueFd& fd : descriptors.fds()) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd.get()}};
    check("epoll_ctl", ::epoll_ctl(epoll_fd.get(), EPOLL_CTL_ADD, fd.get(), &event));
  }
  std::array<epoll_event, 64> events;
  for (auto _ : state) {
    check("epoll_wait", ::epoll_wait(epoll_fd.get(), events.data(), events.size(), -1));
    benchmark::DoNotOptimize(events.data());
  }
}
BENCHMARK(one_ready_by_epoll)->ArgName("of")->RangeMultiplier(10)->Range(10, 10'000);

// 10,000 descriptors are more than a shell usually allows; as many as it can be.
void raise_descriptor_limit() {
  rlimit limit{};
  check("getrlimit", ::getrlimit(RLIMIT_NOFILE, &limit));
  limit.rlim_cur = limit.rlim_max;
  check("setrlimit", ::setrlimit(RLIMIT_NOFILE, &limit));
}

}  // namespace
}  // namespace unblock

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  unblock::raise_descriptor_limit();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
