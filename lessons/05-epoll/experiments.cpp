#include "experiments.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "core/tcp.hpp"
#include "et_echo_server.hpp"
#include "lt_echo_server.hpp"
#include "scene.hpp"

namespace unblock {
namespace {

// What a second thread gets that waits on the same epoll instance now.
std::size_t ready_for_another_thread(int epoll_fd) {
  std::size_t count = 0;
  std::jthread{[&] { count = ready_now(epoll_fd).size(); }}.join();
  return count;
}

}  // namespace

// [skeleton]
Finding skeleton(Narrator& tell) {
  const UniqueFd listen_fd = listen_tcp("127.0.0.1", 0, SOCK_NONBLOCK);
  const UniqueFd epoll_fd{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))};
  tell.step("create: epoll_create1 gives descriptor {}, an empty interest set.", epoll_fd.get());
  epoll_event interest{.events = EPOLLIN, .data = {.fd = listen_fd.get()}};
  check("epoll_ctl", ::epoll_ctl(epoll_fd.get(), EPOLL_CTL_ADD, listen_fd.get(), &interest));
  tell.step("register: epoll_ctl(ADD) puts the listener {} into it, for EPOLLIN.", listen_fd.get());

  std::vector<UniqueFd> clients;  // the clients' ends, and the server's, in the same order
  std::vector<UniqueFd> accepted;
  for (int i = 0; i < 2; ++i)
    clients.push_back(connect_tcp("127.0.0.1", local_port(listen_fd.get())));
  auto events = await_ready(epoll_fd.get());
  int ready_fd = events[0].data.fd;
  const bool listener_first = events.size() == 1 && ready_fd == listen_fd.get();
  tell.step("wait: two clients connect; epoll_wait returns {}, on {}.", describe(events), ready_fd);
  for (int i = 0; i < 2; ++i) {
    accepted.emplace_back(
        check("accept4", ::accept4(listen_fd.get(), nullptr, nullptr, SOCK_NONBLOCK)));
    interest = {.events = EPOLLIN, .data = {.fd = accepted.back().get()}};
    check("epoll_ctl",
          ::epoll_ctl(epoll_fd.get(), EPOLL_CTL_ADD, accepted.back().get(), &interest));
  }
  tell.step("dispatch: the listener's handler accepts {} and {}, and registers both.",
            accepted[0].get(), accepted[1].get());

  send_text(clients[1], "hello");
  events = await_ready(epoll_fd.get());
  ready_fd = events[0].data.fd;
  const bool only_the_second = events.size() == 1 && ready_fd == accepted[1].get();
  tell.step("wait: the second client sends 5 bytes; epoll_wait returns {}, on {}.",
            describe(events), ready_fd);
  std::array<char, 64> buffer;
  const ssize_t got = ::read(ready_fd, buffer.data(), buffer.size());
  const ssize_t sent = ::send(ready_fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
  const std::string back = receive(clients[1], 5);
  tell.step("dispatch: its handler reads {} and sends {}; the client has \"{}\" back.", got, sent,
            back);

  const ssize_t nothing = ::read(accepted[0].get(), buffer.data(), buffer.size());
  const int error = errno;
  tell.step(
      "The first has said nothing. Asked all the same, its socket keeps nobody: read returns {}.",
      describe_read(nothing, error));
  clients[1].reset();
  events = await_ready(epoll_fd.get());
  const ssize_t end = ::read(ready_fd, buffer.data(), buffer.size());
  tell.step(
      "wait: the second client leaves; epoll_wait returns {}. dispatch: read returns {}: close.",
      describe(events), describe_read(end, errno));
  accepted[1].reset();
  const bool holds = listener_first && only_the_second && back == "hello" && nothing < 0 &&
                     error == EAGAIN && end == 0;
  return {
      holds ? Verdict::holds : Verdict::fails,
      "create, register, wait, dispatch: that is all of it, and the silent client delayed nobody.",
      {{"listener_first", listener_first},
       {"only_the_second", only_the_second},
       {"echoed", back},
       {"silent_socket_error", std::string{::strerrorname_np(error)}}}};
}
// [/skeleton]

