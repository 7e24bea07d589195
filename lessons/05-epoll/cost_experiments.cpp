#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "experiments.hpp"
#include "scene.hpp"

namespace unblock {
namespace {

// CPU time of this thread, in microseconds: what other threads and processes do meanwhile does not
// count.
double cpu_us() { return std::chrono::duration<double, std::micro>{thread_cpu_time()}.count(); }

// Descriptors that are ready when they are told to be, watched in all three ways at once.
class WatchedSet {
 public:
  explicit WatchedSet(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      fds_.emplace_back(check("eventfd", ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)));
      poll_list_.push_back({fds_.back().get(), POLLIN, 0});
    }
    const double start = cpu_us();
    for (const UniqueFd& fd : fds_) control(epoll_fd_.get(), EPOLL_CTL_ADD, fd.get(), EPOLLIN);
    registering_us_ = cpu_us() - start;
    events_.resize(count);
  }

  // The last `count` of them are ready from now on; poll walks past all the others first.
  void make_ready(std::size_t count) {
    for (; ready_ < count; ++ready_) {
      const std::uint64_t one = 1;
      check("write", ::write(fds_[fds_.size() - 1 - ready_].get(), &one, sizeof one));
    }
  }

  // Whether an fd_set has room for the highest of them.
  [[nodiscard]] bool fits_select() const { return fds_.back().get() < FD_SETSIZE; }
  [[nodiscard]] double registering_us() const { return registering_us_; }

  void wait_with_select() {
    fd_set readable;
    FD_ZERO(&readable);
    for (const UniqueFd& fd : fds_) FD_SET(fd.get(), &readable);
    require(::select(fds_.back().get() + 1, &readable, nullptr, nullptr, nullptr), "select");
  }
  void wait_with_poll() { require(::poll(poll_list_.data(), poll_list_.size(), -1), "poll"); }
  void wait_with_epoll() {
    require(::epoll_wait(epoll_fd_.get(), events_.data(), static_cast<int>(events_.size()), -1),
            "epoll_wait");
  }

 private:
  void require(int result, const char* call) const {
    if (static_cast<std::size_t>(check(call, result)) != ready_) {
      throw std::runtime_error{fmt::format("{} reports {} of {}", call, result, ready_)};
    }
  }

  std::vector<UniqueFd> fds_;
  UniqueFd epoll_fd_ = create_epoll();
  std::vector<pollfd> poll_list_;
  std::vector<epoll_event> events_;
  double registering_us_ = 0;
  std::size_t ready_ = 0;
};

struct Cost {  // microseconds of CPU time a wait
  std::optional<double> with_select;
  double with_poll = 0;
  double with_epoll = 0;
};

// CPU time of one call, from as many as take a millisecond.
double time_of(const std::function<void()>& call) {
  for (int calls = 1;; calls *= 4) {
    const double start = cpu_us();
    for (int i = 0; i < calls; ++i) call();
    const double taken = cpu_us() - start;
    if (taken >= 1'000) return taken / calls;
  }
}

// The least of several rounds, in which the ways take turns: what disturbs a round only adds to it.
Cost measure(WatchedSet& set) {
  constexpr int rounds = 7;
  const double never = std::numeric_limits<double>::max();
  Cost least{.with_select = never, .with_poll = never, .with_epoll = never};
  for (int i = 0; i < rounds; ++i) {
    if (set.fits_select()) {
      least.with_select = std::min(*least.with_select, time_of([&] { set.wait_with_select(); }));
    }
    least.with_poll = std::min(least.with_poll, time_of([&] { set.wait_with_poll(); }));
    least.with_epoll = std::min(least.with_epoll, time_of([&] { set.wait_with_epoll(); }));
  }
  if (!set.fits_select()) least.with_select.reset();
  return least;
}

std::string us(double value) { return fmt::format("{:.2f}", value); }
std::string us(const std::optional<double>& value) { return value ? us(*value) : "-"; }

// 10, 100, 1,000, 10,000: those for which there are descriptors.
std::vector<std::size_t> sizes(const ManyDescriptors& descriptors) {
  std::vector<std::size_t> possible;
  for (const std::size_t size : {10U, 100U, 1'000U, 10'000U}) {
    if (size + 16 <= descriptors.left()) possible.push_back(size);
  }
  return possible;
}

}  // namespace

