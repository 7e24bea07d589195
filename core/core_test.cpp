#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/experiment.hpp"
#include "core/observe.hpp"
#include "core/output_buffer.hpp"
#include "core/stop_signals.hpp"
#include "core/tcp.hpp"
#include "core/unique_fd.hpp"
#include "core/wake_event.hpp"

namespace unblock {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

int open_something() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

TEST(UniqueFd, ClosesWhatItOwns) {
  const int raw = open_something();
  {
    const UniqueFd fd{raw};
    EXPECT_TRUE(is_open(raw));
  }
  EXPECT_FALSE(is_open(raw));
}

TEST(UniqueFd, HandsOwnershipOnWhenMoved) {
  UniqueFd first{open_something()};
  const int raw = first.get();
  UniqueFd second{std::move(first)};
  EXPECT_EQ(second.get(), raw);
  UniqueFd third{open_something()};
  const int replaced = third.get();
  third = std::move(second);
  EXPECT_FALSE(is_open(replaced));
  EXPECT_TRUE(is_open(raw));
}

TEST(UniqueFd, GivesUpWhatIsReleased) {
  UniqueFd fd{open_something()};
  const int raw = fd.release();
  EXPECT_FALSE(fd);
  EXPECT_TRUE(is_open(raw));
  fd.reset(raw);
}

TEST(Check, NamesTheCallThatFailed) {
  try {
    check("open", ::open("/no/such/file", O_RDONLY));
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(std::string{error.what()}, "open: No such file or directory");
  }
}

TEST(Explain, TellsTheWayOutOfTooFewDescriptors) {
  const std::system_error error{EMFILE, std::generic_category(), "socket"};
  EXPECT_EQ(explain(error),
            "socket: Too many open files: raise the limit of open descriptors, for example with "
            "`ulimit -n 4096`");
}

TEST(Nearest, FindsASlipAndNothingFartherOff) {
  const std::vector<std::string> models{"epoll-lt", "epoll-et", "epoll-oneshot"};
  EXPECT_EQ(nearest("epol-lt", models), "epoll-lt");
  EXPECT_EQ(nearest("epoll-onshot", models), "epoll-oneshot");
  EXPECT_EQ(nearest("kqueue", models), "");
}

TEST(Nearest, PrefersTheOneThatTheWordBegins) {
  const std::vector<std::string> models{"polling", "poll", "epoll-lt", "epoll-et", "fibers"};
  EXPECT_EQ(nearest("epol", models), "epoll-lt");
  EXPECT_EQ(nearest("epll", models), "epoll-lt");
  EXPECT_EQ(nearest("epoll-e", models), "epoll-et");
  EXPECT_EQ(nearest("pol", models), "poll");
  EXPECT_EQ(nearest("pollin", models), "polling");
  EXPECT_EQ(nearest("fib", models), "fibers");
  EXPECT_EQ(nearest("x", models), "");
}

TEST(EditDistance, CountsInsertionsDeletionsAndSubstitutions) {
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("select", "select"), 0U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

std::vector<std::byte> bytes_of(const std::string& text) {
  std::vector<std::byte> bytes;
  for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
  return bytes;
}

std::string text_of(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += static_cast<char>(byte);
  return text;
}

TEST(OutputBuffer, GivesBytesBackInOrder) {
  OutputBuffer buffer;
  EXPECT_TRUE(buffer.empty());
  buffer.append(bytes_of("hello"));
  buffer.consume(2);
  EXPECT_EQ(text_of(buffer.front()), "llo");
  buffer.append(bytes_of(" world"));
  EXPECT_EQ(text_of(buffer.front()), "llo world");
  EXPECT_EQ(buffer.size(), 9U);
  buffer.consume(9);
  EXPECT_TRUE(buffer.empty());
  buffer.append(bytes_of("again"));
  EXPECT_EQ(text_of(buffer.front()), "again");
}

TEST(WakeEvent, StaysReadableUntilItIsCleared) {
  WakeEvent event;
  const auto readable = [&] {
    pollfd watched{event.fd(), POLLIN, 0};
    return ::poll(&watched, 1, 0) == 1;
  };
  EXPECT_FALSE(readable());
  event.signal();
  event.signal();
  EXPECT_TRUE(readable());
  event.clear();
  EXPECT_FALSE(readable());
}

TEST(Tcp, ListensOnAFreePortAndConnects) {
  const UniqueFd listen_fd = listen_tcp("127.0.0.1", 0);
  const std::uint16_t port = local_port(listen_fd.get());
  EXPECT_NE(port, 0);
  EXPECT_TRUE(connect_tcp("127.0.0.1", port));
  const UniqueFd by_name = listen_tcp("localhost", 0);
  EXPECT_TRUE(connect_tcp("localhost", local_port(by_name.get())));
}

TEST(Tcp, SpeaksIPv6) {
  const UniqueFd listen_fd = listen_tcp("[::1]", 0);
  EXPECT_TRUE(connect_tcp("::1", local_port(listen_fd.get())));
  EXPECT_EQ(to_string("::1", 80), "[::1]:80");
  EXPECT_EQ(to_string("[::1]", 80), "[::1]:80");
  EXPECT_EQ(to_string("localhost", 80), "localhost:80");
}

template <typename Call>
std::string user_error(Call call) {
  try {
    call();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no UserError";
}

TEST(Tcp, TellsTheWayOutOfWhatCannotBe) {
  const UniqueFd listen_fd = listen_tcp("127.0.0.1", 0);
  const std::uint16_t port = local_port(listen_fd.get());
  EXPECT_EQ(user_error([&] { listen_tcp("127.0.0.1", port); }),
            to_string("127.0.0.1", port) +
                " is in use: choose another port with --port, or --port 0 for any free one");
  EXPECT_EQ(
      user_error([] { listen_tcp("192.0.2.1", 0); }),
      "192.0.2.1:0 is not an address of this machine: give one with --host, such as 127.0.0.1 or "
      "::1");
  EXPECT_NE(user_error([] {
              listen_tcp("no.such.host.invalid", 0);
            }).find("host 'no.such.host.invalid' does not resolve"),
            std::string::npos);
  const std::uint16_t free_port = local_port(listen_tcp("127.0.0.1", 0).get());
  EXPECT_NE(user_error([&] { connect_tcp("127.0.0.1", free_port); }).find("nobody listens on"),
            std::string::npos);
}

TEST(Tcp, MakesADescriptorNonBlocking) {
  const ConnectedPair pair = connected_pair();
  set_nonblocking(pair.server.get());
  char byte = 0;
  EXPECT_EQ(::read(pair.server.get(), &byte, 1), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST(StopSignals, CallsStopInAThreadOnTheFirstSignal) {
  StopSignals signals;
  ::kill(::getpid(), SIGTERM);  // before on_stop(): it must not be lost
  std::atomic<bool> stopped{false};
  signals.on_stop([&] { stopped = true; });
  EXPECT_TRUE(await([&] { return stopped.load(); }));
}

TEST(StopSignals, CallsNothingWhenNoSignalComes) {
  std::atomic<bool> stopped{false};
  {
    StopSignals signals;
    signals.on_stop([&] { stopped = true; });
  }
  EXPECT_FALSE(stopped);
}

ChildProcess shell(const std::string& script) {
  return ChildProcess{{.command = {"/bin/sh", "-c", script}}};
}

TEST(ChildProcess, ReadsLinesThenTheRest) {
  ChildProcess child = shell("echo one; echo two; printf three; echo oops >&2; exit 3");
  EXPECT_EQ(child.read_line(), "one");
  EXPECT_EQ(child.read_line(), "two");
  EXPECT_EQ(child.read_rest(), "three");
  EXPECT_EQ(child.read_errors(), "oops\n");
  EXPECT_EQ(child.wait(), 3);
}

TEST(ChildProcess, TellsTheSignalThatEndedIt) {
  ChildProcess child = shell("kill -9 $$");
  EXPECT_EQ(child.wait(), 128 + SIGKILL);
}

TEST(ChildProcess, GivesUpAtItsDeadline) {
  ChildProcess child = shell("exec sleep 100");
  EXPECT_EQ(child.read_line(std::chrono::milliseconds{1}), std::nullopt);
  EXPECT_EQ(child.wait(std::chrono::milliseconds{1}), std::nullopt);
}

TEST(ChildProcess, GivesUpOnAChildThatNeverStopsTalking) {
  ChildProcess child = shell("exec cat /dev/zero");
  EXPECT_EQ(child.read_line(std::chrono::milliseconds{20}), std::nullopt);
}

TEST(ChildProcess, DrainsAChildThatTalksAndKeepsItsLastWords) {
  ChildProcess child =
      shell("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; echo bye >&2");
  ASSERT_TRUE(await([&] {
    child.drain();
    return child.wait(std::chrono::milliseconds{0}) == 0;
  }));
  const std::string kept = child.read_errors();
  EXPECT_LE(kept.size(), 8192U);
  EXPECT_EQ(kept.substr(kept.size() - 4), "bye\n");
}

TEST(ChildProcess, LeadsAGroupOfItsOwnWhereThatIsWanted) {
  ChildProcess leader{{.command = {"/bin/sh", "-c", "exec sleep 100"}, .own_group = true}};
  EXPECT_EQ(::getpgid(leader.pid()), leader.pid());
  ChildProcess member = shell("exec sleep 100");
  EXPECT_EQ(::getpgid(member.pid()), ::getpgid(0));
}

TEST(ChildProcess, IsGoneWhenItsOwnerIs) {
  pid_t pid = 0;
  {
    const ChildProcess child = shell("exec sleep 100");
    pid = child.pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(ChildProcess, NamesAProgramThatCannotBeExecuted) {
  EXPECT_EQ(user_error([] { ChildProcess{{.command = {"/no/such/program"}}}; }),
            "/no/such/program cannot be executed (No such file or directory): build it first, or "
            "correct its path");
}

TEST(ChildProcess, LimitsWhatItsChildMayUse) {
  ChildOptions options{.command = {"/bin/sh", "-c", "ulimit -n"}};
  options.limits = {{RLIMIT_NOFILE, 33}};
  ChildProcess child{options};
  EXPECT_EQ(child.read_line(), "33");
}

TEST(ListeningLine, YieldsThePort) {
  EXPECT_EQ(parse_listening_line("listening on 127.0.0.1:8080 (model epoll-lt)"), 8080);
  EXPECT_EQ(parse_listening_line("listening on [::1]:80"), 80);
  EXPECT_EQ(parse_listening_line("listening on 127.0.0.1 (model x)"), std::nullopt);
  EXPECT_EQ(parse_listening_line("listening on :99999"), std::nullopt);
  EXPECT_EQ(parse_listening_line("hello"), std::nullopt);
}

TEST(Observe, TellsAProcessThatSpinsFromOneThatSleeps) {
  ChildProcess sleeps{{.command = {"/bin/sleep", "600"}}};
  ChildProcess spins{{.command = {"/bin/sh", "-c", "while :; do :; done"}}};
  const auto is_awake = [](const ChildProcess& process) {
    return awake_share(process.pid(), std::chrono::milliseconds{50}) > 0.5;
  };
  EXPECT_TRUE(await([&] { return !is_awake(sleeps); }));  // once it has begun
  EXPECT_TRUE(await([&] { return is_awake(spins); }));
}

TEST(Observe, SeesAThreadAsleepAndAwake) {
  std::atomic<pid_t> tid{0};
  std::atomic<bool> end{false};
  std::jthread sleeper{[&] {
    tid = this_thread_id();
    end.wait(false);
  }};
  ASSERT_TRUE(await([&] { return tid != 0; }));
  EXPECT_TRUE(await_asleep(tid));
  const ContextSwitches before = context_switches(tid);
  EXPECT_GE(before.voluntary, 1);
  const std::vector<pid_t> ids = thread_ids();
  EXPECT_NE(std::find(ids.begin(), ids.end(), tid), ids.end());
  end = true;
  end.notify_all();
  sleeper.join();
  EXPECT_TRUE(await([&] { return !thread_state(tid).has_value(); }));
}

// A thread may end between the opening and the reading of what the kernel tells of it.
TEST(Observe, LooksAtThreadsThatEndMeanwhile) {
  std::atomic<pid_t> newest{this_thread_id()};
  std::atomic<bool> end{false};
  std::jthread parent{[&] {
    for (int i = 0; i < 3000; ++i) std::jthread{[&] { newest = this_thread_id(); }}.join();
    end = true;
  }};
  while (!end) {
    const pid_t tid = newest;
    const auto state = thread_state(tid);
    EXPECT_TRUE(!state || std::string_view{"RSDTtZXIP"}.find(*state) != std::string_view::npos);
    EXPECT_GE(context_switches(tid).voluntary, 0);
  }
}

TEST(Observe, CountsDescriptorsAndCpuTime) {
  const std::size_t before = open_descriptors();
  const UniqueFd fd{open_something()};
  EXPECT_EQ(open_descriptors(), before + 1);
  const auto used = thread_cpu_time();
  while (thread_cpu_time() - used < std::chrono::milliseconds{1}) {
  }
  EXPECT_GE(process_cpu_time(), thread_cpu_time());
  EXPECT_GT(resident_bytes(), 0U);
}

TEST(Observe, PinsAndReleasesAThread) {
  const std::size_t cpus = available_cpus();
  {
    const PinnedToCpu pinned{0};
    EXPECT_EQ(available_cpus(), 1U);
  }
  EXPECT_EQ(available_cpus(), cpus);
}

TEST(Median, IsTheMiddleValue) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4}), 4);
}

std::string narrated(void (*tell)(Narrator&)) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* const file = ::open_memstream(&text, &size);
  Narrator narrator{file};
  tell(narrator);
  std::fclose(file);
  const std::string copy{text, size};
  std::free(text);
  return copy;
}

TEST(Narrator, NumbersStepsAndBreaksLongLines) {
  EXPECT_EQ(narrated([](Narrator& tell) {
              tell.step("One {}.", "step");
              tell.note("A remark.");
              tell.step(
                  "A step that is so long that it does not fit into the eighty columns of a "
                  "terminal, {}.",
                  "at all");
            }),
            "   1  One step.\n"
            "      A remark.\n"
            "   2  A step that is so long that it does not fit into the eighty columns of a\n"
            "      terminal, at all.\n");
}

TEST(Narrator, AlignsTables) {
  EXPECT_EQ(narrated([](Narrator& tell) {
              tell.table({{"what", "ns"}, {"a call", "117"}, {"a thread", "20142"}});
            }),
            "      what         ns\n"
            "      a call      117\n"
            "      a thread  20142\n");
}

TEST(Narrator, SaysThatItsOutputCannotBeWritten) {
  std::FILE* const full = std::fopen("/dev/full", "w");
  Narrator tell{full};
  EXPECT_NE(user_error([&] { tell.line("text"); }).find("No space left on device"),
            std::string::npos);
  std::fclose(full);
}

TEST(Finding, GivesFactsByNameAndType) {
  const Finding finding{Verdict::holds, "", {{"count", std::int64_t{3}}, {"slept", true}}};
  EXPECT_EQ(finding.number("count"), 3);
  EXPECT_TRUE(finding.flag("slept"));
  EXPECT_THROW((void)finding.number("other"), std::out_of_range);
  EXPECT_THROW((void)finding.text("count"), std::bad_variant_access);
}

}  // namespace
}  // namespace unblock