Finding batch(Narrator& tell) {
  constexpr std::size_t client_count = 200;
  const std::size_t threads_before = thread_ids().size();
  const Running<LevelTriggeredServer> server;
  std::vector<UniqueFd> clients;
  for (std::size_t i = 0; i < client_count; ++i)
    clients.push_back(connect_tcp("127.0.0.1", server.port()));
  tell.step("{} clients connect, and all of them stay.", clients.size());

  // The first says nothing; what the others say is answered all the same, the last one first.
  for (std::size_t i = 1; i < clients.size(); ++i) send_text(clients[i], fmt::format("{:04}", i));
  std::size_t answered = 0;
  for (std::size_t i = clients.size() - 1; i > 0; --i) {
    answered += receive(clients[i], 4) == fmt::format("{:04}", i) ? 1 : 0;
  }
  tell.step("The first says nothing. The others send 4 bytes each: {} of {} have theirs back.",
            answered, clients.size() - 1);
  const std::size_t threads = thread_ids().size() - threads_before;
  tell.step("Threads of the server: {}. With the blocking API it takes {} (01-blocking).", threads,
            clients.size());
  const bool holds = answered == client_count - 1 && threads == 1;
  return {holds ? Verdict::holds : Verdict::fails,
          "one thread serves the batch, and a silent client costs it nothing.",
          {{"clients", static_cast<std::int64_t>(client_count)},
           {"answered", static_cast<std::int64_t>(answered)},
           {"threads", static_cast<std::int64_t>(threads)}}};
}

Finding level(Narrator& tell) {
  const ConnectedPair pair = local_client_and_server();
  const UniqueFd epoll_fd = create_epoll();
  control(epoll_fd.get(), EPOLL_CTL_ADD, pair.server.get(), EPOLLIN);
  tell.step("Registered for EPOLLIN. Nothing is there: epoll_wait returns {}.",
            describe(ready_now(epoll_fd.get())));

  send_text(pair.client, "abcdef");
  std::int64_t reports = 0;
  auto events = ready_now(epoll_fd.get());
  reports += static_cast<std::int64_t>(events.size());
  tell.step("The client sends 6 bytes: epoll_wait returns {}.", describe(events));
  events = ready_now(epoll_fd.get());
  reports += static_cast<std::int64_t>(events.size());
  tell.step("Nothing is read, nothing new comes: epoll_wait returns, again, {}.", describe(events));
  const auto part = read_text(pair.server, 4).size();
  events = ready_now(epoll_fd.get());
  reports += static_cast<std::int64_t>(events.size());
  tell.step("{} bytes are read, {} are left: epoll_wait returns {}.", part, unread(pair.server),
            describe(events));
  read_text(pair.server, 64);
  events = ready_now(epoll_fd.get());
  const bool silent_when_drained = events.empty();
  tell.step("The rest is read: epoll_wait returns {}.", describe(events));

  control(epoll_fd.get(), EPOLL_CTL_MOD, pair.server.get(), EPOLLIN | EPOLLOUT);
  std::int64_t writable = 0;
  for (int i = 0; i < 3; ++i)
    writable += static_cast<std::int64_t>(ready_now(epoll_fd.get()).size());
  tell.step("Registered for EPOLLOUT too: {} of 3 waits return at once, as there is room to send.",
            writable);
  tell.note("Hence: ask for EPOLLOUT only while there is something to send, or the loop spins.");
  const bool holds = reports == 3 && silent_when_drained && writable == 3;
  return {holds ? Verdict::holds : Verdict::fails,
          "a descriptor is reported at every wait, for as long as it is ready.",
          {{"reports_while_unread", reports},
           {"silent_when_drained", silent_when_drained},
           {"reports_while_writable", writable}}};
}

