#include "experiments.hpp"

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <fmt/ranges.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

using std::chrono::duration;

// Sets the number of descriptors that this process may have, and restores it.
class DescriptorLimit {
 public:
  DescriptorLimit() { check("getrlimit", ::getrlimit(RLIMIT_NOFILE, &before_)); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  void set(rlim_t limit) const {
    const rlimit changed{limit, before_.rlim_max};
    check("setrlimit", ::setrlimit(RLIMIT_NOFILE, &changed));
  }
  [[nodiscard]] rlim_t highest() const noexcept { return before_.rlim_max; }

 private:
  rlimit before_{};
};

UniqueFd event_fd() { return UniqueFd{check("eventfd", ::eventfd(0, EFD_CLOEXEC))}; }

void add_one(int event_fd) {
  const std::uint64_t one = 1;
  check("write", ::write(event_fd, &one, sizeof one));
}

void take_all(int event_fd) {
  std::uint64_t count = 0;
  check("read", ::read(event_fd, &count, sizeof count));
}

void write_one(int fd) {
  const char byte = '!';
  check("write", ::write(fd, &byte, 1));
}

int poll_now(std::span<pollfd> list) { return check("poll", ::poll(list.data(), list.size(), 0)); }

// "POLLIN|POLLHUP"
std::string names_of(short events) {
  constexpr std::array names{std::pair{POLLIN, "POLLIN"},    std::pair{POLLPRI, "POLLPRI"},
                             std::pair{POLLOUT, "POLLOUT"},  std::pair{POLLRDHUP, "POLLRDHUP"},
                             std::pair{POLLERR, "POLLERR"},  std::pair{POLLHUP, "POLLHUP"},
                             std::pair{POLLNVAL, "POLLNVAL"}};
  std::vector<const char*> set;
  for (const auto& [bit, name] : names) {
    if ((events & bit) != 0) set.push_back(name);
  }
  return set.empty() ? "nothing" : fmt::format("{}", fmt::join(set, "|"));
}

// "IN|HUP"
std::string short_names_of(short events) {
  std::string names = names_of(events);
  for (auto at = names.find("POLL"); at != std::string::npos; at = names.find("POLL")) {
    names.erase(at, 4);
  }
  return names;
}

std::string result_of(ssize_t result) {
  return result < 0 ? fmt::format("-1 {}", ::strerrorname_np(errno)) : fmt::format("{}", result);
}

std::string read_result(int fd) {
  std::array<std::byte, 64> buffer;
  return result_of(::read(fd, buffer.data(), buffer.size()));
}

// What poll reports when asked for `events`, waiting for it.
short await_events(int fd, short events) {
  pollfd watched{fd, events, 0};
  if (check("poll", ::poll(&watched, 1, 10'000)) == 0) {
    throw UserError{"nothing arrived over loopback in ten seconds: is this machine very busy?"};
  }
  return watched.revents;
}

// Waits until a connection is broken with all that belongs to it.
void await_hang_up(int fd) {
  const auto hung_up = [fd] {
    pollfd watched{fd, 0, 0};
    poll_now({&watched, 1});
    return (watched.revents & POLLHUP) != 0;
  };
  if (!await(hung_up)) throw UserError{"a reset did not arrive over loopback in ten seconds"};
}

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  check("pipe2", ::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK));
  return {UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

}  // namespace

// [kept]
Finding kept_list(Narrator& out) {
  const ConnectedPair a = connected_pair();
  const ConnectedPair b = connected_pair();
  std::array<pollfd, 2> list{{{a.server.get(), POLLIN, 0}, {b.server.get(), POLLIN, 0}}};
  bool kept = true;  // the question, that is
  const auto poll_and_tell = [&] {
    const int ready = poll_now(list);
    out.note("poll returns {}; it answers {} for A and {} for B", ready, names_of(list[0].revents),
             names_of(list[1].revents));
    kept = kept && list[0].events == POLLIN && list[1].events == POLLIN;
  };

  out.step("The list asks for POLLIN of the connections A and B. A byte comes for A.");
  write_one(a.client.get());
  await_events(a.server.get(), POLLIN);
  poll_and_tell();
  const bool first = list[0].revents == POLLIN && list[1].revents == 0;

  out.step("We read it. Then a byte comes for B; nobody has touched the list.");
  read_result(a.server.get());
  write_one(b.client.get());
  await_events(b.server.get(), POLLIN);
  poll_and_tell();
  const bool second = list[0].revents == 0 && list[1].revents == POLLIN;

  out.step("The descriptor of B is made negative (~fd): it shall rest.");
  list[1].fd = ~list[1].fd;
  poll_and_tell();
  const bool rested = list[1].revents == 0;

  out.step("And back again.");
  list[1].fd = ~list[1].fd;
  poll_and_tell();
  const bool back = list[1].revents == POLLIN;
  out.note("what was asked is {}", kept ? "POLLIN for both, as at first" : "changed");

  const bool shown = kept && first && second && rested && back;
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown
                            ? "the question (events) and the answer (revents) have places of "
                              "their own, so that the list is changed only where interest changes."
                            : "poll changed what it was asked.",
          .facts = {{"question_kept", kept},
                    {"first_call_right", first},
                    {"second_call_with_same_list_right", second},
                    {"negative_passed_over", rested},
                    {"back", back}}};
}
// [/kept]

namespace {

// A row of the table of events: what was done, what poll was asked and answers, what a call says.
struct Seen {
  std::string what;
  short asked;
  short answered;
  std::string call;
};

void see_sockets(std::vector<Seen>& seen) {
  constexpr short asked = POLLIN | POLLRDHUP;
  const auto add = [&seen](std::string what, short events, const ConnectedPair& pair) {
    const short answered = await_events(pair.server.get(), events);
    seen.push_back({std::move(what), events, answered, "read " + read_result(pair.server.get())});
  };
  {
    const ConnectedPair pair = connected_pair();
    check("send", ::send(pair.client.get(), "!", 1, MSG_OOB));
    const short answered = await_events(pair.server.get(), POLLIN | POLLPRI);
    char urgent = 0;
    seen.push_back({"an urgent byte came", POLLIN | POLLPRI, answered,
                    "recv MSG_OOB " + result_of(::recv(pair.server.get(), &urgent, 1, MSG_OOB))});
  }
  ConnectedPair pair = connected_pair();
  set_nonblocking(pair.server.get());
  write_one(pair.client.get());
  add("a byte came", asked, pair);
  check("shutdown", ::shutdown(pair.client.get(), SHUT_WR));
  add("the client finished sending", asked, pair);
  add("same, asked for POLLIN only", POLLIN, pair);
  check("shutdown", ::shutdown(pair.server.get(), SHUT_WR));
  add("we finished sending, too", asked, pair);

  for (const short events : {asked, short{0}}) {
    ConnectedPair broken = connected_pair();
    const linger reset{.l_onoff = 1, .l_linger = 0};  // close sends a reset (socket(7))
    check("setsockopt",
          ::setsockopt(broken.client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset));
    broken.client.reset();
    await_hang_up(broken.server.get());
    add(events == 0 ? "same, asked for nothing" : "the client reset it", events, broken);
  }
}

void see_pipes(std::vector<Seen>& seen) {
  Pipe pipe = make_pipe();
  check("write", ::write(pipe.write_end.get(), "hello", 5));
  pipe.write_end.reset();
  for (const char* const what : {"pipe: writer gone, 5 bytes left", "same, once they are read"}) {
    const short answered = await_events(pipe.read_end.get(), POLLIN);
    seen.push_back({what, POLLIN, answered, "read " + read_result(pipe.read_end.get())});
  }
  Pipe unread = make_pipe();
  unread.read_end.reset();
  const short answered = await_events(unread.write_end.get(), POLLOUT);
  const sighandler_t before = ::signal(SIGPIPE, SIG_IGN);
  seen.push_back({"pipe: reader gone", POLLOUT, answered,
                  "write " + result_of(::write(unread.write_end.get(), "x", 1))});
  ::signal(SIGPIPE, before);

  const int closed = unread.write_end.get();
  unread.write_end.reset();
  seen.push_back(
      {"a closed descriptor", POLLIN, await_events(closed, POLLIN), "read " + read_result(closed)});
}

}  // namespace

// [events]
Finding every_event(Narrator& out) {
  std::vector<Seen> seen;
  see_sockets(seen);
  see_pipes(seen);

  out.step("What happened, what poll was asked (POLL...), what it answers, what the call says:");
  std::vector<std::vector<std::string>> rows{{"what happened", "asked", "answered", "then"}};
  Finding finding;
  short unasked = 0;
  for (const Seen& one : seen) {
    rows.push_back({one.what, short_names_of(one.asked), short_names_of(one.answered), one.call});
    finding.facts.emplace_back(one.what, names_of(one.answered));
    unasked = static_cast<short>(unasked | (one.answered & ~one.asked));
  }
  out.table(rows);
  out.note("came although nobody asked: {}", names_of(unasked));

  const bool all_three = unasked == (POLLERR | POLLHUP | POLLNVAL);
  const auto data_and_hup = std::count_if(seen.begin(), seen.end(), [](const Seen& one) {
    return one.answered == (POLLIN | POLLHUP) && one.call == "read 5";
  });
  const bool shown = all_three && data_and_hup == 1;
  finding.verdict = shown ? Verdict::holds : Verdict::fails;
  finding.conclusion = shown ? "POLLERR, POLLHUP and POLLNVAL come unasked; POLLHUP may come with "
                               "data still to be read; the read or write itself says what to do."
                             : "what came was not what the manual says.";
  finding.facts.emplace_back("unasked", names_of(unasked));
  return finding;
}
// [/events]

namespace {

long times_asleep() {
  rusage usage{};
  check("getrusage", ::getrusage(RUSAGE_THREAD, &usage));
  return usage.ru_nvcsw;
}

// A thread that polls one connection until a byte can be read, and counts how often poll returned
// without that.
class Watcher {
 public:
  Watcher(int fd, short events)
      : thread_{[this, fd, events] {
          tid_ = this_thread_id();
          pollfd watched{fd, events, 0};
          const long before = times_asleep();
          for (;;) {
            check("poll", ::poll(&watched, 1, -1));
            if ((watched.revents & POLLIN) != 0) break;
            ++in_vain_;
          }
          asleep_ = times_asleep() - before;
        }} {}

