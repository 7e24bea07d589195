#include "experiments.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "core/tcp.hpp"
#include "echo_server.hpp"

namespace unblock {
namespace {

using std::chrono::duration;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// A connection with buffers that the kernel does not enlarge as it sees fit, so that they fill
// soon.
ConnectedPair pair_with_small_buffers() {
  ConnectedPair pair = connected_pair();
  const int bytes = 64 * 1024;
  check("setsockopt", ::setsockopt(pair.server.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes));
  check("setsockopt", ::setsockopt(pair.client.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes));
  return pair;
}

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  check("pipe2", ::pipe2(ends.data(), O_CLOEXEC));
  return {UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

// What a call returned, and errno where that was -1.
struct Answer {
  ssize_t count;
  int error;
};

Answer answer(ssize_t result) { return {result, result < 0 ? errno : 0}; }

std::string name_of(int error) { return ::strerrorname_np(error); }

std::string to_string(Answer answer) {
  return answer.count < 0 ? fmt::format("-1 {}", name_of(answer.error))
                          : fmt::format("{}", answer.count);
}

Answer read_some(int fd) {
  std::array<std::byte, 4096> buffer;
  return answer(::read(fd, buffer.data(), buffer.size()));
}

void write_one(int fd) {
  const char byte = '!';
  check("write", ::write(fd, &byte, 1));
}

// Waits until what the other end did has arrived here: a stage hand, explained in lesson 04.
void await_event(int fd, short events) {
  pollfd watched{fd, events, 0};
  if (check("poll", ::poll(&watched, 1, 10'000)) == 0) {
    throw UserError{"nothing arrived over loopback in ten seconds: is this machine very busy?"};
  }
}

bool is_nonblocking(int fd) { return (check("fcntl", ::fcntl(fd, F_GETFL)) & O_NONBLOCK) != 0; }

// How often the calling thread has gone to sleep: each time is a voluntary context switch.
long times_asleep() {
  rusage usage{};
  check("getrusage", ::getrusage(RUSAGE_THREAD, &usage));
  return usage.ru_nvcsw;
}

// Runs `call` in a thread of its own, and the constructor returns once the kernel shows that thread
// asleep in it, or it has returned already.
class CalledInThread {
 public:
  explicit CalledInThread(std::function<ssize_t()> call)
      : thread_{[this, call = std::move(call)] {
          tid_ = this_thread_id();
          const long before = times_asleep();
          result_ = answer(call());
          slept_ = times_asleep() - before;
          returned_ = true;
        }} {
    asleep_ = await([this] { return returned_ || (tid_ != 0 && thread_state(tid_) == 'S'); }) &&
              !returned_;
  }

  [[nodiscard]] bool seen_asleep() const noexcept { return asleep_; }

  // Waits until the call has returned.
  Answer result() {
    if (thread_.joinable()) thread_.join();
    return result_;
  }
  [[nodiscard]] long slept() const noexcept { return slept_; }  // after result()

 private:
  Answer result_{};
  long slept_ = 0;
  bool asleep_ = false;
  std::atomic<pid_t> tid_{0};
  std::atomic<bool> returned_{false};
  std::jthread thread_;
};

std::string percent(double share) { return fmt::format("{:.1f} %", share * 100); }

}  // namespace

// [at_once]
Finding returns_at_once(Narrator& out) {
  const ConnectedPair connection = connected_pair();
  const int fd = connection.server.get();

  out.step("A thread calls read on a connection on which nothing has come.");
  CalledInThread blocked{[fd] { return read_some(fd).count; }};
  out.note("the kernel shows that thread {}", blocked.seen_asleep() ? "asleep" : "awake");
  out.step("The other end sends one byte.");
  write_one(connection.client.get());
  const Answer woken = blocked.result();
  out.note("read returns {} (times asleep: {})", to_string(woken), blocked.slept());

  out.step("fcntl(F_GETFL), and fcntl(F_SETFL) with O_NONBLOCK added.");
  make_nonblocking(fd);
  long before = times_asleep();
  const Answer empty = read_some(fd);
  const long slept = times_asleep() - before;
  out.step("The same read on the same connection, and again nothing is there.");
  out.note("read returns {} (times asleep: {})", to_string(empty), slept);

  out.step("The other end sends one byte, which arrives.");
  write_one(connection.client.get());
  await_event(fd, POLLIN);
  const Answer full = read_some(fd);
  out.note("read returns {}: where there is data, the flag changes nothing", to_string(full));

  const UniqueFd listen_fd = listen_tcp("127.0.0.1", 0);
  make_nonblocking(listen_fd.get());
  before = times_asleep();
  const Answer nobody = answer(::accept(listen_fd.get(), nullptr, nullptr));
  const long accept_slept = times_asleep() - before;
  out.step("accept on a non-blocking listener to which nobody has connected.");
  out.note("accept returns {} (times asleep: {})", to_string(nobody), accept_slept);

  const bool at_once =
      empty.error == EAGAIN && nobody.error == EAGAIN && slept == 0 && accept_slept == 0;
  const bool shown = blocked.seen_asleep() && woken.count == 1 && at_once && full.count == 1;
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown ? "the same call slept without the flag, and with it returned EAGAIN "
                                "without sleeping."
                              : "a call slept that should not have, or the other way round.",
          .facts = {{"blocking_read_slept", blocked.seen_asleep()},
                    {"read_error", name_of(empty.error)},
                    {"accept_error", name_of(nobody.error)},
                    {"slept_with_flag", slept + accept_slept > 0},
                    {"read_with_data", std::int64_t{full.count}}}};
}
// [/at_once]

// [three_answers]
Finding three_answers(Narrator& out) {
  const ConnectedPair connection = connected_pair();
  const int fd = connection.server.get();
  make_nonblocking(fd);
  std::vector<std::vector<std::string>> rows{{"the other end has", "read", "which means"}};

  const Answer nothing = read_some(fd);
  rows.push_back({"sent nothing yet", to_string(nothing), "nothing now: ask later"});

  check("write", ::write(connection.client.get(), "hello", 5));
  await_event(fd, POLLIN);
  const Answer data = read_some(fd);
  rows.push_back({"sent hello", to_string(data), "this many bytes are in the buffer"});
  const Answer drained = read_some(fd);
  rows.push_back({"sent no more than that", to_string(drained), "nothing now: ask later"});

  check("shutdown", ::shutdown(connection.client.get(), SHUT_WR));
  await_event(fd, POLLIN);
  const Answer end = read_some(fd);
  const Answer end_again = read_some(fd);
  rows.push_back({"finished sending", to_string(end), "end-of-stream: nothing ever again"});
  rows.push_back({"(the same, asked again)", to_string(end_again), "it stays so"});

  ConnectedPair broken = connected_pair();
  make_nonblocking(broken.server.get());
  const linger at_once{.l_onoff = 1, .l_linger = 0};  // close sends a reset (socket(7))
  check("setsockopt",
        ::setsockopt(broken.client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
  broken.client.reset();
  await_event(broken.server.get(), POLLIN);
  const Answer reset = read_some(broken.server.get());
  const Answer after = read_some(broken.server.get());
  rows.push_back({"reset the connection", to_string(reset), "broken: close it"});
  rows.push_back({"(the same, asked again)", to_string(after), "an error is told once"});

  out.step("One read after another on non-blocking sockets:");
  out.table(rows);

  const bool apart = nothing.error == EAGAIN && data.count == 5 && drained.error == EAGAIN &&
                     end.count == 0 && end_again.count == 0 && reset.error == ECONNRESET;
  return {.verdict = apart ? Verdict::holds : Verdict::fails,
          .conclusion = apart ? "EAGAIN is no error and 0 is not \"nothing there\": what to do "
                                "next differs in all three cases."
                              : "the answers were not those of the manual.",
          .facts = {{"nothing", to_string(nothing)},
                    {"data", to_string(data)},
                    {"end", to_string(end)},
                    {"reset", to_string(reset)},
                    {"after_reset", to_string(after)}}};
}
// [/three_answers]

// [short_write]
Finding short_write(Narrator& out) {
  constexpr std::size_t size = 4 * 1024 * 1024;
  const std::vector<std::byte> bytes(size, std::byte{'x'});
  const ConnectedPair connection = pair_with_small_buffers();
  const int fd = connection.server.get();

  out.step("A non-blocking socket is given {} bytes to a client that does not read.", size);
  make_nonblocking(fd);
  const auto put = static_cast<std::size_t>(check("send", ::send(fd, bytes.data(), size, 0)));
  out.note("send returns {}: as much as the buffers of both ends hold", put);
  std::size_t sent = put;
  Answer full{};
  while ((full = answer(::send(fd, bytes.data() + sent, size - sent, 0))).count > 0) {
    sent += static_cast<std::size_t>(full.count);  // the far end's window opened a little
  }
  out.note("send again, for the rest: {}", to_string(full));
  out.note("a program that does not look at the count has lost {} bytes", size - put);

  out.step("The client reads; each time that there is room, we send some of the rest.");
  std::size_t received = 0;
  std::size_t calls = 0;
  std::vector<std::byte> buffer(64 * 1024);
  while (received < size) {
    received += static_cast<std::size_t>(
        check("read", ::read(connection.client.get(), buffer.data(), buffer.size())));
    if (sent == size) continue;
    if (received == sent) await_event(fd, POLLOUT);  // else nobody would move any more
    const Answer more = answer(::send(fd, bytes.data() + sent, size - sent, 0));
    ++calls;
    if (more.count > 0) sent += static_cast<std::size_t>(more.count);
  }
  out.note("all {} bytes have arrived, after {} more calls of send", received, calls);

  out.step("The same bytes, the same client, one send on a blocking socket, in a thread.");
  const ConnectedPair blocking = pair_with_small_buffers();
  CalledInThread sender{
      [&] { return ::send(blocking.server.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); }};
  out.note("the kernel shows that thread {}", sender.seen_asleep() ? "asleep" : "awake");
  for (received = 0; received < size;) {
    received += static_cast<std::size_t>(
        check("read", ::read(blocking.client.get(), buffer.data(), buffer.size())));
  }
  const Answer whole = sender.result();
  out.note("once the client has read, it returns {}", to_string(whole));

  const bool shown = put < size && full.error == EAGAIN && sender.seen_asleep() &&
                     whole.count == static_cast<ssize_t>(size);
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown ? "the blocking call slept until all was taken; the non-blocking one "
                                "took what fitted and left the rest to its caller."
                              : "the blocking and the non-blocking call did the same.",
          .facts = {{"taken_at_once", static_cast<std::int64_t>(put)},
                    {"offered", static_cast<std::int64_t>(size)},
                    {"then", to_string(full)},
                    {"blocking_send_slept", sender.seen_asleep()},
                    {"blocking_send_took", std::int64_t{whole.count}}}};
}
// [/short_write]

// [shared_flag]
Finding shared_flag(Narrator& out) {
  const auto word = [](bool nonblocking) { return nonblocking ? "non-blocking" : "blocking"; };
  const ConnectedPair connection = connected_pair();
  const int fd = connection.server.get();

  out.step("dup makes a second descriptor; fcntl sets the flag through that one only.");
  const UniqueFd copy{check("fcntl", ::fcntl(fd, F_DUPFD_CLOEXEC, 0))};
  make_nonblocking(copy.get());
  const bool through_dup = is_nonblocking(fd);
  out.note("the first descriptor is {} now", word(through_dup));

  out.step("A child process, made by fork, sets the flag on the other end's descriptor.");
  const pid_t child = check("fork", ::fork());
  if (child == 0) {
    const int flags = ::fcntl(connection.client.get(), F_GETFL);
    ::_exit(::fcntl(connection.client.get(), F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : 1);
  }
  int status = 0;
  check("waitpid", ::waitpid(child, &status, 0));
  const bool through_fork = is_nonblocking(connection.client.get());
  out.note("in this process it is {} now", word(through_fork));

  out.step("A pipe is opened a second time, through /proc/self/fd.");
  const Pipe pipe = make_pipe();
  const std::string path = fmt::format("/proc/self/fd/{}", pipe.read_end.get());
  const UniqueFd opened{check("open", ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC))};
  const bool through_open = is_nonblocking(pipe.read_end.get());
  out.note("the second is non-blocking from its birth, the first is {}", word(through_open));

  out.step("accept, and accept4 with SOCK_NONBLOCK, on a non-blocking listener.");
  const UniqueFd listen_fd = listen_tcp("127.0.0.1", 0, SOCK_NONBLOCK);
  const UniqueFd client = connect_tcp("127.0.0.1", local_port(listen_fd.get()));
  await_event(listen_fd.get(), POLLIN);
  const UniqueFd plain{
      check("accept4", ::accept4(listen_fd.get(), nullptr, nullptr, SOCK_CLOEXEC))};
  const UniqueFd client2 = connect_tcp("127.0.0.1", local_port(listen_fd.get()));
  await_event(listen_fd.get(), POLLIN);
  const UniqueFd flagged{
      check("accept4", ::accept4(listen_fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK))};
  const bool inherited = is_nonblocking(plain.get());
  out.note("from accept: {}; from accept4 with SOCK_NONBLOCK: {}", word(inherited),
           word(is_nonblocking(flagged.get())));

  out.step("recv with MSG_DONTWAIT, on the blocking one.");
  std::byte byte{};
  const Answer once = answer(::recv(plain.get(), &byte, 1, MSG_DONTWAIT));
  out.note("recv returns {}, and the socket is still {}", to_string(once),
           word(is_nonblocking(plain.get())));

  const bool shared = through_dup && through_fork && !through_open;
  return {.verdict = shared ? Verdict::holds_with_condition : Verdict::fails,
          .conclusion = shared
                            ? "fcntl sets it, but on the open file description: every copy of the "
                              "descriptor changes with it, an accepted socket does not."
                            : "copies of a descriptor did not share the flag.",
          .facts = {{"shared_by_dup", through_dup},
                    {"shared_by_fork", through_fork},
                    {"shared_by_second_open", through_open},
                    {"inherited_by_accept", inherited},
                    {"set_by_accept4", is_nonblocking(flagged.get())},
                    {"dontwait", to_string(once)}}};
}
// [/shared_flag]

// [connect]
Finding connect_in_progress(Narrator& out) {
  struct Outcome {
    Answer connect;
    std::string then;
    std::string again;
  };
  // SO_ERROR is the socket's pending error; asking takes it away (socket(7)).
  const auto pending_error = [](int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    check("getsockopt", ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
    return error == 0 ? std::string{"0"} : name_of(error);
  };
  const auto attempt = [&](std::uint16_t port) {
    const SocketAddress address = resolve("127.0.0.1", port).front();
    const UniqueFd fd{
        check("socket", ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))};
    Outcome outcome;
    outcome.connect = answer(::connect(fd.get(), address.get(), address.length));
    await_event(fd.get(), POLLOUT);
    outcome.then = pending_error(fd.get());
    outcome.again = pending_error(fd.get());
    return outcome;
  };

  const UniqueFd listen_fd = listen_tcp("127.0.0.1", 0);
  out.step("A non-blocking connect to a port on which somebody listens.");
  const Outcome good = attempt(local_port(listen_fd.get()));
  out.note("connect returns {}; once the socket is writable, SO_ERROR is {}",
           to_string(good.connect), good.then);

  // Bound and not listening: the port is ours, so that nobody else can begin to listen there.
  const SocketAddress any = resolve("127.0.0.1", 0).front();
  const UniqueFd deaf{check("socket", ::socket(any.family(), SOCK_STREAM | SOCK_CLOEXEC, 0))};
  check("bind", ::bind(deaf.get(), any.get(), any.length));
  out.step("The same to a port on which nobody listens.");
  const Outcome bad = attempt(local_port(deaf.get()));
  out.note("connect returns {}; once the socket is writable, SO_ERROR is {}",
           to_string(bad.connect), bad.then);
  out.note("SO_ERROR asked a second time is {}: an error is told once", bad.again);

  const bool shown = good.connect.error == EINPROGRESS && good.then == "0" &&
                     bad.connect.error == EINPROGRESS && bad.then == "ECONNREFUSED";
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown ? "connect returns before it is known how it ends; writable means "
                                "only that it has ended, and SO_ERROR how."
                              : "connect was finished when it returned.",
          .facts = {{"connect", to_string(good.connect)},
                    {"accepted", good.then},
                    {"refused", bad.then},
                    {"refused_asked_again", bad.again}}};
}
// [/connect]

// [regular_file]
Finding regular_file(Narrator& out) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::tmpfile(), &std::fclose};
  if (!file) throw_errno("tmpfile");
  const int fd = ::fileno(file.get());
  const std::vector<std::byte> bytes(1000, std::byte{'x'});
  check("pwrite", ::pwrite(fd, bytes.data(), bytes.size(), 0));