Finding edge(Narrator& tell) {
  const ConnectedPair pair = local_client_and_server();
  const UniqueFd epoll_fd = create_epoll();
  control(epoll_fd.get(), EPOLL_CTL_ADD, pair.server.get(), EPOLLIN | EPOLLET);

  send_text(pair.client, "abcdef");
  const auto first = ready_now(epoll_fd.get());
  tell.step("Registered for EPOLLIN | EPOLLET. 6 bytes come: epoll_wait returns {}.",
            describe(first));
  const auto unread_silent = ready_now(epoll_fd.get());
  tell.step("Nothing is read: epoll_wait returns {}, though {} bytes are there.",
            describe(unread_silent), unread(pair.server));
  read_text(pair.server, 2);
  const auto part_silent = ready_now(epoll_fd.get());
  const int left = unread(pair.server);
  tell.step("2 bytes are read: epoll_wait returns {}; {} bytes stay unnoticed.",
            describe(part_silent), left);

  send_text(pair.client, "g");
  const auto new_data = ready_now(epoll_fd.get());
  const auto together = read_text(pair.server, 64).size();
  tell.step("1 more byte comes: epoll_wait returns {}; read takes all {}.", describe(new_data),
            together);
  send_text(pair.client, "h");
  send_text(pair.client, "i");
  const auto merged = ready_now(epoll_fd.get());
  tell.step("Drained. 2 bytes come, one by one, before the next wait: epoll_wait returns {}.",
            describe(merged));
  tell.note("An event says that something has happened; not how often, nor how much there is.");
  const bool holds = first.size() == 1 && unread_silent.empty() && part_silent.empty() &&
                     left == 4 && new_data.size() == 1 && together == 5 && merged.size() == 1;
  return {
      holds ? Verdict::holds : Verdict::fails,
      "one event for what has come since the last wait; what is left unread stays unnoticed until "
      "new data come.",
      {{"reports_first", static_cast<std::int64_t>(first.size())},
       {"silent_while_unread", unread_silent.empty() && part_silent.empty()},
       {"unnoticed_bytes", std::int64_t{left}},
       {"reports_new_data", new_data.size() == 1},
       {"events_for_two_sends", static_cast<std::int64_t>(merged.size())}}};
}

Finding edge_blocking(Narrator& tell) {
  ConnectedPair a = connected_pair();  // blocking, both ends
  const ConnectedPair b = client_and_server();
  const UniqueFd epoll_fd = create_epoll();
  control(epoll_fd.get(), EPOLL_CTL_ADD, a.server.get(), EPOLLIN | EPOLLET);
  control(epoll_fd.get(), EPOLL_CTL_ADD, b.server.get(), EPOLLIN | EPOLLET);
  tell.step("Socket a is blocking, b is not; epoll_ctl takes both with EPOLLET, without an error.");
  send_text(a.client, "abcdef");
  send_text(b.client, "abcdef");
  await_delivered(a.client);
  await_delivered(b.client);
  const auto events = ready_now(epoll_fd.get());
  tell.step("Both clients send 6 bytes: epoll_wait returns {}.", describe(events));

  std::atomic<pid_t> tid{0};
  std::atomic<int> reads_begun{0};
  std::atomic<int> reads_done{0};
  std::atomic<bool> b_served{false};
  std::jthread loop{[&] {
    tid = this_thread_id();
    std::array<char, 64> buffer;
    ssize_t got = 1;
    while (got > 0) {  // "until EAGAIN", which a blocking socket never says
      ++reads_begun;
      got = ::read(a.server.get(), buffer.data(), buffer.size());
      ++reads_done;
    }
    b_served = ::read(b.server.get(), buffer.data(), buffer.size()) > 0;
  }};
  const auto blocked_in_read = [&](int number) {
    return await([&] { return reads_begun == number; }) && await_asleep(tid) &&
           reads_done == number - 1;
  };
  const bool blocked = blocked_in_read(2);
  const int waiting = unread(b.server);
  tell.step("The loop drains a: the first read takes 6 bytes; in the second its thread sleeps: {}.",
            blocked ? "yes" : "no");
  tell.note("Meanwhile b waits, with {} bytes unread; and so would a thousand others.", waiting);
  send_text(a.client, "g");
  const bool blocked_again = blocked_in_read(3);
  tell.step("Client a sends 1 byte: that read returns, and the thread sleeps in the next: {}.",
            blocked_again ? "yes" : "no");
  ::shutdown(a.client.get(), SHUT_WR);
  loop.join();
  tell.step("Client a finishes: read returns 0, and only now b is served: {}.",
            b_served ? "yes" : "no");
  const bool shown = events.size() == 2 && blocked && blocked_again && waiting == 6 && b_served;
  return {
      shown ? Verdict::holds_with_condition : Verdict::fails,
      "allowed with a blocking socket, too; but draining it blocks the loop, and not draining it "
      "leaves bytes unnoticed.",
      {{"allowed", events.size() == 2},
       {"draining_blocks", blocked && blocked_again},
       {"others_wait", waiting == 6}}};
}