  bool await_asleep() const {
    return await([this] { return tid_ != 0; }) && unblock::await_asleep(tid_);
  }
  bool await_in_vain(std::int64_t count) const {
    return await([this, count] { return in_vain_ >= count; });
  }
  // Waits until the byte has come; the numbers below hold from then on.
  void join() { thread_.join(); }
  [[nodiscard]] std::int64_t in_vain() const noexcept { return in_vain_; }
  [[nodiscard]] std::int64_t times_slept() const noexcept { return asleep_; }

 private:
  std::atomic<pid_t> tid_{0};
  std::atomic<std::int64_t> in_vain_{0};
  std::int64_t asleep_ = 0;
  std::jthread thread_;
};

// Sends until neither end can hold a byte more: the socket takes nothing, and nothing is on its
// way.
bool fill(int fd) {
  const std::vector<std::byte> bytes(64 * 1024, std::byte{'x'});
  return await([&] {
    while (::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
    int unacknowledged = 0;
    int unsent = 0;
    check("ioctl", ::ioctl(fd, SIOCOUTQ, &unacknowledged));  // tcp(7)
    check("ioctl", ::ioctl(fd, SIOCOUTQNSD, &unsent));
    pollfd watched{fd, POLLOUT, 0};
    return unsent == unacknowledged && poll_now({&watched, 1}) == 0;
  });
}

}  // namespace

// [write_interest]
Finding leftover_write_interest(Narrator& out) {
  const ConnectedPair pair = connected_pair();
  const int fd = pair.server.get();

  out.step("A thread polls an idle connection for POLLIN.");
  Watcher calm{fd, POLLIN};
  const bool asleep = calm.await_asleep();
  write_one(pair.client.get());
  calm.join();
  out.note("the kernel shows it {}", asleep ? "asleep" : "awake");
  out.note("in vain before a byte came: {} (times asleep: {})", calm.in_vain(), calm.times_slept());
  read_result(fd);

  out.step("The same for POLLIN|POLLOUT, with nothing to write: there is always room.");
  Watcher restless{fd, POLLIN | POLLOUT};
  const bool spun = restless.await_in_vain(1000);
  write_one(pair.client.get());
  restless.join();
  out.note("in vain before a byte came: {} (times asleep: {})", restless.in_vain(),
           restless.times_slept());
  read_result(fd);

  out.step("The same, while the client's window is full: now there is something to wait for.");
  const bool full = fill(fd);
  Watcher waiting{fd, POLLIN | POLLOUT};
  const bool waits = waiting.await_asleep();
  write_one(pair.client.get());
  waiting.join();
  out.note("the kernel shows it {}", waits ? "asleep" : "awake");
  out.note("in vain before a byte came: {} (times asleep: {})", waiting.in_vain(),
           waiting.times_slept());

  const bool shown = asleep && calm.in_vain() == 0 && spun && full && waits;
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown ? "a socket with nothing to send is always writable: interest in "
                                "POLLOUT that is left on turns poll into a polling loop."
                              : "an idle connection did not wake the thread.",
          .facts = {{"asleep_with_pollin", asleep},
                    {"vain_wakeups_with_pollin", calm.in_vain()},
                    {"vain_wakeups_with_pollout", restless.in_vain()},
                    {"asleep_with_pollout_when_full", waits}}};
}
// [/write_interest]

namespace {

Finding too_few_descriptors(rlim_t limit) {
  return {
      .verdict = Verdict::not_shown,
      .conclusion = fmt::format(
          "this process may have {} descriptors only: raise the hard limit (ulimit -Hn)", limit),
      .facts = {}};
}

}  // namespace

// [no_limit]
Finding no_limit(Narrator& out) {
  constexpr int high = 3000;
  const DescriptorLimit limit;
  if (limit.highest() <= high) {
    return too_few_descriptors(limit.highest());
  }
  limit.set(limit.highest());
  const UniqueFd event = event_fd();
  add_one(event.get());
  const UniqueFd copy{check("fcntl", ::fcntl(event.get(), F_DUPFD_CLOEXEC, high))};
  out.step("A list of one entry, with descriptor {}; FD_SETSIZE is {}.", copy.get(), FD_SETSIZE);
  pollfd single{copy.get(), POLLIN, 0};
  const int ready = poll_now({&single, 1});
  out.note("poll returns {}, {}: a number is a number, and not a place in a set", ready,
           names_of(single.revents));

  constexpr std::size_t allowed = 256;
  limit.set(allowed);
  std::vector<pollfd> list(allowed + 1, pollfd{-1, POLLIN, 0});
  const std::string at_limit = result_of(::poll(list.data(), allowed, 0));
  const std::string above = result_of(::poll(list.data(), allowed + 1, 0));
  out.step("The process' own limit of descriptors (RLIMIT_NOFILE) is set to {}.", allowed);
  out.note("poll with {} entries returns {}, with {} entries {}", allowed, at_limit, allowed + 1,
           above);

  const bool shown = ready == 1 && at_limit == "0" && above == "-1 EINVAL";
  return {.verdict = shown ? Verdict::holds_with_condition : Verdict::fails,
          .conclusion = shown
                            ? "any descriptor that a process can have can be polled; the list may "
                              "not be longer than the process may have descriptors."
                            : "poll did not take that descriptor or that list.",
          .facts = {{"descriptor", std::int64_t{copy.get()}},
                    {"reported", ready == 1},
                    {"at_limit", at_limit},
                    {"above_limit", above}}};
}
// [/no_limit]

namespace {

// What one turn costs in CPU time that watches `events`, of which the last `ready` are ready, in
// nanoseconds.
template <typename Turn>
double turn_ns(std::span<const UniqueFd> events, std::size_t ready, Turn turn) {
  for (const UniqueFd& event : events.last(ready)) add_one(event.get());
  const std::size_t turns = std::max<std::size_t>(2, 10'000 / events.size());
  std::size_t found = 0;
  const std::chrono::nanoseconds before = thread_cpu_time();
  for (std::size_t i = 0; i < turns; ++i) found += turn();
  const duration<double, std::nano> took = thread_cpu_time() - before;
  for (const UniqueFd& event : events.last(ready)) take_all(event.get());
  if (found != turns * ready) throw UserError{"just the ready descriptors should be reported"};
  return took.count() / static_cast<double>(turns);
}

double poll_ns(std::span<const UniqueFd> events, std::size_t ready) {
  std::vector<pollfd> list;
  for (const UniqueFd& event : events) list.push_back({event.get(), POLLIN, 0});
  return turn_ns(events, ready, [&list] {
    poll_now(list);
    return static_cast<std::size_t>(std::count_if(
        list.begin(), list.end(), [](const pollfd& entry) { return entry.revents != 0; }));
  });
}

double select_ns(std::span<const UniqueFd> events, std::size_t ready) {
  return turn_ns(events, ready, [events] {
    fd_set readable;
    FD_ZERO(&readable);
    for (const UniqueFd& event : events) FD_SET(event.get(), &readable);
    timeval at_once{};
    check("select", ::select(events.back().get() + 1, &readable, nullptr, nullptr, &at_once));
    return static_cast<std::size_t>(std::count_if(
        events.begin(), events.end(),
        [&readable](const UniqueFd& event) { return FD_ISSET(event.get(), &readable) != 0; }));
  });
}

struct Case {
  std::span<const UniqueFd> watched;
  std::size_t ready;
  std::vector<double> poll;
  std::vector<double> select;  // none where a descriptor does not fit into a set
};

}  // namespace

// [cost]
Finding cost_of_poll(Narrator& out) {
  constexpr int rounds = 7;
  const DescriptorLimit limit;
  limit.set(limit.highest());
  if (limit.highest() < 1200) {
    return too_few_descriptors(limit.highest());
  }
  const std::size_t most = std::min<std::size_t>(10'000, limit.highest() - 100);
  std::vector<UniqueFd> events;
  while (events.size() < most) events.push_back(event_fd());
  const auto all = std::span<const UniqueFd>{events};
  std::vector<Case> cases{{all.first(10), 1, {}, {}},       {all.first(100), 1, {}, {}},
                          {all.first(1000), 1, {}, {}},     {all, 1, {}, {}},
                          {all.subspan(999, 1), 1, {}, {}}, {all.first(1000), 1000, {}, {}}};
  for (int round = 0; round < rounds; ++round) {
    for (Case& one : cases) {
      one.poll.push_back(poll_ns(one.watched, one.ready));
      if (one.watched.back().get() < FD_SETSIZE) {
        one.select.push_back(select_ns(one.watched, one.ready));
      }
    }
  }

  out.step("A turn asks which are ready, and looks at each that is watched.");
  std::vector<std::vector<std::string>> rows{
      {"watched", "highest", "ready", "poll", "for each ready", "select"}};
  for (const Case& one : cases) {
    const double ns = median(one.poll);
    rows.push_back(
        {fmt::format("{}", one.watched.size()), fmt::format("{}", one.watched.back().get()),
         fmt::format("{}", one.ready), fmt::format("{:.0f} ns", ns),
         fmt::format("{:.0f} ns", ns / static_cast<double>(one.ready)),
         one.select.empty() ? "- (FD_SETSIZE)" : fmt::format("{:.0f} ns", median(one.select))});
  }
  out.table(rows);
  out.note("CPU time of a turn, median of {}; select fills its set anew each time", rounds);

  std::vector<double> ratios;
  for (std::size_t i = 0; i < rounds; ++i) ratios.push_back(cases[3].poll[i] / cases[0].poll[i]);
  const double ratio = median(ratios);
  const bool linear = ratio > 3;
  const double per_ready_of_all = median(cases[5].poll) / 1000;
  return {.verdict = linear ? Verdict::holds : Verdict::fails,
          .conclusion =
              linear ? fmt::format("one ready among {} costs {:.0f} times as much as one among 10.",
                                   most, ratio)
                     : "a turn costs about the same, however many are watched.",
          .facts = {{"most_watched", static_cast<std::int64_t>(most)},
                    {"ratio_10_to_most", ratio},
                    {"ns_at_1000_one_ready", median(cases[2].poll)},
                    {"ns_per_ready_at_1000_all_ready", per_ready_of_all}}};
}
// [/cost]

}  // namespace unblock
