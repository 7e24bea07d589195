// The experiments on POSIX AIO itself: its calls are made here directly, without the engine.

#include <aio.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <deque>
#include <set>

#include <fmt/format.h>

#include "aio_engine.hpp"
#include "core/errors.hpp"
#include "echo_server.hpp"
#include "experiments.hpp"
#include "stage.hpp"

namespace unblock {
namespace {

// A control block with room for one byte, for a read or a write of `fd`; nobody is notified.
struct Order : aiocb {
  explicit Order(int fd) : aiocb{} {
    aio_fildes = fd;
    aio_buf = byte.data();
    aio_nbytes = byte.size();
    aio_sigevent.sigev_notify = SIGEV_NONE;
  }
  [[nodiscard]] bool pending() const { return ::aio_error(this) == EINPROGRESS; }

  std::array<char, 1> byte{'x'};
};

int signal_for_experiment() { return SIGRTMIN + 2; }

// Waits until the order is complete, and returns its result as read or write would.
ssize_t result_of(Order& order) {
  const aiocb* const list[] = {&order};
  while (order.pending()) ::aio_suspend(list, 1, nullptr);
  const int error = ::aio_error(&order);
  const ssize_t result = ::aio_return(&order);
  errno = error;
  return result;
}

std::string name_of(int status) {
  switch (status) {
    case AIO_CANCELED:
      return "AIO_CANCELED";
    case AIO_NOTCANCELED:
      return "AIO_NOTCANCELED";
    case AIO_ALLDONE:
      return "AIO_ALLDONE";
    default:
      return fmt::format("{}", status);
  }
}

struct Called {
  std::atomic<pid_t> thread = 0;
  std::atomic<bool> takes_signals = false;
};

// In a thread that glibc makes for one completion.
void on_complete(sigval value) {
  auto& called = *static_cast<Called*>(value.sival_ptr);
  sigset_t blocked;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  called.takes_signals = ::sigismember(&blocked, SIGINT) == 0;
  called.thread = this_thread_id();
}

// The threads in which three completions are handled that are ordered one after another.
std::set<pid_t> threads_of_three_completions(bool& take_signals) {
  std::set<pid_t> threads;
  const ConnectedPair pair = connected_pair();
  take_signals = true;
  for (int i = 0; i < 3; ++i) {
    Called called;
    Order order{pair.server.get()};
    order.aio_sigevent.sigev_notify = SIGEV_THREAD;
    order.aio_sigevent.sigev_notify_function = on_complete;
    order.aio_sigevent.sigev_value.sival_ptr = &called;
    check("aio_read", ::aio_read(&order));
    send_text(pair.client.get(), "x");
    await([&] { return called.thread != 0; });
    result_of(order);
    threads.insert(called.thread);
    take_signals = take_signals && called.takes_signals;
  }
  return threads;
}

// One completion, told by a signal: who sent it, and what it carries.
siginfo_t read_told_by_signal(Order& order, const ConnectedPair& pair) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal_for_experiment());
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  order.aio_sigevent.sigev_notify = SIGEV_SIGNAL;
  order.aio_sigevent.sigev_signo = signal_for_experiment();
  order.aio_sigevent.sigev_value.sival_ptr = &order;
  check("aio_read", ::aio_read(&order));
  await([&] { return threads_reading({pair.server.get()}) == 1; }, std::chrono::seconds{1});
  send_text(pair.client.get(), "x");
  siginfo_t info{};
  const timespec deadline{.tv_sec = 10, .tv_nsec = 0};
  check("sigtimedwait", ::sigtimedwait(&set, &info, &deadline));
  return info;
}

}  // namespace

// [aio_notices]
Finding aio_notices(Narrator& out) {
  if (const auto missing = without_posix_aio()) return *missing;
  const ConnectedPair pair = connected_pair();
  Order order{pair.server.get()};
  out.step(
      "aio_read with SIGEV_SIGNAL on a silent connection: it returns, and the read is pending.");
  const siginfo_t info = read_told_by_signal(order, pair);
  const bool by_signal = info.si_code == SI_ASYNCIO && info.si_value.sival_ptr == &order;
  out.step("The client sends a byte: a signal comes; its si_code is {}.",
           info.si_code == SI_ASYNCIO ? "SI_ASYNCIO" : fmt::format("{}", info.si_code));
  out.note("It {} the address of our request; aio_return says {}.",
           by_signal ? "carries" : "does not carry", result_of(order));
  out.note("It was blocked, and sigtimedwait took it: no code of ours was interrupted.");

  const pid_t ours = this_thread_id();
  bool take_signals = false;
  const std::set<pid_t> threads = threads_of_three_completions(take_signals);
  out.step("Three aio_reads with SIGEV_THREAD, one after another: handled in {} threads.",
           threads.size());
  out.note("glibc has made a thread for each completion; {} of them is ours.",
           threads.contains(ours) ? "one" : "none");
  out.note("In such a thread SIGINT is {}.",
           take_signals ? "not blocked: Ctrl-C may meet it, whatever all others block" : "blocked");

  const bool by_thread = threads.size() == 3 && !threads.contains(ours);
  const bool shown = by_signal && by_thread;
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown
                            ? "the completion comes as a signal that carries the request, or as a "
                              "call in a thread made for it."
                            : "a completion did not come in the ordered way.",
          .facts = {{"by_signal", by_signal},
                    {"threads_of_three", static_cast<std::int64_t>(threads.size())},
                    {"they_take_signals", take_signals}}};
}
// [/aio_notices]