namespace {

// Waits once, reads once, and waits again: what a server sees that takes a short read for the end.
struct ShortRead {
  std::string events;
  ssize_t got = 0;
  bool silent = false;  // the second wait returns nothing
  ssize_t next = 0;     // what one more read would have returned
  int next_error = 0;
};

ShortRead stop_after_short_read(const ConnectedPair& pair, int epoll_fd) {
  std::array<char, 64> buffer;
  ShortRead seen;
  seen.events = describe(ready_now(epoll_fd));
  seen.got = ::read(pair.server.get(), buffer.data(), buffer.size());
  seen.silent = ready_now(epoll_fd).empty();
  seen.next = ::read(pair.server.get(), buffer.data(), buffer.size());
  seen.next_error = errno;
  return seen;
}

}  // namespace

Finding short_read(Narrator& tell) {
  constexpr std::uint32_t interest = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;
  const auto show = [&tell](const ShortRead& seen) {
    tell.note("epoll_wait returns {}; read(64) returns {}; epoll_wait returns {}.", seen.events,
              seen.got, seen.silent ? "nothing" : "more");
    tell.note("One more read would return {}.", describe_read(seen.next, seen.next_error));
  };
  const auto scene = [&](const std::function<void(const UniqueFd&)>& client_does) {
    const ConnectedPair pair = client_and_server();
    const UniqueFd epoll_fd = create_epoll();
    client_does(pair.client);
    await_delivered(pair.client);
    control(epoll_fd.get(), EPOLL_CTL_ADD, pair.server.get(), interest);
    return stop_after_short_read(pair, epoll_fd.get());
  };
  tell.step("The client sends 5 bytes.");
  const ShortRead plain = scene([](const UniqueFd& client) { send_text(client, "abcde"); });
  show(plain);
  tell.step("The client sends 5 bytes and finishes sending, before the server looks.");
  const ShortRead ended = scene([](const UniqueFd& client) {
    send_text(client, "abcde");
    ::shutdown(client.get(), SHUT_WR);
  });
  show(ended);
  tell.step("The client sends 5 bytes, 1 urgent byte (MSG_OOB) and 5 more.");
  const ShortRead urgent = scene([](const UniqueFd& client) {
    send_text(client, "abcde");
    send_text(client, "!", MSG_OOB);
    send_text(client, "fghij");
  });
  show(urgent);
  tell.note("A read stops at the urgent mark, so it may be short although more is there.");

  const bool drained = plain.got == 5 && plain.next < 0 && plain.next_error == EAGAIN;
  const bool end_missed = ended.got == 5 && ended.silent && ended.next == 0;
  const bool bytes_missed = urgent.got == 5 && urgent.silent && urgent.next > 0;
  return {drained && end_missed && bytes_missed ? Verdict::holds_with_condition : Verdict::fails,
          "a short read is as good as EAGAIN and saves a call, unless the event has EPOLLRDHUP, "
          "EPOLLHUP, EPOLLERR or EPOLLPRI: then read on.",
          {{"drained", drained}, {"end_missed", end_missed}, {"bytes_missed", bytes_missed}}};
}

