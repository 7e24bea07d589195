#include "experiments.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <span>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <fmt/ranges.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "core/tcp.hpp"
#include "echo_server.hpp"
#include "fortified.hpp"

namespace unblock {
namespace {

using std::chrono::duration;

// Raises the number of descriptors that this process may have to what it may raise it to, and
// undoes it.
class MoreDescriptors {
 public:
  MoreDescriptors() {
    check("getrlimit", ::getrlimit(RLIMIT_NOFILE, &before_));
    const rlimit raised{before_.rlim_max, before_.rlim_max};
    check("setrlimit", ::setrlimit(RLIMIT_NOFILE, &raised));
  }
  MoreDescriptors(const MoreDescriptors&) = delete;
  MoreDescriptors& operator=(const MoreDescriptors&) = delete;
  ~MoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  [[nodiscard]] rlim_t limit() const noexcept { return before_.rlim_max; }

 private:
  rlimit before_{};
};

// The same file under the lowest free descriptor that is at least `lowest`.
UniqueFd copy_from(int fd, int lowest) {
  return UniqueFd{check("fcntl", ::fcntl(fd, F_DUPFD_CLOEXEC, lowest))};
}

UniqueFd event_fd() { return UniqueFd{check("eventfd", ::eventfd(0, EFD_CLOEXEC))}; }

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

void write_one(int fd) {
  const char byte = '!';
  check("write", ::write(fd, &byte, 1));
}

void read_one(int fd) {
  char byte = 0;
  check("read", ::read(fd, &byte, 1));
}

// Waits until one byte has arrived.
void await_byte(int fd) {
  char byte = 0;
  check("recv", ::recv(fd, &byte, 1, MSG_PEEK));
}

int bytes_waiting(int fd) {
  int count = 0;
  check("ioctl", ::ioctl(fd, FIONREAD, &count));
  return count;
}

// What select says of the sets now, without waiting; the sets are left as select leaves them.
int select_now(int highest, fd_set* readable, fd_set* writable) {
  timeval at_once{};
  return check("select", ::select(highest + 1, readable, writable, nullptr, &at_once));
}

struct Named {
  const char* name;
  int fd;
};

// "{A, B}"
std::string members(const fd_set& set, const std::vector<Named>& of) {
  std::vector<std::string> names;
  for (const Named& one : of) {
    if (FD_ISSET(one.fd, &set)) names.emplace_back(one.name);
  }
  return fmt::format("{{{}}}", fmt::join(names, ", "));
}

long times_asleep() {
  rusage usage{};
  check("getrusage", ::getrusage(RUSAGE_THREAD, &usage));
  return usage.ru_nvcsw;
}

Finding not_shown(std::string why) {
  return {.verdict = Verdict::not_shown, .conclusion = std::move(why), .facts = {}};
}

}  // namespace

// [overwritten]
Finding overwritten_sets(Narrator& out) {
  const ConnectedPair a = connected_pair();
  const ConnectedPair b = connected_pair();
  const std::vector<Named> both{{"A", a.server.get()}, {"B", b.server.get()}};
  const int highest = std::max(a.server.get(), b.server.get());
  fd_set readable;
  fd_set writable;
  const auto fill = [&] {
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    for (const Named& one : both) {
      FD_SET(one.fd, &readable);
      FD_SET(one.fd, &writable);
    }
  };
  const auto select_and_tell = [&] {
    const int ready = select_now(highest, &readable, &writable);
    out.note("select returns {} and leaves readable {}, writable {}", ready,
             members(readable, both), members(writable, both));
  };

  out.step("Both sets hold the connections A and B. The client of A sends a byte.");
  fill();
  write_one(a.client.get());
  await_byte(a.server.get());
  select_and_tell();
  const std::string after_first = members(readable, both);

  out.step("We read it. Then the client of B sends a byte; the sets are left as they are.");
  read_one(a.server.get());
  write_one(b.client.get());
  await_byte(b.server.get());
  select_and_tell();
  const bool missed = !FD_ISSET(b.server.get(), &readable);
  out.note("{} byte waits at B, and who fills the sets only once will never know",
           bytes_waiting(b.server.get()));

  out.step("Both sets are filled anew.");
  fill();
  select_and_tell();
  const bool seen = FD_ISSET(b.server.get(), &readable);

  out.step("Once more, although we have not read: readiness is a state, and no event.");
  fill();
  select_and_tell();
  const bool again = FD_ISSET(b.server.get(), &readable);

  const bool shown = after_first == "{A}" && missed && seen && again;
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown
                            ? "select answers in the sets that asked, so that they must be filled "
                              "anew before each call."
                            : "the sets were not what the manual says.",
          .facts = {{"left_by_first_call", after_first},
                    {"missed_with_stale_sets", missed},
                    {"seen_with_fresh_sets", seen},
                    {"seen_again_until_read", again}}};
}
// [/overwritten]