namespace {

// Reads of a pipe that stays silent until it ends, each through a descriptor of its own, since
// glibc carries out the requests of one descriptor one after another.
class SilentReads {
 public:
  explicit SilentReads(int count) {
    std::array<int, 2> ends{};
    check("pipe2", ::pipe2(ends.data(), O_CLOEXEC));
    const UniqueFd read_end{ends[0]};
    write_end_ = UniqueFd{ends[1]};
    for (int i = 0; i < count; ++i) {
      copies_.emplace_back(check("fcntl", ::fcntl(read_end.get(), F_DUPFD_CLOEXEC, 0)));
      fds_.insert(copies_.back().get());
      check("aio_read", ::aio_read(&orders_.emplace_back(copies_.back().get())));
    }
  }
  ~SilentReads() {
    write_end_.reset();
    for (Order& order : orders_) result_of(order);
  }
  // Waits until a thread sleeps in each; returns how many do.
  std::size_t asleep() const {
    await([this] { return threads_reading(fds_) == fds_.size(); }, std::chrono::seconds{5});
    return threads_reading(fds_);
  }
  // Lets one of them get its byte.
  void end_one() { send_one_byte(write_end_.get()); }

 private:
  static void send_one_byte(int fd) { check("write", ::write(fd, "x", 1)); }
  UniqueFd write_end_;
  std::vector<UniqueFd> copies_;
  std::set<int> fds_;
  std::deque<Order> orders_;
};

struct Starved {
  std::size_t silent = 0;
  bool pending_although_ready = false;
  ssize_t in_the_end = 0;
};

// A read whose data is there already, behind as many silent ones as glibc has threads.
Starved starve() {
  SilentReads silent{AioEngine::most_at_once};
  Starved result{.silent = silent.asleep()};
  const ConnectedPair pair = connected_pair();
  send_text(pair.client.get(), "x");
  await([&] { return has_something(pair.server.get()); });
  Order ready{pair.server.get()};
  check("aio_read", ::aio_read(&ready));
  result.pending_although_ready = silent.asleep() == result.silent && ready.pending();
  silent.end_one();
  result.in_the_end = result_of(ready);
  return result;
}

struct SameDescriptor {
  bool write_waits = false;
  std::string cancel_waiting;
  std::string cancel_running;
  ssize_t after_shutdown = -1;
  int error_of_cancelled = 0;
};

SameDescriptor read_then_write() {
  SameDescriptor result;
  const ConnectedPair pair = connected_pair();
  const int fd = pair.server.get();
  Order read{fd};
  Order write{fd};
  check("aio_read", ::aio_read(&read));
  await([&] { return threads_reading({fd}) == 1; }, std::chrono::seconds{5});
  check("aio_write", ::aio_write(&write));
  result.write_waits = write.pending() && !has_something(pair.client.get());
  result.cancel_waiting = name_of(::aio_cancel(fd, &write));
  result_of(write);
  result.error_of_cancelled = errno;
  result.cancel_running = name_of(::aio_cancel(fd, &read));
  check("shutdown", ::shutdown(fd, SHUT_RDWR));
  result.after_shutdown = result_of(read);
  return result;
}

}  // namespace

