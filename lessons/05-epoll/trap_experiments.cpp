#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "core/tcp.hpp"
#include "core/wake_event.hpp"
#include "experiments.hpp"
#include "lt_echo_server.hpp"
#include "scene.hpp"

namespace unblock {
namespace {

// The loop that tutorials print. Do not copy it: what is wrong with it is what is shown.
class UsualSample {
 public:
  explicit UsualSample(int socket_flags) : socket_flags_{socket_flags} {}
  UsualSample(const UsualSample&) = delete;
  UsualSample& operator=(const UsualSample&) = delete;
  ~UsualSample() { stop_.signal(); }

  [[nodiscard]] std::uint16_t port() const { return local_port(listen_fd_.get()); }
  [[nodiscard]] bool asleep_in_write() { return in_write_ && await_asleep(tid_) && in_write_; }

 private:
  void run() {
    tid_ = this_thread_id();
    std::vector<UniqueFd> connections;
    std::array<char, 4096> buffer;
    for (;;) {
      std::array<epoll_event, 16> events;
      const int ready = ::epoll_wait(epoll_fd_.get(), events.data(), 16, -1);
      for (int i = 0; i < ready; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (event.data.fd == stop_.fd()) return;
        if (event.data.fd == listen_fd_.get()) {
          connections.emplace_back(::accept4(listen_fd_.get(), nullptr, nullptr, socket_flags_));
          control(epoll_fd_.get(), EPOLL_CTL_ADD, connections.back().get(), EPOLLIN);
          continue;
        }
        // [sample_loop]
        const ssize_t got = ::read(event.data.fd, buffer.data(), buffer.size());
        if (got > 0) {
          in_write_ = true;
          [[maybe_unused]] const auto ignored =
              ::send(event.data.fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
          in_write_ = false;
        } else {
          ::shutdown(event.data.fd, SHUT_RDWR);
          control(epoll_fd_.get(), EPOLL_CTL_DEL, event.data.fd, 0);
        }
        // [/sample_loop]
      }
    }
  }

  int socket_flags_;
  UniqueFd listen_fd_ = listen_tcp("127.0.0.1", 0);
  UniqueFd epoll_fd_ = create_epoll();
  WakeEvent stop_;
  std::atomic<pid_t> tid_{0};
  std::atomic<bool> in_write_{false};
  std::jthread thread_{[this] {
    control(epoll_fd_.get(), EPOLL_CTL_ADD, listen_fd_.get(), EPOLLIN);
    control(epoll_fd_.get(), EPOLL_CTL_ADD, stop_.fd(), EPOLLIN);
    run();
  }};
};

constexpr std::size_t late_bytes = std::size_t{16} << 20U;

// A connection whose client takes little at a time, so that the way back soon is full.
UniqueFd connect_with_small_buffer(std::uint16_t port) {
  UniqueFd fd = connect_tcp("127.0.0.1", port);
  const int bytes = 64 * 1024;
  check("setsockopt", ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes));
  return fd;
}

// Reads until the end; returns how much that was.
std::size_t receive_all(const UniqueFd& fd) {
  std::vector<char> buffer(256 * 1024);
  std::size_t received = 0;
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got <= 0) return received;
    received += static_cast<std::size_t>(got);
  }
}

// A thread that sends late_bytes and finishes sending.
class Sender {
 public:
  explicit Sender(const UniqueFd& fd)
      : fd_{fd}, thread_{[this, &fd] {
          tid_ = this_thread_id();
          const std::vector<char> bytes(64 * 1024);
          for (std::size_t sent = 0; sent < late_bytes;) {
            const ssize_t put = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (put <= 0) break;
            sent += static_cast<std::size_t>(put);
          }
          ::shutdown(fd.get(), SHUT_WR);
          done_ = true;
        }} {}

  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender() {
    if (!done_) ::shutdown(fd_.get(), SHUT_RDWR);  // ends its send, where the experiment broke off
  }

  bool await_done() {
    return await([this] { return done_.load(); });
  }
  bool await_stuck() {
    return await([this] { return tid_ != 0; }) && await_asleep(tid_) && !done_;
  }

