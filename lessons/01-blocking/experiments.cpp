#include "experiments.hpp"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "core/tcp.hpp"
#include "core/wake_event.hpp"
#include "echo_server.hpp"
#include "raw_syscall.hpp"
#include "threaded_echo_server.hpp"

namespace unblock {
namespace {

using std::chrono::steady_clock;

// What a system call returned, and errno as it was right behind it.
struct CallResult {
  ssize_t value = 0;
  int error = 0;
};

std::string describe(const CallResult& result) {
  return result.value < 0 ? fmt::format("-1 ({})", ::strerrorname_np(result.error))
                          : fmt::format("{}", result.value);
}

// One blocking call in a thread of its own. The constructor returns when that thread sleeps in the
// call.
class BlockedCall {
 public:
  template <typename Call>
  explicit BlockedCall(Call call) {
    thread_ = std::jthread{[this, call] {
      tid_ = this_thread_id();
      CallResult result;
      result.value = call();
      result.error = errno;
      result_.set_value(result);
    }};
    await([this] { return tid_ != 0; });
    await_asleep(tid_);
  }

  [[nodiscard]] bool asleep() const { return thread_state(tid_) == 'S'; }
  [[nodiscard]] long times_it_slept() const { return context_switches(tid_).voluntary; }
  CallResult wait() { return future_.get(); }  // blocks until the call has returned
  [[nodiscard]] pthread_t handle() { return thread_.native_handle(); }