// [timeout]
Finding timeout_counts_down(Narrator& out) {
  const ConnectedPair pair = connected_pair();
  const int fd = pair.server.get();
  fd_set readable;
  const auto watch = [&] {
    FD_ZERO(&readable);
    FD_SET(fd, &readable);
  };
  const auto micros = [](const timeval& time) {
    return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec;
  };

  out.step("A timeout of 10 s; a byte is there, so that select returns at once.");
  write_one(pair.client.get());
  await_byte(fd);
  timeval timeout{.tv_sec = 10, .tv_usec = 0};
  watch();
  const int ready = check("select", ::select(fd + 1, &readable, nullptr, nullptr, &timeout));
  const std::int64_t left = micros(timeout);
  out.note("select returns {}, and of 10000000 µs {} are left", ready, left);

  out.step("The byte is read; a timeout of 1 ms passes.");
  read_one(fd);
  timeout = {.tv_sec = 0, .tv_usec = 1000};
  watch();
  const int nothing = check("select", ::select(fd + 1, &readable, nullptr, nullptr, &timeout));
  out.note("select returns {} and leaves {} µs", nothing, micros(timeout));

  out.step("100 more calls with that same timeval, as in a loop that sets it once.");
  const long before = times_asleep();
  int returned_zero = 0;
  for (int i = 0; i < 100; ++i) {
    watch();
    if (::select(fd + 1, &readable, nullptr, nullptr, &timeout) == 0) ++returned_zero;
  }
  const long slept = times_asleep() - before;
  out.note("{} of them return 0, and the thread slept {} times: the loop spins", returned_zero,
           slept);

  out.step("pselect, which takes a timespec that it must not change.");
  const timespec constant{.tv_sec = 0, .tv_nsec = 1'000'000};
  const long before_pselect = times_asleep();
  for (int i = 0; i < 3; ++i) {
    watch();
    check("pselect", ::pselect(fd + 1, &readable, nullptr, nullptr, &constant, nullptr));
  }
  const long pselect_slept = times_asleep() - before_pselect;
  out.note("3 calls, and the thread slept {} times", pselect_slept);

  const bool shown = ready == 1 && left < 10'000'000 && micros(timeout) == 0 &&
                     returned_zero == 100 && slept < 10 && pselect_slept > 0;
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown ? "on Linux select counts the timeout down in place; other systems "
                                "leave it alone, so that nobody may rely on either."
                              : "the timeout was left as it was given.",
          .facts = {{"left_us", left},
                    {"left_after_timeout_us", micros(timeout)},
                    {"slept_with_stale_timeout", std::int64_t{slept}},
                    {"slept_in_pselect", std::int64_t{pselect_slept}}}};
}
// [/timeout]