 private:
  const UniqueFd& fd_;
  std::atomic<pid_t> tid_{0};
  std::atomic<bool> done_{false};
  std::jthread thread_;
};

}  // namespace

Finding usual_sample(Narrator& tell) {
  tell.step(
      "The usual sample, with non-blocking sockets: read, then write, and the count ignored.");
  std::size_t back_from_sample = 0;
  {
    UsualSample sample{SOCK_NONBLOCK};
    const UniqueFd client = connect_with_small_buffer(sample.port());
    Sender sender{client};
    sender.await_done();
    back_from_sample = receive_all(client);
  }
  const std::size_t lost = late_bytes - back_from_sample;
  tell.note("A client sends {} bytes and reads only then: {} come back, {} are lost.", late_bytes,
            back_from_sample, lost);

  tell.step("The same client at epoll-lt, which keeps what the socket would not take.");
  std::size_t back_from_lt = 0;
  bool held_back = false;
  {
    const Running<LevelTriggeredServer> server;
    const UniqueFd client = connect_with_small_buffer(server.port());
    Sender sender{client};
    held_back = sender.await_stuck();
    back_from_lt = receive_all(client);
  }
  tell.note("It reads no more until the client reads, so the client has to wait: {}.",
            held_back ? "yes" : "no");
  tell.note("{} bytes come back, {} are lost.", back_from_lt, late_bytes - back_from_lt);

  tell.step(
      "The usual sample, with blocking sockets: nothing is lost, but the loop sleeps in write.");
  bool asleep = false;
  bool unanswered = false;
  bool answered_later = false;
  {
    UsualSample sample{0};
    const UniqueFd slow = connect_with_small_buffer(sample.port());
    Sender sender{slow};
    asleep = sender.await_stuck() && await([&] { return sample.asleep_in_write(); });
    const UniqueFd other = connect_tcp("127.0.0.1", sample.port());
    send_text(other, "hello");
    unanswered = sample.asleep_in_write() && unread(other) == 0;
    tell.note("A client sends and does not read: the loop's thread sleeps in write: {}.",
              asleep ? "yes" : "no");
    tell.note("Another client's request meanwhile is answered: {}.", unanswered ? "no" : "yes");
    receive_all(slow);
    await_poll(other, POLLIN);
    answered_later = unread(other) == 5;
    tell.note("Once the first client has read, the other's request is answered: {}.",
              answered_later ? "yes" : "no");
  }
  const bool shown =
      lost > 0 && back_from_lt == late_bytes && held_back && asleep && unanswered && answered_later;
  return {
      shown ? Verdict::holds_with_condition : Verdict::fails,
      "read and write back is right only if a short write is kept for later and the sockets are "
      "non-blocking.",
      {{"lost_by_sample", static_cast<std::int64_t>(lost)},
       {"lost_by_epoll_lt", static_cast<std::int64_t>(late_bytes - back_from_lt)},
       {"held_back", held_back},
       {"blocking_loop_asleep", asleep},
       {"other_waits", unanswered}}};
}

namespace {

// "IN | RDHUP" for "EPOLLIN | EPOLLRDHUP".
std::string short_names(std::string names) {
  const std::string prefix = "EPOLL";
  for (auto at = names.find(prefix); at != std::string::npos; at = names.find(prefix)) {
    names.erase(at, prefix.size());
  }
  return names;
}

std::string reported_if(const ConnectedPair& pair, std::uint32_t interest) {
  const UniqueFd epoll_fd = create_epoll();
  control(epoll_fd.get(), EPOLL_CTL_ADD, pair.server.get(), interest);
  const auto events = ready_now(epoll_fd.get());
  return names_of(events.empty() ? 0 : events.front().events);
}

// One way in which a connection comes to an end, and what is reported of it.
struct Ending {
  const char* what;
  void (*happens)(ConnectedPair&);
  short seen;  // by poll, once it has arrived
  std::string all, only_in, unasked;
};

void finish_sending(ConnectedPair& pair) { ::shutdown(pair.client.get(), SHUT_WR); }

std::vector<Ending> endings() {
  return {{"the client finishes sending", finish_sending, POLLRDHUP, {}, {}, {}},
          {"the client closes",
           [](ConnectedPair& pair) { pair.client.reset(); },
           POLLRDHUP,
           {},
           {},
           {}},
          {"both have finished sending",
           [](ConnectedPair& pair) {
             finish_sending(pair);
             ::shutdown(pair.server.get(), SHUT_WR);
           },
           POLLHUP,
           {},
           {},
           {}},
          {"the client resets",
           [](ConnectedPair& pair) { reset_connection(pair.client); },
           POLLHUP,
           {},
           {},
           {}}};
}

}  // namespace