Finding watched(Narrator& tell) {
  const ManyDescriptors descriptors;
  const std::vector<std::size_t> counts = sizes(descriptors);
  if (counts.size() < 3) {
    return {Verdict::not_shown, "it takes 1,000 descriptors: raise the limit with ulimit -n.", {}};
  }
  std::vector<std::vector<std::string>> rows{
      {"watched", "select, us", "poll, us", "epoll, us", "registering all with epoll, us"}};
  Cost first;
  Cost last;
  double registering_us = 0;
  bool select_stops = false;
  for (const std::size_t count : counts) {
    WatchedSet set{count};
    set.make_ready(1);
    last = measure(set);
    if (count == counts.front()) first = last;
    registering_us = set.registering_us();
    select_stops = select_stops || !set.fits_select();
    rows.push_back({fmt::format("{}", count), us(last.with_select), us(last.with_poll),
                    us(last.with_epoll), us(registering_us)});
  }
  tell.step(
      "One descriptor is ready, the last one; what a wait takes of CPU time (the best of 7 "
      "rounds):");
  tell.table(rows);
  const double poll_growth = last.with_poll / first.with_poll;
  const double epoll_growth = last.with_epoll / first.with_epoll;
  tell.step("From {} to {} watched ones: poll costs {:.0f} times as much, epoll {:.1f} times.",
            counts.front(), counts.back(), poll_growth, epoll_growth);
  tell.step("select ends at descriptor {} (FD_SETSIZE): beyond, there is no place in its set.",
            FD_SETSIZE);
  const double waits = std::ceil(registering_us / (last.with_poll - last.with_epoll));
  tell.step("epoll_ctl was called {} times, once for each; after {:.0f} waits that has paid.",
            counts.back(), waits);
  const double times_more =
      static_cast<double>(counts.back()) / static_cast<double>(counts.front());
  const bool holds = poll_growth > times_more / 20 && epoll_growth < 10;
  return {
      holds ? Verdict::holds : Verdict::fails,
      "select and poll walk all that is watched, at every wait; epoll does not: its cost stays.",
      {{"most_watched", static_cast<std::int64_t>(counts.back())},
       {"poll_growth", poll_growth},
       {"epoll_growth", epoll_growth},
       {"select_stops", select_stops},
       {"waits_to_pay_registering", waits}}};
}

