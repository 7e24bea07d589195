// The experiments on fibers and the threads below them.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <latch>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "core/tcp.hpp"
#include "experiments.hpp"
#include "scheduler.hpp"
#include "socket.hpp"

namespace unblock {
namespace {

using namespace fibers;

// Makes one fiber wait for a byte, and its thread be busy when the byte comes, so that the other
// one of two threads has to resume it.
class Migration {
 public:
  explicit Migration(Tracer tracer)
      : scheduler_{{.threads = 2, .tracer = std::move(tracer)}}, pair_{connected_pair()} {
    set_nonblocking(pair_.server.get());
  }

  /// `around_read(read)` runs in the fiber and calls read() once.
  template <typename AroundRead>
  void run(AroundRead around_read) {
    scheduler_.run([&] {
      Socket socket{std::move(pair_.server)};
      first_thread_ = this_thread_id();
      fibers::spawn([this] { hold_thread(); });
      fibers::spawn([this] { hold_thread(); });
      around_read([&] {
        std::array<std::byte, 16> buffer{};
        const std::size_t got = socket.read(buffer);
        resumed_ = true;
        return got;
      });
      resumed_ = true;
    });
  }

  [[nodiscard]] Scheduler& scheduler() noexcept { return scheduler_; }
  [[nodiscard]] pid_t first_thread() const noexcept { return first_thread_; }

 private:
  // Two fibers run this, and block the thread each of them is on (which a fiber should not do)
  // until both threads are held. Then the one on the other thread sends the byte and lets its
  // thread go.
  void hold_thread() {
    both_held_.arrive_and_wait();
    if (this_thread_id() == first_thread_) {
      await([this] { return resumed_.load(); });
    } else {
      check("send", ::send(pair_.client.get(), "!", 1, MSG_NOSIGNAL));
    }
  }