// [hint]
Finding ready_is_a_hint(Narrator& out) {
  const ConnectedPair pair = connected_pair();
  const int fd = pair.server.get();
  write_one(pair.client.get());
  await_byte(fd);

  out.step("Two readers share a connection; a byte comes; each of them calls select.");
  int ready = 0;
  for (int reader = 0; reader < 2; ++reader) {
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(fd, &readable);
    ready += select_now(fd, &readable, nullptr);
  }
  out.note("select returns 1 to {} readers", ready);
  out.step("The first reads the byte.");
  read_one(fd);
  out.step("The second reads what select has promised.");
  set_nonblocking(fd);
  char byte = 0;
  const bool would_block = ::read(fd, &byte, 1) < 0 && errno == EAGAIN;
  out.note("read returns {}: on a blocking socket it would sleep, and with it the whole server",
           would_block ? "-1 EAGAIN" : "something else");

  const bool shown = ready == 2 && would_block;
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown ? "ready means that a call would not have slept at that moment; what "
                                "select watches is non-blocking all the same."
                              : "the second read found something.",
          .facts = {{"told_ready", std::int64_t{ready}}, {"second_read_would_block", would_block}}};
}
// [/hint]

namespace {

// How a child process ends that runs FD_SET, built with _FORTIFY_SOURCE, on `fd`: the number of the
// signal, or 0; and what it left on its standard error.
std::pair<int, std::string> fd_set_in_child(int fd) {
  std::array<int, 2> ends{};
  check("pipe2", ::pipe2(ends.data(), O_CLOEXEC));
  const UniqueFd read_end{ends[0]};
  UniqueFd write_end{ends[1]};
  const pid_t child = check("fork", ::fork());
  if (child == 0) {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::dup2(write_end.get(), STDERR_FILENO);
    fortified_fd_set(fd);
    ::_exit(0);
  }
  write_end.reset();
  std::string said;
  std::array<char, 256> buffer;
  for (ssize_t got = 0; (got = ::read(read_end.get(), buffer.data(), buffer.size())) > 0;) {
    said.append(buffer.data(), static_cast<std::size_t>(got));
  }
  int status = 0;
  check("waitpid", ::waitpid(child, &status, 0));
  return {WIFSIGNALED(status) ? WTERMSIG(status) : 0, said.substr(0, said.find('\n'))};
}

}  // namespace

// [behind]
Finding behind_the_set(Narrator& out) {
  const MoreDescriptors more;
  constexpr int large = FD_SETSIZE + 5;
  if (more.limit() <= large) {
    return not_shown(fmt::format(
        "this process may not have descriptor {}: raise the hard limit (ulimit -Hn)", large));
  }
  out.step("An fd_set has {} bytes, that is {} bits: one for each descriptor below FD_SETSIZE.",
           sizeof(fd_set), sizeof(fd_set) * 8);
  const UniqueFd event = event_fd();
  const UniqueFd high = copy_from(event.get(), large);
  out.step("Nothing keeps a process from having descriptor {}: here it is.", high.get());

  // FD_SET's own arithmetic, in memory of ours that is large enough for it.
  std::array<fd_mask, 2 * FD_SETSIZE / NFDBITS> memory{};
  memory[static_cast<std::size_t>(large) / NFDBITS] |= fd_mask{1} << (large % NFDBITS);
  fd_set first;
  fd_set second;
  std::memcpy(&first, memory.data(), sizeof first);
  std::memcpy(&second, reinterpret_cast<const std::byte*>(memory.data()) + sizeof first,
              sizeof second);
  const bool first_empty = std::all_of(memory.begin(), memory.begin() + FD_SETSIZE / NFDBITS,
                                       [](fd_mask word) { return word == 0; });
  const bool in_second = FD_ISSET(large - FD_SETSIZE, &second) != 0;
  out.step("FD_SET({}) acted out in memory where a second set lies behind the first:", large);
  out.note("it sets bit {} of byte {}: behind the end of the first, which stays {}", large % 8,
           large / 8, first_empty ? "empty" : "not empty");
  out.note("the second set {} descriptor {}, which nobody put there",
           in_second ? "now holds" : "does not hold", large - FD_SETSIZE);

  int signal = 0;
  std::string message;
  if (fd_set_is_checked()) {
    std::tie(signal, message) = fd_set_in_child(large);
    out.step("FD_SET({}) in a child process, built with -D_FORTIFY_SOURCE=2:", large);
    out.note("the C library looks, and ends it by signal {} ({})", signal,
             signal == SIGABRT ? "SIGABRT" : "not SIGABRT");
  } else {
    out.step("This C library has no check of FD_SET to show.");
  }

  const std::uint64_t one = 1;
  check("write", ::write(event.get(), &one, sizeof one));
  timeval at_once{};
  const int ready =
      ::select(large + 1, reinterpret_cast<fd_set*>(memory.data()), nullptr, nullptr, &at_once);
  out.step("The kernel has no such limit: select with that memory, and something to read.");
  out.note("select returns {}; the limit is the size of fd_set, fixed when the C library was built",
           ready);

  const bool shown = first_empty && in_second && (!fd_set_is_checked() || signal == SIGABRT);
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown
                            ? "a descriptor from FD_SETSIZE on corrupts what lies behind the set; "
                              "it is the program that must look before it calls FD_SET."
                            : "the bit did not fall behind the set.",
          .facts = {{"fd_setsize", std::int64_t{FD_SETSIZE}},
                    {"first_set_stays_empty", first_empty},
                    {"neighbour_changed", in_second},
                    {"checked", fd_set_is_checked()},
                    {"ended_by_signal", std::int64_t{signal}},
                    {"message", message},
                    {"kernel_select_returned", std::int64_t{ready}}}};
}
// [/behind]