 private:
  std::atomic<pid_t> tid_{0};
  std::promise<CallResult> result_;
  std::future<CallResult> future_{result_.get_future()};
  std::jthread thread_;
};

// A signal that does nothing but interrupt the call that a thread sleeps in. Undone by the
// destructor.
class InterruptingSignal {
 public:
  InterruptingSignal() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    action.sa_flags = 0;  // not SA_RESTART, which would repeat a read by itself (signal(7))
    ::sigaction(SIGUSR1, &action, &before_);
  }
  InterruptingSignal(const InterruptingSignal&) = delete;
  InterruptingSignal& operator=(const InterruptingSignal&) = delete;
  ~InterruptingSignal() { ::sigaction(SIGUSR1, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

void reset_connection(UniqueFd& fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  check("setsockopt", ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
  fd.reset();
}

// A server of the lesson, running in a thread; stopped and joined by the destructor.
template <typename Server>
class Running {
 public:
  explicit Running(const ServerOptions& options = {})
      : server_{options}, thread_{[this] {
          tid_ = this_thread_id();
          server_.run();
        }} {}
  ~Running() { server_.stop(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  [[nodiscard]] UniqueFd connect() const { return connect_tcp("127.0.0.1", server_.port()); }
  [[nodiscard]] bool await_server_asleep() {
    return await([this] { return tid_ != 0; }) && await_asleep(tid_);
  }

 private:
  Server server_;
  std::atomic<pid_t> tid_{0};
  std::jthread thread_;
};

void send_text(const UniqueFd& fd, const std::string& text) {
  check("send", ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL));
}

// What comes back within the time, up to `size` bytes; "" where nothing does.
std::string answer(const UniqueFd& fd, std::size_t size, int timeout_ms) {
  pollfd watched{fd.get(), POLLIN, 0};
  if (::poll(&watched, 1, timeout_ms) <= 0) return "";
  std::string text(size, '\0');
  const ssize_t got = ::recv(fd.get(), text.data(), size, MSG_WAITALL);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

constexpr int answer_deadline_ms = 10'000;

// The median duration of `call`, in nanoseconds, over `samples` runs of `batch` calls each.
template <typename Call>
double median_ns(int samples, int batch, Call call) {
  std::vector<double> durations;
  for (int i = 0; i < samples; ++i) {
    const auto start = steady_clock::now();
    for (int j = 0; j < batch; ++j) call();
    const std::chrono::duration<double, std::nano> taken = steady_clock::now() - start;
    durations.push_back(taken.count() / batch);
  }
  return median(durations);
}

}  // namespace

Finding one_byte(Narrator& tell) {
  ConnectedPair pair = connected_pair();
  std::array<char, 4096> buffer;
  const auto read_4096 = [&] { return ::read(pair.server.get(), buffer.data(), buffer.size()); };

  BlockedCall first{read_4096};
  tell.step(
      "A thread calls read(fd, buffer, 4096). No byte is there: the thread sleeps (state S).");
  const bool slept = first.asleep();
  send_text(pair.client, "x");
  const CallResult one = first.wait();
  tell.step(
      "The client sends 1 byte: read returns {}. It asked for 4096 and does not wait for more.",
      describe(one));

  send_text(pair.client, std::string(10, 'x'));
  const CallResult ten{read_4096(), errno};
  tell.step("10 bytes are there already: read returns {} without sleeping.", describe(ten));

  BlockedCall second{read_4096};
  ::shutdown(pair.client.get(), SHUT_WR);
  const CallResult end = second.wait();
  tell.step(
      "It reads again and sleeps; the client finishes sending: read returns {}, end-of-stream.",
      describe(end));

  ConnectedPair other = connected_pair();
  BlockedCall third{[&] { return ::read(other.server.get(), buffer.data(), buffer.size()); }};
  reset_connection(other.client);
  const CallResult broken = third.wait();
  tell.step("On another connection it sleeps while the client resets: read returns {}.",
            describe(broken));

  const bool holds = slept && one.value == 1 && ten.value == 10 && end.value == 0 &&
                     broken.value == -1 && broken.error == ECONNRESET;
  return {
      holds ? Verdict::holds : Verdict::fails,
      "one byte ends the wait; so do end-of-stream (0) and an error (-1). Until then it sleeps.",
      {{"slept", slept},
       {"one", one.value},
       {"ten", ten.value},
       {"end", end.value},
       {"reset_error", std::string{::strerrorname_np(broken.error)}}}};
}

Finding short_counts(Narrator& tell) {
  const InterruptingSignal signal;
  ConnectedPair pair = connected_pair();
  const std::vector<char> bytes(std::size_t{32} << 20U);

  BlockedCall sending{
      [&] { return ::send(pair.client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); }};
  tell.step(
      "A thread sends {} MiB in one call; nobody reads. The buffers of both ends fill, it sleeps.",
      bytes.size() >> 20U);
  ::pthread_kill(sending.handle(), SIGUSR1);
  const CallResult part = sending.wait();
  tell.step(
      "A signal handler runs in that thread: send returns {}. A part was taken: a short write.",
      describe(part));

  ConnectedPair quiet = connected_pair();
  char byte = 0;
  BlockedCall reading{[&] { return ::read(quiet.server.get(), &byte, 1); }};
  ::pthread_kill(reading.handle(), SIGUSR1);
  const CallResult nothing = reading.wait();
  tell.step("A read that has nothing yet is interrupted in the same way: it returns {}.",
            describe(nothing));
  tell.note("Nothing was read and nothing is wrong: the call is simply made again.");

  const bool short_write = part.value > 0 && part.value < static_cast<ssize_t>(bytes.size());
  const bool interrupted = nothing.value == -1 && nothing.error == EINTR;
  return {
      short_write && interrupted ? Verdict::holds : Verdict::fails,
      "every count can be short and every wait can end with EINTR: read and write stand in loops.",
      {{"short_write", short_write}, {"interrupted", interrupted}}};
}

Finding blocked_read(Narrator& tell) {
  ConnectedPair pair = connected_pair();
  constexpr int count = 10;
  // Of the reading thread, before the first read and after the last: how often it slept, and its
  // CPU time.
  struct Seen {
    long sleeps = 0;
    std::chrono::nanoseconds cpu{};
  };
  const auto look = [] {
    return Seen{context_switches(this_thread_id()).voluntary, thread_cpu_time()};
  };
  Seen before;
  Seen after;
  std::atomic<pid_t> tid{0};
  const auto start = steady_clock::now();
  std::jthread reader{[&] {
    before = look();
    tid = this_thread_id();
    for (char byte = 0; ::read(pair.server.get(), &byte, 1) == 1;) {
    }
    after = look();
  }};
  await([&] { return tid != 0; });
  bool always_asleep = true;
  for (int i = 0; i < count; ++i) {
    always_asleep = await_asleep(tid) && always_asleep;
    send_text(pair.client, "x");
  }
  tell.step(
      "A thread reads byte after byte; each byte is sent only when the thread is seen asleep.");
  always_asleep = await_asleep(tid) && always_asleep;
  pair.client.reset();
  reader.join();
  const auto wall = steady_clock::now() - start;

  const std::int64_t sleeps = after.sleeps - before.sleeps;
  const double cpu_us = std::chrono::duration<double, std::micro>{after.cpu - before.cpu}.count();
  tell.step("{} bytes and end-of-stream: the kernel took the thread off the CPU {} times.", count,
            sleeps);
  tell.step("It used {:.0f} us of CPU time in {:.0f} us: a thread that waits costs no CPU.", cpu_us,
            std::chrono::duration<double, std::micro>{wall}.count());

  // The same with the bytes in the socket beforehand: no wait, no switch.
  ConnectedPair full = connected_pair();
  send_text(full.client, std::string(count, 'x'));
  std::int64_t sleeps_when_ready = -1;
  std::jthread{[&] {
    const Seen first = look();
    char byte = 0;
    for (int i = 0; i < count; ++i) check("read", ::read(full.server.get(), &byte, 1));
    sleeps_when_ready = look().sleeps - first.sleeps;
  }}.join();
  tell.step("With all {} bytes in the socket beforehand it slept {} times: read only copies them.",
            count, sleeps_when_ready);

  const bool holds = always_asleep && sleeps >= count && sleeps_when_ready == 0;
  return {
      holds ? Verdict::holds : Verdict::fails,
      "the thread sleeps in the call, is made runnable when the data come, and then copies them.",
      {{"always_asleep", always_asleep},
       {"sleeps", sleeps},
       {"sleeps_when_ready", sleeps_when_ready}}};
}

Finding stop_accept(Narrator& tell) {
  const auto accept_on = [](int fd) {
    return [fd] { return static_cast<ssize_t>(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC)); };
  };
  UniqueFd listen_fd = listen_tcp("127.0.0.1", 0);
  std::atomic<bool> stopping{false};

  BlockedCall accepting{accept_on(listen_fd.get())};
  const long slept_before = accepting.times_it_slept();
  stopping = true;
  const bool flag_alone_wakes = !accepting.asleep() || accepting.times_it_slept() != slept_before;
  tell.step("A thread sleeps in accept. Another one raises a flag: the thread {}.",
            flag_alone_wakes ? "wakes" : "sleeps on, since nobody looks at the flag");
  const UniqueFd self = connect_tcp("127.0.0.1", local_port(listen_fd.get()));
  const UniqueFd accepted{static_cast<int>(accepting.wait().value)};
  tell.step("It connects to its own port: accept returns a connection, and the flag is seen.");

  BlockedCall second{accept_on(listen_fd.get())};
  ::shutdown(listen_fd.get(), SHUT_RD);
  const CallResult shut = second.wait();
  tell.step(
      "shutdown(listener, SHUT_RD) instead: accept returns {}. Linux does so; POSIX does not say.",
      describe(shut));

  listen_fd = listen_tcp("127.0.0.1", 0);
  WakeEvent wake;
  std::array<pollfd, 2> watched{{{listen_fd.get(), POLLIN, 0}, {wake.fd(), POLLIN, 0}}};
  BlockedCall polling{[&] { return ssize_t{::poll(watched.data(), watched.size(), -1)}; }};
  wake.signal();
  const bool event_wakes = polling.wait().value == 1 && watched[1].revents == POLLIN;
  tell.step(
      "poll on the listener and an eventfd instead of accept: a write to the eventfd ends it.");

  const std::uint16_t port = local_port(listen_fd.get());
  BlockedCall third{accept_on(listen_fd.get())};
  const long slept_before_close = third.times_it_slept();
  listen_fd.reset();
  const bool close_wakes = !third.asleep() || third.times_it_slept() != slept_before_close;
  tell.step("close(listener) from another thread: the one in accept {}.",
            close_wakes ? "wakes" : "sleeps on, and holds the socket open");
  const UniqueFd late = connect_tcp("127.0.0.1", port);
  const UniqueFd taken{static_cast<int>(third.wait().value)};
  tell.note(
      "The closed port even takes one more client, and its descriptor number is free for reuse.");

  const bool holds =
      !flag_alone_wakes && accepted && shut.error == EINVAL && event_wakes && !close_wakes;
  return {
      holds ? Verdict::holds : Verdict::fails,
      "a flag and a connection to oneself stop it; the flag alone does not, and close does not.",
      {{"flag_alone_wakes", flag_alone_wakes},
       {"self_connection_wakes", static_cast<bool>(accepted)},
       {"shutdown_error", std::string{::strerrorname_np(shut.error)}},
       {"event_wakes", event_wakes},
       {"close_wakes", close_wakes}}};
}

Finding one_slow_client(Narrator& tell) {
  bool blocked = false;
  bool served_later = false;
  {
    Running<OneThreadServer> server;
    UniqueFd slow = server.connect();
    send_text(slow, "I am slow");
    const bool slow_served = answer(slow, 9, answer_deadline_ms) == "I am slow";
    tell.step("One thread for all. The slow client gets its echo, and then says nothing.");
    UniqueFd quick = server.connect();
    send_text(quick, "hello");
    // The kernel has the bytes; the server sleeps in read, and not for this client.
    blocked = slow_served && server.await_server_asleep() && answer(quick, 5, 0).empty();
    tell.step(
        "The quick client connects and sends 'hello': the server sleeps in read of the slow one.");
    slow.reset();
    served_later = answer(quick, 5, answer_deadline_ms) == "hello";
    tell.step("The slow client leaves: only now the quick one gets its echo.");
  }
  bool served_at_once = false;
  {
    Running<ThreadPerConnectionServer> server;
    const UniqueFd slow = server.connect();
    send_text(slow, "I am slow");
    const bool slow_served = answer(slow, 9, answer_deadline_ms) == "I am slow";
    const UniqueFd quick = server.connect();
    send_text(quick, "hello");
    served_at_once = slow_served && answer(quick, 5, answer_deadline_ms) == "hello";
    tell.step(
        "One thread for each: the quick client gets its echo while the slow one is connected.");
  }
  const bool holds = blocked && served_later && served_at_once;
  return {
      holds ? Verdict::holds : Verdict::fails,
      "one slow client stops every other for as long as it likes; with a thread each, nobody.",
      {{"blocked", blocked}, {"served_later", served_later}, {"served_at_once", served_at_once}}};
}

Finding thread_for_each(Narrator& tell) {
  bool one_thread_each = true;
  {
    Running<ThreadPerConnectionServer> server;
    const std::size_t before = thread_ids().size();
    std::vector<std::vector<std::string>> rows{{"clients", "threads that serve them"}};
    std::vector<UniqueFd> clients;
    for (const std::size_t count : {1, 10, 100}) {
      while (clients.size() < count) {
        clients.push_back(server.connect());
        send_text(clients.back(), "x");
        answer(clients.back(), 1, answer_deadline_ms);
      }
      const std::size_t threads = thread_ids().size() - before;
      one_thread_each = one_thread_each && threads == count;
      rows.push_back({fmt::format("{}", count), fmt::format("{}", threads)});
    }
    tell.step("Clients connect, get one echo, and stay:");
    tell.table(rows);
  }

  Running<ThreadPerConnectionServer> limited{{.max_connections = 2}};
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(limited.connect());
    send_text(clients.back(), "x");
  }
  const bool two_served = !answer(clients[0], 1, answer_deadline_ms).empty() &&
                          !answer(clients[1], 1, answer_deadline_ms).empty();
  const bool third_waits = limited.await_server_asleep() && answer(clients[2], 1, 0).empty();
  tell.step(
      "With a limit of 2 connections a third client connects: the kernel queues it, and it waits.");
  clients[0].reset();
  const bool third_served = !answer(clients[2], 1, answer_deadline_ms).empty();
  tell.step("One of the two leaves: the third gets its echo.");

  const bool limit_holds = two_served && third_waits && third_served;
  return {
      one_thread_each && limit_holds ? Verdict::holds : Verdict::fails,
      "each connection has a thread of its own, so a limit of connections is a limit of threads.",
      {{"one_thread_each", one_thread_each}, {"limit_holds", limit_holds}}};
}

Finding data_race(Narrator& tell) {
  const PinnedToCpu pinned{0};
  constexpr std::int64_t increments = 50'000'000;
  // Two atomic operations that are not one: what `counter = counter + 1` is to the CPU, without the
  // undefined behaviour that a plain int would have.
  std::atomic<std::int64_t> counter{0};
  const auto add = [&counter] {
    for (std::int64_t i = 0; i < increments; ++i) {
      const std::int64_t value = counter.load(std::memory_order_relaxed);
      counter.store(value + 1, std::memory_order_relaxed);
    }
  };
  tell.step(
      "Two threads, both bound to one CPU, add 1 to a counter {} times each: load, add, store.",
      increments);
  // Preemption decides; a round in which it never fell between a load and its store is run again.
  std::int64_t lost = 0;
  int rounds = 0;
  while (lost == 0 && rounds < 20) {
    ++rounds;
    counter = 0;
    std::jthread other{add};
    add();
    other.join();
    lost = 2 * increments - counter;
  }
  tell.step("Expected {}, found {}: {} additions are lost.", 2 * increments, counter.load(), lost);
  tell.note(
      "A thread was taken off the CPU between its load and its store; what the other one had");
  tell.note("added meanwhile was overwritten when it came back.");

  std::atomic<std::int64_t> right{0};
  const auto add_atomically = [&right] {
    for (std::int64_t i = 0; i < increments / 10; ++i)
      right.fetch_add(1, std::memory_order_relaxed);
  };
  std::jthread other{add_atomically};
  add_atomically();
  other.join();
  const bool atomic_is_exact = right == 2 * (increments / 10);
  tell.step("With one indivisible fetch_add instead, none is lost.");

  return {lost > 0 && atomic_is_exact ? Verdict::holds : Verdict::fails,
          "nothing ran in parallel, and still updates were lost: concurrency is enough for a race.",
          {{"lost", lost}, {"atomic_is_exact", atomic_is_exact}}};
}

Finding system_call(Narrator& tell) {
  tell.step("{}.", raw_syscall_registers);
  const bool same_pid = raw_syscall(SYS_getppid, 0, 0, 0) == ::getppid();
  tell.step("getppid (number {}) by the bare instruction and by libc: {}.", SYS_getppid,
            same_pid ? "the same answer" : "different answers");

  const ConnectedPair pair = connected_pair();
  const std::string text = "hello";
  const long written =
      raw_syscall(SYS_write, pair.client.get(), reinterpret_cast<long>(text.data()),
                  static_cast<long>(text.size()));
  const bool arrived = answer(pair.server, text.size(), answer_deadline_ms) == text;
  tell.step("write (number {}) with three arguments returns {}, and the bytes {}.", SYS_write,
            written, arrived ? "arrive" : "do not arrive");

  errno = 0;
  const long raw_error = raw_syscall(SYS_close, -1, 0, 0);
  const bool raw_leaves_errno = errno == 0;
  const int libc_result = ::close(-1);
  const int libc_error = errno;
  tell.step("close(-1): the kernel returns {} (-EBADF) and knows no errno;", raw_error);
  tell.note("libc turns that into {} and errno = {} (EBADF).", libc_result, libc_error);

  const double ns = median_ns(11, 20'000, [] { raw_syscall(SYS_getppid, 0, 0, 0); });
  tell.step("The cheapest of them takes {:.0f} ns here: in, a look at a number, and out again.",
            ns);

  const bool holds = same_pid && written == 5 && arrived && raw_error == -EBADF &&
                     raw_leaves_errno && libc_result == -1 && libc_error == EBADF;
  return {holds ? Verdict::holds : Verdict::fails,
          "a system call is one instruction with its number and arguments in registers.",
          {{"same_pid", same_pid}, {"arrived", arrived}, {"raw_error", raw_error}, {"ns", ns}}};
}

namespace {

// One switch between two threads on one CPU, in ns: they pass a byte to and fro, so each sleeps
// when the other runs. A round trip is two switches, and two writes and two reads, whose cost alone
// is taken off.
double thread_switch_ns() {
  const PinnedToCpu pinned{0};
  ConnectedPair there;  // pipes: the cheapest channel that blocks
  ConnectedPair back;
  for (ConnectedPair* pipe : {&there, &back}) {
    std::array<int, 2> ends{};
    check("pipe", ::pipe(ends.data()));
    pipe->server.reset(ends[0]);
    pipe->client.reset(ends[1]);
  }
  const auto pass = [](const UniqueFd& to, const UniqueFd& from) {
    char byte = 0;
    return ::write(to.get(), &byte, 1) == 1 && ::read(from.get(), &byte, 1) == 1;
  };
  const double calls_ns = median_ns(5, 2'000, [&] { pass(there.client, there.server); });
  std::jthread other{[&] {
    char byte = 0;
    while (::read(there.server.get(), &byte, 1) == 1 && ::write(back.client.get(), &byte, 1) == 1) {
    }
  }};
  const double round_trip_ns = median_ns(11, 2'000, [&] { pass(there.client, back.server); });
  there.client.reset();
  return (round_trip_ns - 2 * calls_ns) / 2;
}

// Resident bytes that each of `count` sleeping threads adds.
double thread_resident_bytes(std::size_t count) {
  std::atomic<std::size_t> started{0};
  std::atomic<bool> end{false};
  const std::size_t before = resident_bytes();
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&] {
      ++started;
      end.wait(false);
    });
  }
  await([&] { return started == count; });
  const std::size_t after = resident_bytes();
  end = true;
  end.notify_all();
  return static_cast<double>(after - std::min(before, after)) / static_cast<double>(count);
}

}  // namespace

Finding thread_cost(Narrator& tell) {
  const double call_ns = median_ns(11, 20'000, [] { raw_syscall(SYS_getppid, 0, 0, 0); });
  const double create_ns = median_ns(11, 100, [] { std::jthread{[] {}}.join(); });
  const double switch_ns = thread_switch_ns();
  const double bytes = thread_resident_bytes(200);
  tell.step("Measured here:");
  tell.table({{"what", "ns", "cheapest system calls"},
              {"the cheapest system call", fmt::format("{:.0f}", call_ns), "1"},
              {"create a thread and join it", fmt::format("{:.0f}", create_ns),
               fmt::format("{:.0f}", create_ns / call_ns)},
              {"switch to another thread, same CPU", fmt::format("{:.0f}", switch_ns),
               fmt::format("{:.0f}", switch_ns / call_ns)}});
  tell.step("Memory that a sleeping thread adds to the process: {:.1f} KiB.", bytes / 1024);
  tell.note(
      "Its stack is megabytes of address space; only the pages that it has touched are memory.");

  // One switch a second and thread, as the lecture reckons.
  const auto lost_percent = [&](double threads) { return threads * switch_ns / 1e9 * 100; };
  tell.step("The lecture's arithmetic with the switch measured here instead of 1 us:");
  tell.table({{"threads, each switched to once a second", "share of a core lost"},
              {"10", fmt::format("{:.5f} %", lost_percent(10))},
              {"10000", fmt::format("{:.2f} %", lost_percent(10'000))},
              {"10000, 100 times a second", fmt::format("{:.0f} %", lost_percent(1'000'000))}});

  const bool dear = create_ns > 10 * call_ns && switch_ns > 2 * call_ns;
  return {
      dear ? Verdict::holds_with_condition : Verdict::fails,
      "creating and switching are many system calls' worth; rare switches cost next to nothing.",
      {{"call_ns", call_ns},
       {"create_ns", create_ns},
       {"switch_ns", switch_ns},
       {"resident_bytes", bytes},
       {"lost_percent_10", lost_percent(10)},
       {"lost_percent_10000", lost_percent(10'000)}}};
}

}  // namespace unblock