// [aio_threads]
Finding aio_threads(Narrator& out) {
  if (const auto missing = without_posix_aio()) return *missing;
  std::size_t readers = 0;
  {
    SilentReads eight{8};
    readers = eight.asleep();
    out.step(
        "aio_read of 8 silent pipes. Threads of this process that sleep in read(2) of them: {}.",
        readers);
    out.note("glibc made them: to Linux the operation is an ordinary read that blocks.");
  }
  if (readers == 0) {
    return {.conclusion =
                "this kernel does not tell in which call a thread sleeps "
                "(/proc/PID/task/TID/syscall)."};
  }

  const Starved starved = starve();
  out.step("{} silent ones: as many as this program allows; by itself glibc allows 20.",
           starved.silent);
  out.note("One more aio_read, of a socket that has data: {}.",
           starved.pending_although_ready ? "pending, since no thread is left for it" : "done");
  out.note("One of the silent ones ends: now that read returns {}.", starved.in_the_end);

  const SameDescriptor same = read_then_write();
  out.step("aio_read of a silent socket, then aio_write of the same one:");
  out.note("The write {}.", same.write_waits ? "waits behind the read, and the client gets nothing"
                                             : "is carried out");
  out.step("aio_cancel of that write: {}; of the read: {}.", same.cancel_waiting,
           same.cancel_running);
  out.note("Only shutdown of the socket ends the read: it returns {}.", same.after_shutdown);

  const bool shown = readers == 8 && starved.pending_although_ready && starved.in_the_end == 1 &&
                     same.write_waits && same.cancel_waiting == "AIO_CANCELED" &&
                     same.cancel_running == "AIO_NOTCANCELED" && same.after_shutdown == 0;
  return {.verdict = shown ? Verdict::holds_with_condition : Verdict::fails,
          .conclusion = shown
                            ? "ordered it is, but by glibc from threads that block: one for each, "
                              "so many and no more."
                            : "POSIX AIO behaves in another way here.",
          .facts = {{"readers", static_cast<std::int64_t>(readers)},
                    {"starved", starved.pending_although_ready},
                    {"write_waits_behind_read", same.write_waits},
                    {"cancel_waiting", same.cancel_waiting},
                    {"cancel_running", same.cancel_running},
                    {"after_shutdown", std::int64_t{same.after_shutdown}}}};
}
// [/aio_threads]

namespace {

struct Cost {
  double sleeps = 0;  // voluntary context switches a request, of all threads of this process
  double cpu_us = 0;  // a request
};

// One client that asks, in this thread, and whoever answers in others; all on one CPU.
Cost cost_of_requests(int fd) {
  constexpr int requests = 2'000;
  const std::string message(64, 'x');
  rusage before{};
  rusage after{};
  ::getrusage(RUSAGE_SELF, &before);
  const auto cpu_before = process_cpu_time();
  for (int i = 0; i < requests; ++i) {
    send_text(fd, message);
    receive_text(fd, message.size());
  }
  const std::chrono::duration<double, std::micro> cpu = process_cpu_time() - cpu_before;
  ::getrusage(RUSAGE_SELF, &after);
  return {.sleeps = static_cast<double>(after.ru_nvcsw - before.ru_nvcsw) / requests,
          .cpu_us = cpu.count() / requests};
}

Cost cost_of_blocking_thread() {
  ConnectedPair pair = connected_pair();
  std::jthread server{[fd = pair.server.get()] {
    std::array<char, 4096> buffer;
    ssize_t got = 0;
    while ((got = ::read(fd, buffer.data(), buffer.size())) > 0) {
      send_text(fd, {buffer.data(), static_cast<std::size_t>(got)});
    }
  }};
  const Cost cost = cost_of_requests(pair.client.get());
  pair.client.reset();
  return cost;
}

Cost cost_of_engine(EngineKind kind) {
  ProactorEchoServer server{{}, kind};
  std::jthread running{[&] { server.run(); }};
  const UniqueFd client = connect_tcp("127.0.0.1", server.port());
  const Cost cost = cost_of_requests(client.get());
  server.stop();
  return cost;
}

}  // namespace

// [aio_gain]
Finding aio_gain(Narrator& out) {
  if (const auto missing = without_posix_aio()) return *missing;
  const PinnedToCpu one_cpu{0};
  out.step("One client, 64 bytes to and fro, all threads of client and server on one CPU:");
  const auto row = [](const std::string& name, Cost cost) {
    return std::vector<std::string>{name, fmt::format("{:.1f}", cost.sleeps),
                                    fmt::format("{:.1f} us", cost.cpu_us)};
  };
  const Cost blocking = cost_of_blocking_thread();
  Cost aio;
  table_of_engines(out,
                   {{"who serves", "waits a request, all threads", "CPU a request"},
                    row("a thread that blocks in read and write", blocking)},
                   [&](const NamedEngine& each, auto& rows) {
                     const Cost cost = cost_of_engine(each.kind);
                     if (each.kind == EngineKind::aio_signal) aio = cost;
                     rows.push_back(row(each.name, cost));
                   });
  out.note(
      "With POSIX AIO a request passes glibc's thread, the signal's reader and the handler's.");

  const bool shown = aio.sleeps > blocking.sleeps;
  return {.verdict = shown ? Verdict::fails : Verdict::holds,
          .conclusion = shown
                            ? "for sockets POSIX AIO brings no gain: the same read blocks, in "
                              "another thread, and more threads wait for one another."
                            : "with POSIX AIO there was less waiting than with a blocking thread.",
          .facts = {{"waits_blocking", blocking.sleeps},
                    {"waits_aio", aio.sleeps},
                    {"cpu_us_blocking", blocking.cpu_us},
                    {"cpu_us_aio", aio.cpu_us}}};
}
// [/aio_gain]

}  // namespace unblock