namespace {

// A socket that is not connected yet, under a descriptor too large for select.
UniqueFd high_socket() {
  const UniqueFd low{check("socket", ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  const timeval patience{.tv_sec = 20, .tv_usec = 0};
  check("setsockopt", ::setsockopt(low.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience));
  return copy_from(low.get(), FD_SETSIZE + 100);
}

// Stops a server on the way out, however that comes about, so that its thread can be joined.
struct Stop {
  SelectServer& server;
  ~Stop() { server.stop(); }
};

// Connects and sends a byte.
void begin(int client, std::uint16_t port) {
  const SocketAddress address = resolve("127.0.0.1", port).front();
  check("connect", ::connect(client, address.get(), address.length));
  write_one(client);
}

}  // namespace

// [full_set]
Finding full_set(Narrator& out) {
  const MoreDescriptors more;
  if (more.limit() < FD_SETSIZE + 200) {
    return not_shown(
        fmt::format("this process may have {} descriptors only: raise the hard limit (ulimit -Hn)",
                    more.limit()));
  }
  std::array<UniqueFd, 3> clients;
  for (UniqueFd& client : clients) client = high_socket();
  SelectServer server{{}};
  // Every number below FD_SETSIZE is taken, and then two are given back.
  const UniqueFd event = event_fd();
  std::vector<UniqueFd> others;
  do {
    others.push_back(copy_from(event.get(), 0));
  } while (others.back().get() < FD_SETSIZE);
  others.resize(others.size() - 3);

  std::atomic<pid_t> server_thread{0};
  std::jthread running{[&] {
    server_thread = this_thread_id();
    server.run();
  }};
  const Stop stop{server};

  out.step("A process with {} descriptors left below {}; its server is SelectServer.", 2,
           FD_SETSIZE);
  for (std::size_t i = 0; i < 2; ++i) {
    begin(clients[i].get(), server.port());
    read_one(clients[i].get());
  }
  out.step("Two clients connect, and have their bytes back.");

  begin(clients[2].get(), server.port());
  const bool accepted = await([] { return is_open(FD_SETSIZE); });
  const bool asleep = await_asleep(server_thread);
  char byte = 0;
  const bool waits = ::recv(clients[2].get(), &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
  out.step("A third connects and sends a byte: the kernel gives the server descriptor {}.",
           FD_SETSIZE);
  out.note("the server puts the connection aside and {}; the third {}",
           asleep ? "sleeps" : "does not sleep", waits ? "waits" : "has been answered");

  clients[0].reset();
  const bool served = ::recv(clients[2].get(), &byte, 1, 0) == 1;
  const bool moved = await([] { return !is_open(FD_SETSIZE); });
  out.step("The first client leaves, and its descriptor is free.");
  out.note("the server moves the connection to it{}; the third {}",
           moved ? "" : " (but did not give the old one back)",
           served ? "has its byte back" : "still waits");

  const bool shown = accepted && asleep && waits && served && moved;
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown
                            ? "the server never watches a descriptor that does not fit, and turns "
                              "nobody away: it counts as a full house."
                            : "the client beyond the set was not treated as promised.",
          .facts = {{"accepted_beyond_the_set", accepted},
                    {"server_sleeps", asleep},
                    {"client_waits", waits},
                    {"served_when_one_left", served},
                    {"descriptor_given_back", moved}}};
}
// [/full_set]

// [cost]
Finding cost_of_select(Narrator& out) {
  constexpr int rounds = 9;
  constexpr std::size_t most = 1000;
  std::vector<UniqueFd> events;
  while (events.size() < most) events.push_back(event_fd());
  if (events.back().get() >= FD_SETSIZE) {
    return not_shown(fmt::format("this process has more than {} descriptors below {} in use",
                                 FD_SETSIZE - most, FD_SETSIZE));
  }
  const auto all = std::span<const UniqueFd>{events};
  struct Case {
    std::span<const UniqueFd> watched;
    std::vector<double> ns;
  };
  std::vector<Case> cases{{all.first(10), {}}, {all.first(100), {}}, {all, {}}, {all.last(1), {}}};

  // One turn of a server: fill the set, ask, look at each. The last one is ready, the others not.
  const auto turn_ns = [](std::span<const UniqueFd> watched) {
    const int last = watched.back().get();
    const std::uint64_t one = 1;
    check("write", ::write(last, &one, sizeof one));
    const std::size_t turns = 10'000 / watched.size();
    std::size_t found = 0;
    const std::chrono::nanoseconds before = thread_cpu_time();
    for (std::size_t i = 0; i < turns; ++i) {
      fd_set readable;
      FD_ZERO(&readable);
      for (const UniqueFd& event : watched) FD_SET(event.get(), &readable);
      select_now(last, &readable, nullptr);
      for (const UniqueFd& event : watched) found += FD_ISSET(event.get(), &readable) ? 1 : 0;
    }
    const duration<double, std::nano> took = thread_cpu_time() - before;
    std::uint64_t count = 0;
    check("read", ::read(last, &count, sizeof count));
    if (found != turns) throw UserError{"select did not report just the descriptor that is ready"};
    return took.count() / static_cast<double>(turns);
  };

  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    for (Case& one : cases) one.ns.push_back(turn_ns(one.watched));
    ratios.push_back(cases[2].ns.back() / cases[0].ns.back());
  }

  out.step("One descriptor is ready, on the others that are watched nothing happens.");
  std::vector<std::vector<std::string>> rows{{"watched", "highest", "a turn", "for each"}};
  for (const Case& one : cases) {
    const double ns = median(one.ns);
    rows.push_back({fmt::format("{}", one.watched.size()),
                    fmt::format("{}", one.watched.back().get()), fmt::format("{:.0f} ns", ns),
                    fmt::format("{:.0f} ns", ns / static_cast<double>(one.watched.size()))});
  }
  out.table(rows);
  out.note("CPU time of a turn: fill the set, select, look at each (median of {})", rounds);
  out.note("the last row: a single one with a high number");

  const double ratio = median(ratios);
  const bool linear = ratio > 3;
  return {.verdict = linear ? Verdict::holds : Verdict::fails,
          .conclusion =
              linear
                  ? fmt::format("100 times as many descriptors cost {:.0f} times as much.", ratio)
                  : "a turn costs about the same, however many are watched.",
          .facts = {{"ratio_10_to_1000", ratio},
                    {"ns_at_10", median(cases[0].ns)},
                    {"ns_at_1000", median(cases[2].ns)},
                    {"ns_at_one_high", median(cases[3].ns)}}};
}
// [/cost]

}  // namespace unblock