Finding one_shot(Narrator& tell) {
  const ConnectedPair pair = local_client_and_server();
  const UniqueFd epoll_fd = create_epoll();
  const auto another = [&] { return ready_for_another_thread(epoll_fd.get()); };
  const auto arm = [&](std::uint32_t mode) {
    control(epoll_fd.get(), EPOLL_CTL_MOD, pair.server.get(), EPOLLIN | mode);
  };
  control(epoll_fd.get(), EPOLL_CTL_ADD, pair.server.get(), EPOLLIN);
  send_text(pair.client, "a");
  ready_now(epoll_fd.get());
  const std::size_t level_second = another();
  tell.step(
      "Level-triggered: 1 byte comes, this thread has the event. Another one waits: {} event.",
      level_second);

  arm(EPOLLET);
  ready_now(epoll_fd.get());
  const std::size_t edge_second = another();
  send_text(pair.client, "b");
  const std::size_t edge_second_new = another();
  tell.step("Edge-triggered: another thread waits: {} events; and after 1 more byte: {} event.",
            edge_second, edge_second_new);
  tell.note("Two threads then work on one connection, and its bytes get mixed up.");

  arm(EPOLLONESHOT);
  const std::size_t first = ready_now(epoll_fd.get()).size();
  const std::size_t shot_second = another();
  send_text(pair.client, "c");
  const std::size_t shot_second_new = another();
  tell.step("One-shot: this thread has {} event. Another one waits: {}; and after 1 more byte: {}.",
            first, shot_second, shot_second_new);
  epoll_event again{.events = EPOLLIN, .data = {.fd = pair.server.get()}};
  const bool still_registered =
      ::epoll_ctl(epoll_fd.get(), EPOLL_CTL_ADD, pair.server.get(), &again) < 0 && errno == EEXIST;
  tell.step("It is silent, and not gone: to register it once more fails with EEXIST: {}.",
            still_registered ? "yes" : "no");
  read_text(pair.server, 1);
  arm(EPOLLONESHOT);
  const std::size_t rearmed = ready_now(epoll_fd.get()).size();
  tell.step(
      "1 byte is read, {} are left. Armed again (EPOLL_CTL_MOD): epoll_wait returns {} event.",
      unread(pair.server), rearmed);
  tell.note("Arming looks at what is there, as level-triggered does: nothing need be drained.");
  const bool holds = level_second == 1 && edge_second == 0 && edge_second_new == 1 && first == 1 &&
                     shot_second == 0 && shot_second_new == 0 && still_registered && rearmed == 1;
  return {holds ? Verdict::holds : Verdict::fails,
          "after its event it is silent, even for new data, until it is armed again: so one thread "
          "at most has it.",
          {{"second_thread_level", static_cast<std::int64_t>(level_second)},
           {"second_thread_edge", static_cast<std::int64_t>(edge_second_new)},
           {"second_thread_one_shot", static_cast<std::int64_t>(shot_second + shot_second_new)},
           {"still_registered", still_registered},
           {"reports_when_armed", static_cast<std::int64_t>(rearmed)}}};
}

namespace {

// One client that sends without a pause, and ten with one request each. The flood is played by the
// same thread, between the reads, so that what is seen depends on no scheduler.
class FloodScene {
 public:
  static constexpr int flood_reads = 1000;  // after so many reads the flood is over

  explicit FloodScene(std::uint32_t mode) : epoll_fd_{create_epoll()} {
    for (int i = 0; i < 11; ++i) {
      pairs_.push_back(local_client_and_server());
      control(epoll_fd_.get(), EPOLL_CTL_ADD, pairs_.back().server.get(), EPOLLIN | mode);
      send_text(pairs_.back().client, "request");  // the flooding one first
    }
  }

  [[nodiscard]] int epoll_fd() const { return epoll_fd_.get(); }

  // One read of a connection. False when it is drained.
  bool read_once(int fd) {
    std::array<char, 64> buffer;
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0) return false;
    if (fd != pairs_.front().server.get()) {
      ++others_served_;
      if (others_served_ == pairs_.size() - 1) reads_before_all_served_ = reads_of_flood_;
    } else if (++reads_of_flood_ < flood_reads) {
      send_text(pairs_.front().client, "request");
    }
    return true;
  }

  [[nodiscard]] bool over() const { return others_served_ == pairs_.size() - 1; }
  // How often the flooding client was read before the last of the others was.
  [[nodiscard]] int reads_before_all_served() const { return reads_before_all_served_; }