Finding hang_up(Narrator& tell) {
  std::vector<std::vector<std::string>> rows{
      {"what happens", "asked for IN | RDHUP", "for IN", "for nothing"}};
  std::vector<Ending> cases = endings();
  for (Ending& each : cases) {
    ConnectedPair pair = client_and_server();
    each.happens(pair);
    await_poll(pair.server, each.seen);
    each.all = reported_if(pair, EPOLLIN | EPOLLRDHUP);
    each.only_in = reported_if(pair, EPOLLIN);
    each.unasked = reported_if(pair, 0);
    rows.push_back(
        {each.what, short_names(each.all), short_names(each.only_in), short_names(each.unasked)});
  }
  tell.step("What is reported of a connection, and what it was asked for (without \"EPOLL\"):");
  tell.table(rows);

  ConnectedPair pair = client_and_server();
  send_text(pair.client, "last words");
  finish_sending(pair);
  await_poll(pair.server, POLLRDHUP);
  const int left = unread(pair.server);
  send_text(pair.server, "an answer");
  const std::string answer = read_text(pair.client, 64);
  tell.step(
      "A client sends 10 bytes and finishes: EPOLLRDHUP is there, with {} bytes unread before it.",
      left);
  tell.note("And the client still reads what it is sent: \"{}\".", answer);
  tell.note("So EPOLLRDHUP is no reason to close: read until 0, answer, and then close.");

  const bool half_is_not_hang_up =
      cases[0].all == "EPOLLIN | EPOLLRDHUP" && cases[0].only_in == "EPOLLIN";
  const bool reset_comes_unasked = cases[3].unasked == "EPOLLHUP | EPOLLERR";
  const bool both_hang_up = cases[2].unasked == "EPOLLHUP";
  const bool shown = half_is_not_hang_up && reset_comes_unasked && both_hang_up && left == 10 &&
                     answer == "an answer";
  return {shown ? Verdict::holds_with_condition : Verdict::fails,
          "EPOLLRDHUP: the other end has finished sending, and may still read. EPOLLHUP: both "
          "directions are over. EPOLLHUP and EPOLLERR come unasked.",
          {{"finished_sending", cases[0].all},
           {"closed", cases[1].all},
           {"both_finished", cases[2].all},
           {"reset", cases[3].all},
           {"reset_unasked", cases[3].unasked},
           {"unread_at_rdhup", std::int64_t{left}}}};
}

namespace {

// Two connections that belong together, as in a relay: a handler of one closes the other, and a new
// client gets the number that has become free.
class StaleScene {
 public:
  StaleScene() {
    send_text(a.client, "stop");
    send_text(b.client, "hello");
  }

  // What a's handler does in the middle of the batch.
  void close_b_and_accept_c() {
    old_number = b.server.get();
    b.server.reset();
    c = local_client_and_server();  // its first end takes the lowest free number: b's
    std::swap(c.client, c.server);
    set_nonblocking(c.server.get());
    send_text(c.client, "a new client's first words");
  }