Finding ready(Narrator& tell) {
  const ManyDescriptors descriptors;
  constexpr std::size_t count = 1'000;
  if (descriptors.left() < count + 16) {
    return {Verdict::not_shown, "it takes 1,000 descriptors: raise the limit with ulimit -n.", {}};
  }
  WatchedSet set{count};
  std::vector<std::vector<std::string>> rows{
      {"ready", "poll, us", "epoll, us", "epoll for each, us"}};
  Cost first;
  Cost last;
  for (const std::size_t ready_count : {1U, 10U, 100U, 1'000U}) {
    set.make_ready(ready_count);
    last = measure(set);
    if (ready_count == 1) first = last;
    rows.push_back({fmt::format("{}", ready_count), us(last.with_poll), us(last.with_epoll),
                    us(last.with_epoll / static_cast<double>(ready_count))});
  }
  tell.step(
      "{} descriptors are watched; what a wait takes of CPU time when more and more are ready:",
      count);
  tell.table(rows);
  const double epoll_growth = last.with_epoll / first.with_epoll;
  const double gain_with_one = first.with_poll / first.with_epoll;
  const double gain_with_all = last.with_poll / last.with_epoll;
  tell.step("epoll costs {:.0f} times as much when all are ready as when one is.", epoll_growth);
  tell.step("poll takes {:.1f} times as long as epoll with one ready, {:.2f} times with all.",
            gain_with_one, gain_with_all);
  const bool shown = epoll_growth > 10 && gain_with_all < gain_with_one / 4;
  return {shown ? Verdict::holds_with_condition : Verdict::fails,
          "epoll's cost follows the number of ready descriptors; when all are ready, little or "
          "nothing is gained.",
          {{"epoll_growth", epoll_growth},
           {"gain_with_one", gain_with_one},
           {"gain_with_all", gain_with_all}}};
}

namespace {

// What serving one busy client beside idle ones takes.
struct Service {
  double calls = 0;     // system calls of the server, a request
  double examined = 0;  // descriptors handed to the kernel to look at, a request
  double us = 0;        // CPU time a request in microseconds, with the client's part
};

// A server of `count` connections in one loop, of which the last is busy; the client's part is
// played in between.
class IdleCrowd {
 public:
  explicit IdleCrowd(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      pairs_.push_back(local_client_and_server());
      poll_list_.push_back({pairs_.back().server.get(), POLLIN, 0});
      control(level_fd_.get(), EPOLL_CTL_ADD, pairs_.back().server.get(), EPOLLIN);
      control(edge_fd_.get(), EPOLL_CTL_ADD, pairs_.back().server.get(), EPOLLIN | EPOLLET);
      highest_ = std::max(highest_, pairs_.back().server.get());
    }
  }

  [[nodiscard]] bool fits_select() const { return highest_ < FD_SETSIZE; }

  Service serve(int requests, const std::function<int(Service&)>& wait) {
    Service service;
    const double start = cpu_us();
    for (int i = 0; i < requests; ++i) {
      send_text(pairs_.back().client, "request");
      const int fd = wait(service);
      std::array<char, 64> buffer;
      const ssize_t got = check("read", ::read(fd, buffer.data(), buffer.size()));
      ++service.calls;
      check("write", ::write(fd, buffer.data(), static_cast<std::size_t>(got)));
      ++service.calls;
      check("read", ::read(pairs_.back().client.get(), buffer.data(), buffer.size()));  // its part
    }
    service.calls /= requests;
    service.examined /= requests;
    service.us = (cpu_us() - start) / requests;
    return service;
  }

  int wait_with_select(Service& service) {
    fd_set readable;
    FD_ZERO(&readable);
    for (const ConnectedPair& pair : pairs_) FD_SET(pair.server.get(), &readable);
    check("select", ::select(highest_ + 1, &readable, nullptr, nullptr, nullptr));
    ++service.calls;
    service.examined += static_cast<double>(pairs_.size());
    int found = 0;
    while (!FD_ISSET(found, &readable)) ++found;
    return found;
  }
  int wait_with_poll(Service& service) {
    check("poll", ::poll(poll_list_.data(), poll_list_.size(), -1));
    ++service.calls;
    service.examined += static_cast<double>(poll_list_.size());
    return std::find_if(poll_list_.begin(), poll_list_.end(),
                        [](const pollfd& entry) { return entry.revents != 0; })
        ->fd;
  }
  int wait_level(Service& service) { return wait_with_epoll(level_fd_.get(), service); }
  int wait_edge(Service& service) { return wait_with_epoll(edge_fd_.get(), service); }

 private:
  static int wait_with_epoll(int epoll_fd, Service& service) {
    std::array<epoll_event, 16> events;
    const int found = check("epoll_wait", ::epoll_wait(epoll_fd, events.data(), 16, -1));
    ++service.calls;
    service.examined += found;
    return events[0].data.fd;
  }

  std::vector<ConnectedPair> pairs_;
  std::vector<pollfd> poll_list_;
  UniqueFd level_fd_ = create_epoll();
  UniqueFd edge_fd_ = create_epoll();
  int highest_ = 0;
};

struct Services {
  std::optional<Service> with_select;
  Service with_poll, level, edge;
};

// The four ways in turns, over and over; the least of the rounds.
Services serve_all(std::size_t count, int requests) {
  constexpr int rounds = 5;
  IdleCrowd crowd{count};
  Services best;
  const auto keep = [](Service& kept, const Service& now, bool first) {
    if (first || now.us < kept.us) kept = now;
  };
  for (int round = 0; round < rounds; ++round) {
    const bool first = round == 0;
    if (crowd.fits_select()) {
      if (first) best.with_select.emplace();
      keep(*best.with_select,
           crowd.serve(requests, [&](Service& s) { return crowd.wait_with_select(s); }), first);
    }
    keep(best.with_poll, crowd.serve(requests, [&](Service& s) { return crowd.wait_with_poll(s); }),
         first);
    keep(best.level, crowd.serve(requests, [&](Service& s) { return crowd.wait_level(s); }), first);
    keep(best.edge, crowd.serve(requests, [&](Service& s) { return crowd.wait_edge(s); }), first);
  }
  return best;
}

}  // namespace