 private:
  std::vector<ConnectedPair> pairs_;
  UniqueFd epoll_fd_;
  int reads_of_flood_ = 0;
  std::size_t others_served_ = 0;
  int reads_before_all_served_ = 0;
};

int serve_draining() {
  FloodScene scene{EPOLLET};
  while (!scene.over()) {
    for (const epoll_event& event : ready_now(scene.epoll_fd())) {
      while (scene.read_once(event.data.fd)) {
      }
    }
  }
  return scene.reads_before_all_served();
}

int serve_in_turns(int reads_per_turn) {
  FloodScene scene{EPOLLET};
  std::deque<int> turns;  // those that are not drained yet
  while (!scene.over()) {
    for (const epoll_event& event : ready_now(scene.epoll_fd())) turns.push_back(event.data.fd);
    for (std::size_t left = turns.size(); left > 0; --left) {
      const int fd = turns.front();
      turns.pop_front();
      bool more = true;
      for (int i = 0; i < reads_per_turn && more; ++i) more = scene.read_once(fd);
      if (more) turns.push_back(fd);
    }
  }
  return scene.reads_before_all_served();
}

int serve_level() {
  FloodScene scene{0};
  while (!scene.over()) {
    for (const epoll_event& event : ready_now(scene.epoll_fd())) scene.read_once(event.data.fd);
  }
  return scene.reads_before_all_served();
}

// The lesson's own server: answers that one client gets while another sends without a pause.
std::size_t answers_beside_a_flood(std::size_t requests) {
  const Running<EdgeTriggeredServer> server;
  const UniqueFd flooding = connect_tcp("127.0.0.1", server.port());
  const UniqueFd polite = connect_tcp("127.0.0.1", server.port());
  set_nonblocking(flooding.get());
  std::jthread flood{[&flooding](const std::stop_token& stop) {
    std::array<char, 64 * 1024> bytes{};
    pollfd watched{flooding.get(), POLLIN | POLLOUT, 0};
    while (!stop.stop_requested() && ::poll(&watched, 1, 100) >= 0) {
      [[maybe_unused]] const auto sent =
          ::send(flooding.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      [[maybe_unused]] const auto got = ::read(flooding.get(), bytes.data(), bytes.size());
    }
  }};
  std::size_t answered = 0;
  for (std::size_t i = 0; i < requests; ++i) {
    send_text(polite, "request");
    answered += receive(polite, 7) == "request" ? 1 : 0;
  }
  return answered;
}

}  // namespace

Finding fairness(Narrator& tell) {
  tell.step(
      "One client sends anew as soon as it is read ({} times); ten others sent one request each.",
      FloodScene::flood_reads);
  const int draining = serve_draining();
  const int in_turns = serve_in_turns(4);
  const int level_triggered = serve_level();
  tell.step("How often the first is read before all of the others have been served:");
  tell.table(
      {{"loop", "reads"},
       {"edge-triggered, each connection drained to EAGAIN", fmt::format("{}", draining)},
       {"edge-triggered, in turns of 4 reads (epoll-et)", fmt::format("{}", in_turns)},
       {"level-triggered, one read an event (epoll-lt)", fmt::format("{}", level_triggered)}});
  constexpr std::size_t requests = 100;
  const std::size_t answered = answers_beside_a_flood(requests);
  tell.step(
      "Server epoll-et with a real flood beside it: {} of {} requests of another client answered.",
      answered, requests);
  const bool starved = draining >= FloodScene::flood_reads;
  const bool fair = in_turns <= 4 && level_triggered <= 1 && answered == requests;
  return {starved && fair ? Verdict::holds_with_condition : Verdict::fails,
          "a ready one is handled without blocking the others if its turn ends: whoever drains to "
          "EAGAIN serves a flooding client for as long as it likes.",
          {{"reads_draining", std::int64_t{draining}},
           {"reads_in_turns", std::int64_t{in_turns}},
           {"reads_level", std::int64_t{level_triggered}},
           {"answered_beside_a_flood", static_cast<std::int64_t>(answered)}}};
}

}  // namespace unblock