  UniqueFd epoll_fd = create_epoll();
  ConnectedPair a = local_client_and_server();
  ConnectedPair b = local_client_and_server();
  ConnectedPair c;
  int old_number = -1;
};

// data.fd: the event for b speaks of a number, and the number is another connection's by now.
std::string handled_by_number() {
  StaleScene scene;
  control(scene.epoll_fd.get(), EPOLL_CTL_ADD, scene.a.server.get(), EPOLLIN);
  control(scene.epoll_fd.get(), EPOLL_CTL_ADD, scene.b.server.get(), EPOLLIN);
  const int a = scene.a.server.get();
  std::string taken;
  for (const epoll_event& event : ready_now(scene.epoll_fd.get())) {
    if (event.data.fd == a) {
      scene.close_b_and_accept_c();
    } else {
      std::string buffer(64, '\0');
      const ssize_t got = ::read(event.data.fd, buffer.data(), buffer.size());
      taken = buffer.substr(0, got > 0 ? static_cast<std::size_t>(got) : 0);
    }
  }
  return taken;
}

struct Handled {
  int stale = 0;   // events that were recognized as meant for a connection that is gone
  int harmed = 0;  // events that were handled on a connection that they were not meant for
};

// data.u64: the number, and how many connections had it before.
Handled handled_by_generation() {
  StaleScene scene;
  std::map<int, std::uint32_t> generation{{scene.a.server.get(), 1}, {scene.b.server.get(), 1}};
  for (const int fd : {scene.a.server.get(), scene.b.server.get()}) {
    epoll_event interest{.events = EPOLLIN, .data = {}};
    interest.data.u64 = std::uint64_t{generation[fd]} << 32U | static_cast<std::uint32_t>(fd);
    check("epoll_ctl", ::epoll_ctl(scene.epoll_fd.get(), EPOLL_CTL_ADD, fd, &interest));
  }
  Handled handled;
  for (const epoll_event& event : ready_now(scene.epoll_fd.get())) {
    const int fd = static_cast<int>(event.data.u64 & 0xFFFFFFFFU);
    if (generation[fd] != event.data.u64 >> 32U) {
      ++handled.stale;
    } else if (fd == scene.a.server.get()) {
      scene.close_b_and_accept_c();
      ++generation[scene.c.server.get()];
    } else {
      ++handled.harmed;
    }
  }
  return handled;
}

// data.ptr: a connection that is closed stays in memory until the batch is over.
Handled handled_by_pointer() {
  struct Connection {
    bool open = true;
  };
  StaleScene scene;
  std::vector<std::unique_ptr<Connection>> closed;
  auto a = std::make_unique<Connection>();
  auto b = std::make_unique<Connection>();
  const auto watch = [&](const UniqueFd& fd, Connection* connection) {
    epoll_event interest{.events = EPOLLIN, .data = {.ptr = connection}};
    check("epoll_ctl", ::epoll_ctl(scene.epoll_fd.get(), EPOLL_CTL_ADD, fd.get(), &interest));
  };
  watch(scene.a.server, a.get());
  watch(scene.b.server, b.get());
  Handled handled;
  for (const epoll_event& event : ready_now(scene.epoll_fd.get())) {
    auto* const connection = static_cast<Connection*>(event.data.ptr);
    if (!connection->open) {
      ++handled.stale;
    } else if (connection == a.get()) {
      scene.close_b_and_accept_c();
      closed.push_back(std::exchange(b, nullptr));
      closed.back()->open = false;
    } else {
      ++handled.harmed;
    }
  }
  return handled;
}

}  // namespace

Finding stale(Narrator& tell) {
  tell.step(
      "Connections a and b are ready in one batch. The handler of a closes b; a new client c is "
      "accepted and gets b's number. Then the batch's event for b is handled.");
  const std::string taken = handled_by_number();
  tell.step("With data.fd: the handler reads the descriptor of that number, and takes \"{}\".",
            taken);
  tell.note("Those are c's. What else it does for b, it does to c: close it, say.");
  const Handled generation = handled_by_generation();
  tell.step(
      "With data.u64 = number and generation: {} event is recognized as stale, {} are handled "
      "wrongly.",
      generation.stale, generation.harmed);
  const Handled pointer = handled_by_pointer();
  tell.step("With data.ptr, and what is closed kept until the batch is over: {} stale, {} wrong.",
            pointer.stale, pointer.harmed);
  tell.note("Third way (epoll-et): note all of a batch's events before anything is handled.");
  const bool trap = taken == "a new client's first words";
  const bool cured =
      generation.stale == 1 && generation.harmed == 0 && pointer.stale == 1 && pointer.harmed == 0;
  return {trap && cured ? Verdict::holds_with_condition : Verdict::fails,
          "walking the ready list is right only if an event for a connection that is gone is "
          "recognized: a number is no identity.",
          {{"taken_from_another", taken},
           {"stale_by_generation", std::int64_t{generation.stale}},
           {"stale_by_pointer", std::int64_t{pointer.stale}}}};
}