  Scheduler scheduler_;
  ConnectedPair pair_;
  std::latch both_held_{2};
  std::atomic<bool> resumed_{false};
  std::atomic<pid_t> first_thread_{0};
};

struct Event {
  std::string what;
  pid_t thread;
};

// A variable of the thread, and the only function that names it: see this_fiber.cpp.
thread_local int of_this_thread = 0;
// To clang 14 the address of a thread_local is a constant, which it uses in place of the call,
// noinline or not; so it must not see what is returned.
[[gnu::noinline]] int& this_threads_variable() {
  int* address = &of_this_thread;
  asm volatile("" : "+r"(address)::"memory");
  return *address;
}
[[gnu::noinline]] const int* address_of_errno() {
  const int* address = &errno;
  asm volatile("" : "+r"(address)::"memory");
  return address;
}

}  // namespace

Finding park_and_resume(Narrator& out) {
  std::mutex mutex;
  std::vector<Event> events;  // guarded by mutex
  const Fiber* watched = nullptr;
  const auto note = [&](std::string what) {
    const std::lock_guard lock{mutex};
    events.push_back({std::move(what), this_thread_id()});
  };
  Migration migration{[&](Step step, const Fiber& fiber) {
    if (step == Step::resumed && watched == nullptr) watched = &fiber;  // the first of all
    if (&fiber != watched) return;
    switch (step) {
      case Step::resumed:
        note("switches to the fiber's stack");
        break;
      case Step::parked:
        note("has left its stack, marks it as parked, runs another fiber");
        break;
      case Step::event_seen:
        note("epoll_wait returns: readable, and a fiber waits for it");
        break;
      case Step::made_ready:
        note("marks the fiber as ready, puts it into the queue");
        break;
    }
  }};

  out.step("a scheduler: two threads run fibers, a third one waits in epoll_wait");
  out.step(
      "a fiber reads a socket to which nothing has been sent; then, while its thread is busy with "
      "another fiber, a byte is sent");
  std::size_t got = 0;
  pid_t after = 0;
  migration.run([&](auto read) {
    note("the fiber calls read(): nothing is there, so it parks");
    got = read();
    after = this_thread_id();
    note(fmt::format("the fiber's read() returns {} byte", got));
  });

  const pid_t io = migration.scheduler().io().thread_id();
  const auto name = [&](pid_t thread) -> std::string {
    if (thread == io) return "the I/O thread";
    return thread == migration.first_thread() ? "thread 1" : "thread 2";
  };
  out.step("who has done what, in this order:");
  std::vector<std::vector<std::string>> rows{{"thread", "what"}};
  std::string order;
  for (const Event& event : events) {
    rows.push_back({name(event.thread), event.what});
    order += name(event.thread).back();
  }
  out.table(rows);

  const bool holds = order == "111dd22" && got == 1 && after != migration.first_thread();
  return {.verdict = holds ? Verdict::holds : Verdict::fails,
          .conclusion =
              "the thread did not wait, the fiber did; the I/O thread read nothing and ran "
              "no fiber: it told that something can be read, and another thread read it",
          .facts = {{"order", order}, {"migrated", after != migration.first_thread()}}};
}

Finding thread_local_variable(Narrator& out) {
  out.step("a fiber sets a thread_local to 1, and then reads a socket: it parks");
  Migration migration{{}};
  int before = 0;
  int after = 0;
  bool same_variable = false;
  bool same_errno = false;
  this_threads_variable() = 0;  // run() uses this thread too, perhaps not for the first time
  migration.run([&](auto read) {
    this_threads_variable() = 1;
    const int* const address = &this_threads_variable();
    const int* const errno_address = address_of_errno();
    before = this_threads_variable();
    read();
    after = this_threads_variable();
    same_variable = &this_threads_variable() == address;
    same_errno = address_of_errno() == errno_address;
  });
  out.note("before: {}", before);
  out.step("it is resumed on another thread");
  out.note("after: {}; it is {} variable", after, same_variable ? "the same" : "another");
  out.note("errno is a variable of the thread, too: its address is {}",
           same_errno ? "the same" : "another one");
  out.note(
      "a compiler may compute such an address once in a function and use it after the switch; so "
      "our "
      "code asks for it in functions that are never inlined, and read() throws an error instead of "
      "leaving it in errno");

  const bool holds = before == 1 && after == 0 && !same_variable && !same_errno;
  return {.verdict = holds ? Verdict::holds : Verdict::fails,
          .conclusion = "what belongs to a fiber goes on its stack; thread_local is for the thread",
          .facts = {{"before", static_cast<std::int64_t>(before)},
                    {"after", static_cast<std::int64_t>(after)},
                    {"same_variable", same_variable},
                    {"same_errno", same_errno}}};
}

Finding blocked_thread(Narrator& out) {
  const auto run = [](bool really_blocks) {
    ConnectedPair pair = connected_pair();
    std::atomic<pid_t> thread{0};
    std::atomic<bool> other_ran{false};
    bool ran_meanwhile = false;
    // From outside: looks whether the other fiber runs before anything is sent, and sends.
    std::jthread observer{[&] {
      await([&] { return thread != 0; });
      if (really_blocks) {
        await_asleep(thread);
      } else {
        await([&] { return other_ran.load(); });
      }
      ran_meanwhile = other_ran;
      check("send", ::send(pair.client.get(), "!", 1, MSG_NOSIGNAL));
    }};
    Scheduler scheduler{{.threads = 1, .tracer = {}}};
    scheduler.run([&] {
      fibers::spawn([&] { other_ran = true; });
      std::array<std::byte, 1> buffer{};
      if (really_blocks) {
        thread = this_thread_id();
        check("read", ::read(pair.server.get(), buffer.data(), buffer.size()));
      } else {
        set_nonblocking(pair.server.get());
        Socket socket{std::move(pair.server)};
        thread = this_thread_id();
        (void)socket.read(buffer);
      }
    });
    observer.join();
    return ran_meanwhile;
  };

  out.step("one thread runs two fibers; the first calls ::read on a blocking socket");
  const bool with_blocking_call = run(true);
  out.note("the thread sleeps in the kernel; has the other fiber run? {}",
           with_blocking_call ? "yes" : "no");
  out.step("the same with Socket::read, which parks the fiber");
  const bool with_parking_call = run(false);
  out.note("nothing has been sent yet; has the other fiber run? {}",
           with_parking_call ? "yes" : "no");
  out.note(
      "so Socket refuses a descriptor that blocks; nobody checks it for getaddrinfo(3), for a "
      "file, "
      "for a std::mutex");

  const bool holds = !with_blocking_call && with_parking_call;
  return {
      .verdict = holds ? Verdict::holds : Verdict::fails,
      .conclusion = "the kernel knows threads and no fibers: who blocks in it blocks the thread",
      .facts = {{"other_ran_beside_blocking_call", with_blocking_call},
                {"other_ran_beside_parking_call", with_parking_call}}};
}

}  // namespace unblock