Finding few_and_many(Narrator& tell) {
  const ManyDescriptors descriptors;
  constexpr std::size_t few = 4;
  const std::size_t many = descriptors.left() > 8'100 ? 4'000 : 400;
  std::vector<std::vector<std::string>> rows{
      {"connections", "way", "calls a request", "descriptors looked at", "us a request"}};
  const auto add = [&rows](std::size_t count, const char* way,
                           const std::optional<Service>& service) {
    rows.push_back({fmt::format("{}", count), way,
                    service ? fmt::format("{:.0f}", service->calls) : "-",
                    service ? fmt::format("{:.0f}", service->examined) : "-",
                    service ? us(service->us) : "-"});
  };
  std::vector<Services> all;
  for (const std::size_t count : {few, many}) {
    all.push_back(serve_all(count, count == few ? 200 : 20));
    add(count, "select", all.back().with_select);
    add(count, "poll", all.back().with_poll);
    add(count, "epoll, level", all.back().level);
    add(count, "epoll, edge", all.back().edge);
  }
  tell.step("One client is busy, all the others are idle (the best of 5 rounds):");
  tell.table(rows);
  const double ratio_few = all[0].with_poll.us / all[0].level.us;
  const double ratio_many = all[1].with_poll.us / all[1].level.us;
  tell.step("poll takes {:.2f} times as long as epoll with {} connections, {:.1f} times with {}.",
            ratio_few, few, ratio_many, many);
  tell.note("The calls are as many: what differs is what the kernel has to look at.");

  const ConnectedPair pair = local_client_and_server();
  const UniqueFd epoll_fd = create_epoll();
  control(epoll_fd.get(), EPOLL_CTL_ADD, pair.server.get(), EPOLLIN | EPOLLET);
  send_text(pair.client, "request");
  const std::size_t events = ready_now(epoll_fd.get()).size();
  const int left = unread(pair.server);
  tell.step(
      "Edge-triggered, {} event for 7 bytes, like a completion; but all {} are still to be read.",
      events, left);
  tell.note("It tells that a call would not wait, not that the work is done (09-proactor).");
  const bool same_calls =
      all[1].with_poll.calls == all[1].level.calls && all[1].level.calls == all[1].edge.calls;
  const bool shown = same_calls && ratio_few < 4 && ratio_many > 4 * ratio_few && left == 7;
  return {
      shown ? Verdict::holds_with_condition : Verdict::fails,
      "with few connections epoll gains nothing, with many idle ones it gains a lot; and its edge "
      "mode tells of events as completions do, but the reading remains to be done.",
      {{"calls_a_request", all[1].level.calls},
       {"poll_looks_at", all[1].with_poll.examined},
       {"epoll_looks_at", all[1].level.examined},
       {"poll_to_epoll_few", ratio_few},
       {"poll_to_epoll_many", ratio_many},
       {"left_to_read", std::int64_t{left}}}};
}

}  // namespace unblock