Finding deregister(Narrator& tell) {
  const UniqueFd epoll_fd = create_epoll();
  const auto remove = [&](int fd) {
    return ::epoll_ctl(epoll_fd.get(), EPOLL_CTL_DEL, fd, nullptr) == 0 ? "done"
                                                                        : ::strerrorname_np(errno);
  };
  ConnectedPair pair = local_client_and_server();
  int number = pair.server.get();
  control(epoll_fd.get(), EPOLL_CTL_ADD, number, EPOLLIN);
  send_text(pair.client, "hello");
  pair.server.reset();
  const std::string after_close = remove(number);
  const auto alone = ready_now(epoll_fd.get());
  tell.step("Close, then EPOLL_CTL_DEL, as the usual sample does: {}. epoll_wait returns {}.",
            after_close, describe(alone));
  tell.note(
      "The last descriptor of a socket takes the registration with it: nothing was left to do.");

  pair = local_client_and_server();
  number = pair.server.get();
  control(epoll_fd.get(), EPOLL_CTL_ADD, number, EPOLLIN);
  UniqueFd copy{check("dup", ::dup(number))};
  pair.server.reset();
  send_text(pair.client, "hello");
  int ghosts = 0;
  for (int i = 0; i < 3; ++i) ghosts += static_cast<int>(ready_now(epoll_fd.get()).size());
  std::array<char, 8> buffer;
  const ssize_t got = ::read(number, buffer.data(), buffer.size());
  const std::string read_error = got < 0 ? ::strerrorname_np(errno) : "none";
  tell.step("Another socket has a copy (dup). Closed; then 5 bytes come: {} of 3 waits report it.",
            ghosts);
  tell.note("The event has data.fd = {}; a read of that fails with {}: the loop spins.", number,
            read_error);
  const std::string remove_number = remove(number);
  const std::string remove_copy = remove(copy.get());
  tell.step("EPOLL_CTL_DEL of the number: {}; of the copy: {}.", remove_number, remove_copy);
  tell.note(
      "The registration belongs to the pair of open file and number, and half of it is gone.");
  copy.reset();
  const auto gone = ready_now(epoll_fd.get());
  tell.step("Only when the copy is closed too, it ends: epoll_wait returns {}.", describe(gone));

  pair = local_client_and_server();
  number = pair.server.get();
  control(epoll_fd.get(), EPOLL_CTL_ADD, number, EPOLLIN);
  copy.reset(check("dup", ::dup(number)));
  const std::string in_order = remove(number);
  pair.server.reset();
  send_text(pair.client, "hello");
  const auto silent = ready_now(epoll_fd.get());
  tell.step("EPOLL_CTL_DEL first, then close: {}; epoll_wait returns {}, copy or no copy.",
            in_order, describe(silent));
  tell.note("Copies come from dup, from fork without exec, from descriptors sent to a process.");
  const bool alone_ends = after_close == "EBADF" && alone.empty();
  const bool ghost =
      ghosts == 3 && read_error == "EBADF" && remove_number == "EBADF" && remove_copy == "ENOENT";
  const bool cured = gone.empty() && in_order == "done" && silent.empty();
  return {alone_ends && ghost && cured ? Verdict::holds_with_condition : Verdict::fails,
          "close deregisters when no copy of the descriptor is left; else deregister first.",
          {{"del_after_close", after_close},
           {"ghost_events", std::int64_t{ghosts}},
           {"del_of_number", remove_number},
           {"del_of_copy", remove_copy},
           {"silent_in_order", silent.empty()}}};
}

}  // namespace unblock