  out.step("A regular file of {} bytes, made non-blocking.", bytes.size());
  make_nonblocking(fd);
  out.note("fcntl takes the flag: F_GETFL shows it {}", is_nonblocking(fd) ? "set" : "clear");
  const Answer data = read_some(fd);
  out.step("read: {}", to_string(data));
  out.note("open(2): it may wait for the disk, with the flag as without it");
  const Answer end = read_some(fd);
  out.step("read again, at the end of the file: {}, and not EAGAIN", to_string(end));

  const bool ignored = is_nonblocking(fd) && data.count == 1000 && end.count == 0;
  return {
      .verdict = ignored ? Verdict::holds_with_condition : Verdict::fails,
      .conclusion = ignored ? "the flag is for sockets, pipes and terminals; a regular file "
                              "takes it and is read as before."
                            : "the flag had an effect on a regular file.",
      .facts = {
          {"flag_taken", is_nonblocking(fd)}, {"data", to_string(data)}, {"end", to_string(end)}}};
}
// [/regular_file]

// [one_device]
Finding one_device(Narrator& out) {
  constexpr milliseconds until_data{200};
  struct Cost {
    std::int64_t vain = 0;
    duration<double> cpu{};
    duration<double> wall{};
  };
  // One byte comes after 200 ms; the caller's thread waits for it.
  const auto wait_for_byte = [&](bool nonblocking) {
    const Pipe pipe = make_pipe();
    if (nonblocking) make_nonblocking(pipe.read_end.get());
    const std::jthread device{[&] {
      std::this_thread::sleep_for(until_data);
      write_one(pipe.write_end.get());
    }};
    Cost cost;
    const auto wall = steady_clock::now();
    const nanoseconds cpu = thread_cpu_time();
    while (read_some(pipe.read_end.get()).count != 1) ++cost.vain;
    cost.cpu = thread_cpu_time() - cpu;
    cost.wall = steady_clock::now() - wall;
    return cost;
  };

  out.step("A device gives one byte after {} ms; a thread has nothing else to do.",
           until_data.count());
  const Cost blocking = wait_for_byte(false);
  const Cost polling = wait_for_byte(true);
  const auto row = [](const char* way, const Cost& cost) {
    return std::vector<std::string>{way, fmt::format("{}", cost.vain + 1),
                                    fmt::format("{}", cost.vain),
                                    fmt::format("{:.2f} ms", cost.cpu.count() * 1e3),
                                    percent(cost.cpu.count() / cost.wall.count())};
  };
  out.table({{"way", "reads", "in vain", "CPU time", "of the time"},
             row("read that blocks", blocking),
             row("read in a loop", polling)});

  const double ratio = polling.cpu / blocking.cpu;
  const bool burns = blocking.vain == 0 && polling.vain > 100 && ratio > 5;
  return {.verdict = burns ? Verdict::holds : Verdict::fails,
          .conclusion =
              burns ? fmt::format(
                          "the loop used {:.0f} times the CPU, and the byte came no sooner.", ratio)
                    : "the loop was no more expensive than the call that sleeps.",
          .facts = {{"vain_reads_blocking", blocking.vain},
                    {"vain_reads_polling", polling.vain},
                    {"cpu_ratio", ratio}}};
}
// [/one_device]

namespace {

// What it costs to wait for messages that come at irregular times, and how long each waits to be
// seen.
struct Waiting {
  double cpu_share = 0;
  double vain_per_message = 0;
  double median_delay_us = 0;
};

// A nap of 0 asks again at once; a negative one reads from a blocking pipe.
Waiting wait_with_nap(microseconds nap) {
  constexpr int messages = 20;
  const Pipe pipe = make_pipe();
  if (nap >= microseconds{0}) make_nonblocking(pipe.read_end.get());
  std::atomic<int> seen{0};
  std::atomic<steady_clock::rep> sent_at{0};

  const std::jthread sender{[&] {
    for (int i = 0; i < messages; ++i) {
      // Multiples of the golden ratio spread evenly over the naps, so that no phase is favoured.
      const double phase = std::fmod(i * 0.618034, 1.0);
      std::this_thread::sleep_for(milliseconds{1} + duration<double, std::milli>{10 * phase});
      sent_at = steady_clock::now().time_since_epoch().count();
      write_one(pipe.write_end.get());
      seen.wait(i);  // until the reader has seen this one
    }
  }};

  std::vector<double> delays_us;
  std::int64_t vain = 0;
  const auto wall = steady_clock::now();
  const nanoseconds cpu = thread_cpu_time();
  while (delays_us.size() < messages) {
    if (read_some(pipe.read_end.get()).count == 1) {
      const steady_clock::duration then{sent_at.load()};
      delays_us.push_back(
          duration<double, std::micro>{steady_clock::now().time_since_epoch() - then}.count());
      ++seen;
      seen.notify_one();
      continue;
    }
    ++vain;
    if (nap > microseconds{0}) std::this_thread::sleep_for(nap);
  }
  const duration<double> used = thread_cpu_time() - cpu;
  const duration<double> took = steady_clock::now() - wall;
  return {.cpu_share = used / took,
          .vain_per_message = static_cast<double>(vain) / messages,
          .median_delay_us = median(delays_us)};
}

}  // namespace

// [nap]
Finding nap_or_burn(Narrator& out) {
  const std::vector<std::pair<const char*, microseconds>> ways{
      {"no nap", microseconds{0}},
      {"nap of 0.1 ms", microseconds{100}},
      {"nap of 1 ms", milliseconds{1}},
      {"nap of 10 ms", milliseconds{10}},
      {"a read that blocks", microseconds{-1}}};
  out.step("20 messages at irregular times; the reader asks, naps, and asks again:");
  std::vector<Waiting> found;
  std::vector<std::vector<std::string>> rows{
      {"between two reads", "CPU", "reads in vain, each", "a message waits (median)"}};
  for (const auto& [way, nap] : ways) {
    const Waiting waiting = wait_with_nap(nap);
    found.push_back(waiting);
    rows.push_back({way, percent(waiting.cpu_share),
                    fmt::format("{:.1f}", waiting.vain_per_message),
                    fmt::format("{:.0f} µs", waiting.median_delay_us)});
  }
  out.table(rows);
  out.note("a nap of N costs half of N on average, and the timer's own delay");

  const Waiting& burning = found.front();
  const Waiting& long_nap = found[3];
  const Waiting& blocking = found.back();
  const bool cheaper = long_nap.vain_per_message * 10 < burning.vain_per_message &&
                       long_nap.cpu_share < burning.cpu_share;
  const bool later = long_nap.median_delay_us > blocking.median_delay_us &&
                     long_nap.median_delay_us > found[1].median_delay_us;
  const bool shown = cheaper && later && blocking.vain_per_message == 0;
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown ? "a nap trades CPU for delay; the call that sleeps until there is "
                                "something has neither."
                              : "the nap was free: it saved CPU and delayed nothing.",
          .facts = {{"nap_saves_cpu", cheaper},
                    {"nap_delays", later},
                    {"vain_reads_per_message_no_nap", burning.vain_per_message},
                    {"vain_reads_per_message_10_ms", long_nap.vain_per_message},
                    {"vain_reads_per_message_blocking", blocking.vain_per_message},
                    {"median_delay_us_no_nap", burning.median_delay_us},
                    {"median_delay_us_10_ms", long_nap.median_delay_us},
                    {"median_delay_us_blocking", blocking.median_delay_us}}};
}
// [/nap]

}  // namespace unblock
