#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <list>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "echo_server.hpp"
#include "experiments.hpp"
#include "stage.hpp"
#include "testkit/client.hpp"
#include "testkit/conformance.hpp"
#include "testkit/running_server.hpp"
#include "testkit/syscall_count.hpp"

namespace unblock {
namespace {

ModelUnderTest under_test(const char* name, EngineKind kind, std::size_t threads) {
  return {.model = model<ProactorEchoServer>(name, "", kind),
          .program = UNBLOCK_PROGRAM,
          .threads = threads};
}

UNBLOCK_CONFORMANCE(Proactor, ModelsUnderTest{under_test("proactor-select", EngineKind::select, 0),
                                              under_test("proactor-select", EngineKind::select, 3),
                                              under_test("proactor-aio", EngineKind::aio_signal, 0),
                                              under_test("proactor-aio", EngineKind::aio_signal, 3),
                                              under_test("proactor-uring", EngineKind::uring, 0),
                                              under_test("proactor-uring", EngineKind::uring, 3)});

const ModelsUnderTest by_thread{under_test("aio-by-thread", EngineKind::aio_thread, 0),
                                under_test("aio-by-thread", EngineKind::aio_thread, 3)};
UNBLOCK_SUITE(AioByThread, Conformance, by_thread);
UNBLOCK_SUITE(AioByThread, SeveralAtOnce, by_thread);
UNBLOCK_SUITE(AioByThread, LimitedAtOnce, by_thread);

// One end of a connection, whose handler is a function.
class Scripted final : public CompletionHandler {
 public:
  using Script = std::function<void(Scripted&, CompletionEvent)>;
  Scripted(Engine& engine, Script script) : line{engine, *this}, script_{std::move(script)} {}
  void on_completion(CompletionEvent event) override { script_(*this, std::move(event)); }
  Line line;

 private:
  Script script_;
};

class EveryEngine : public testing::TestWithParam<NamedEngine> {};

TEST_P(EveryEngine, PassesOnWhatAHandlerThrowsAndCallsAllOthersFirst) {
  for (const std::size_t threads : {1, 3}) {
    const auto engine = make_engine(GetParam().kind, threads);
    std::atomic<int> cancelled = 0;
    Scripted silent{*engine, [&](Scripted&, const CompletionEvent& event) {
                      if (event.error == ECANCELED) ++cancelled;
                    }};
    Scripted throws{*engine, [](Scripted&, const CompletionEvent&) {
                      throw std::runtime_error{"from a handler"};
                    }};
    silent.line.initiator.start_read();
    throws.line.initiator.start_read();
    send_text(throws.line.client.get(), "x");
    EXPECT_THROW(Proactor{*engine}.run(), std::runtime_error);
    EXPECT_EQ(cancelled, 1);
  }
}

TEST_P(EveryEngine, CarriesTheDataInTheEventAndThenTheEnd) {
  const auto engine = make_engine(GetParam().kind);
  std::vector<std::string> told;
  Scripted reader{*engine, [&](Scripted& self, const CompletionEvent& event) {
                    const auto bytes = event.data.bytes();
                    told.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
                    if (told.size() == 1) ::shutdown(self.line.client.get(), SHUT_WR);
                    if (!bytes.empty()) self.line.initiator.start_read();
                  }};
  reader.line.initiator.start_read();
  send_text(reader.line.client.get(), "hello");
  Proactor{*engine}.run();
  EXPECT_EQ(told, (std::vector<std::string>{"hello", ""}));
}

TEST_P(EveryEngine, LetsADelayPassBesideARead) {
  const auto engine = make_engine(GetParam().kind);
  std::vector<AsynchronousOperation::Kind> completed;
  Scripted handler{*engine, [&](Scripted& self, const CompletionEvent& event) {
                     completed.push_back(event.operation->kind);
                     if (completed.size() == 1) send_text(self.line.client.get(), "x");
                   }};
  const auto start = std::chrono::steady_clock::now();
  handler.line.initiator.start_read();
  handler.line.initiator.start_delay(std::chrono::milliseconds{20});
  Proactor{*engine}.run();
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds{20});
  EXPECT_EQ(completed,
            (std::vector{AsynchronousOperation::Kind::delay, AsynchronousOperation::Kind::read}));
}

TEST_P(EveryEngine, RefusesASecondReadAndNamesTheRule) {
  const auto engine = make_engine(GetParam().kind);
  Notebook handler;
  Line line{*engine, handler};
  const RunningProactor proactor{*engine};
  line.initiator.start_read();
  try {
    line.initiator.start_read();
    FAIL() << "a second read was taken";
  } catch (const std::logic_error& error) {
    EXPECT_NE(std::string{error.what()}.find("one operation per socket and direction"),
              std::string::npos)
        << error.what();
  }
}

// A chain on each of several connections, cancelled at a moment that no one chose.
TEST_P(EveryEngine, EndsChainsAtAnyMomentWithEveryHandlerCalledOnce) {
  for (const std::size_t threads : {1, 3}) {
    const auto engine = make_engine(GetParam().kind, threads);
    std::atomic<int> started = 0;
    std::atomic<int> handled = 0;
    std::list<Scripted> ends;
    for (int i = 0; i < 16; ++i) {
      ends.emplace_back(*engine, [&](Scripted& self, CompletionEvent event) {
        ++handled;
        if (event.error != 0) return;
        ++started;
        if (event.operation->kind == AsynchronousOperation::Kind::read) {
          send_text(self.line.client.get(), "x");  // what the next read gets
          self.line.initiator.start_write(std::move(event.data));
        } else {
          self.line.initiator.start_read();
        }
      });
    }
    for (Scripted& end : ends) {
      ++started;
      end.line.initiator.start_read();
      send_text(end.line.client.get(), "x");
    }
    std::jthread canceller{[&] {
      await([&] { return handled > 200; });
      engine->cancel_all();
    }};
    Proactor{*engine}.run();
    EXPECT_EQ(handled, started);
  }
}

INSTANTIATE_TEST_SUITE_P(Proactor, EveryEngine, testing::ValuesIn(engines_here()),
                         [](const auto& engine) {
                           std::string name = engine.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(SelectEngine, LetsAClientWaitForADescriptorThatFitsIntoASet) {
  rlimit limit{};
  check("getrlimit", ::getrlimit(RLIMIT_NOFILE, &limit));
  if (limit.rlim_cur < FD_SETSIZE + 10) GTEST_SKIP() << "no descriptor would be too high";
  RunningServer server{model<ProactorEchoServer>("proactor-select", "", EngineKind::select)};
  Client first{server.port()};
  first.echo();
  std::vector<UniqueFd> low;
  do {
    low.emplace_back(check("dup", ::fcntl(first.fd(), F_DUPFD_CLOEXEC, 0)));
  } while (low.back().get() < FD_SETSIZE);
  Client waiting{server.port()};
  const Bytes bytes = pattern(8);
  waiting.send(bytes);
  for (int i = 0; i < 20; ++i) first.echo();
  EXPECT_FALSE(waiting.readable());
  low.clear();
  first.reset();  // a connection has ended: now there is another look for a lower number
  waiting.expect(bytes);
}

TEST(AioEngine, TakesACompletionsSignalFromAThreadThatHasNotBlockedIt) {
  if (const auto missing = without_posix_aio()) GTEST_SKIP() << missing->conclusion;
  std::atomic<bool> over = false;
  std::jthread open_to_signals;
  {
    RunningServer server{model<ProactorEchoServer>("proactor-aio", "", EngineKind::aio_signal)};
    open_to_signals = std::jthread{[&] {
      sigset_t all;
      ::sigfillset(&all);
      ::pthread_sigmask(SIG_UNBLOCK, &all, nullptr);
      await([&] { return over.load(); }, test_deadline);
    }};
    Client client{server.port()};
    for (int i = 0; i < 100; ++i) client.echo();
  }
  over = true;
}

// Nothing where this machine or this build has no io_uring.
bool has_uring() {
  try {
    make_engine(EngineKind::uring);
    return true;
  } catch (const UserError& error) {
    std::puts(error.what());
    return false;
  }
}

std::optional<double> calls_a_request(const std::string& model, std::size_t connections) {
  return syscalls_per_request({UNBLOCK_PROGRAM, "serve", "--port", "0", "--model", model},
                              connections);
}

// Runs `what` in a thread in which io_uring_setup fails with `error`, as on a kernel that does not
// have it (ENOSYS) or under a container's filter (EPERM); so it does in the programs that this
// thread starts. False where such a filter cannot be had.
bool without_uring(int error, const std::function<void()>& what) {
  bool filtered = false;
  std::jthread{[&] {
    const auto refused = SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
    std::array<sock_filter, 4> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, refused),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{.len = program.size(), .filter = program.data()};
    filtered = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
               ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
    if (filtered) what();
  }}.join();
  return filtered;
}

TEST(Uring, ThatIsMissingIsToldInOneLineAndTheOtherModelsServe) {
  for (const int error : {ENOSYS, EPERM}) {
    const bool filtered = without_uring(error, [] {
      const std::vector<std::string> serve{UNBLOCK_PROGRAM, "serve", "--port", "0", "--model"};
      const auto start = [&](const std::string& model) {
        std::vector<std::string> command = serve;
        command.push_back(model);
        return ChildProcess{{.command = std::move(command)}};
      };
      ChildProcess refused = start("proactor-uring");
      EXPECT_EQ(refused.wait(), 1);
      EXPECT_EQ(refused.read_rest(), "");
      const std::string told = refused.read_errors();
      EXPECT_NE(told.find("use another model"), std::string::npos) << told;
      EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;

      for (const auto& [model, kind, missing] : engines_here()) {
        ChildProcess server = start(model);
        const auto port = parse_listening_line(server.read_line().value_or(""));
        ASSERT_TRUE(port) << model;
        Client client{*port};
        client.echo();
        server.signal(SIGTERM);
        EXPECT_EQ(server.wait(), 0) << model;
      }
    });
    if (!filtered) GTEST_SKIP() << "this machine does not allow a seccomp filter";
  }
}

TEST(Uring, ThatIsMissingHasItsRowInTheTables) {
  const bool filtered = without_uring(ENOSYS, [] {
    ChildProcess demo{{.command = {UNBLOCK_PROGRAM, "demo", "roles", "batches"}}};
    const std::string transcript = demo.read_rest();
    EXPECT_EQ(demo.wait(), 0);
    for (const char* const line :
         {"      proactor-uring   not shown here\n",
          "      proactor-uring: ", "\n=> holds: ", "\n=> not shown here: "}) {
      EXPECT_NE(transcript.find(line), std::string::npos) << line << "\n" << transcript;
    }
  });
  if (!filtered) GTEST_SKIP() << "this machine does not allow a seccomp filter";
}

TEST(Uring, NeedsTwoSystemCallsARequestAtOneConnection) {
  if (!has_uring()) GTEST_SKIP() << "no io_uring here";
  const auto calls = calls_a_request("proactor-uring", 1);
  if (!calls) GTEST_SKIP() << "this machine does not allow ptrace";
  EXPECT_LE(*calls, 2.0);
}

TEST(Uring, NeedsFewSystemCallsARequestAt64Connections) {
  if (!has_uring()) GTEST_SKIP() << "no io_uring here";
  const auto calls = calls_a_request("proactor-uring", 64);
  if (!calls) GTEST_SKIP() << "this machine does not allow ptrace";
  EXPECT_LE(*calls, 0.3);
}

// Not a steady number, as two threads hand over to one another; but nobody spins.
TEST(OtherEngines, NeedTensOfSystemCallsARequestAtOneConnection) {
  for (const char* const model : {"proactor-select", "proactor-aio"}) {
    const auto calls = calls_a_request(model, 1);
    if (!calls) GTEST_SKIP() << "this machine does not allow ptrace";
    EXPECT_LT(*calls, 60) << model;
  }
}

Finding run(Finding (*experiment)(Narrator&)) {
  Narrator silent{nullptr};
  return experiment(silent);
}

TEST(Proactor, HandlesInOtherThreadsWhatWasStartedInOurs) {
  const Finding finding = run(roles);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_EQ(finding.number("handled_before_data"), 0);
  EXPECT_EQ(finding.text("event_carries"), "ping");
  EXPECT_TRUE(finding.flag("handled_in_proactors_thread"));
  EXPECT_TRUE(finding.flag("handled_in_several_threads"));
}

TEST(Proactor, ChainsOperationsWithoutGrowingTheStack) {
  const Finding finding = run(endless_chain);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_EQ(finding.number("stack_of_chain"), 0);
  EXPECT_GT(finding.number("stack_of_direct_calls"), 1'000);
}

TEST(Proactor, CallsEachHandlerExactlyOnceWhenItIsCancelled) {
  const Finding finding = run(cancellation);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_EQ(finding.number("handled_once"), finding.number("operations"));
  EXPECT_GT(finding.number("cancelled"), 0);
}

TEST(SelectEngine, IsAReactorInside) {
  const Finding finding = run(reactor_inside);
  if (finding.verdict == Verdict::not_shown) GTEST_SKIP() << finding.conclusion;
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_TRUE(finding.flag("in_select"));
  EXPECT_TRUE(finding.flag("by_readiness"));
  EXPECT_TRUE(finding.flag("handled_elsewhere"));
}

TEST(SelectEngine, WaitsInAThreadOfItsOwn) {
  const Finding finding = run(hidden_wait);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_GE(finding.number("engine_waited"), finding.number("messages") - 1);
  EXPECT_LT(finding.number("we_waited"), finding.number("messages") / 4);
  EXPECT_GT(finding.number("engine_asleep_percent"), finding.number("we_asleep_percent"));
}

TEST(PosixAioCompletion, ComesBySignalOrInAThread) {
  const Finding finding = run(aio_notices);
  if (finding.verdict == Verdict::not_shown) GTEST_SKIP() << finding.conclusion;
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_TRUE(finding.flag("by_signal"));
  EXPECT_EQ(finding.number("threads_of_three"), 3);
}

TEST(PosixAioOperation, IsABlockingReadInAThreadOfGlibc) {
  const Finding finding = run(aio_threads);
  if (finding.verdict == Verdict::not_shown) GTEST_SKIP() << finding.conclusion;
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition) << finding.conclusion;
  EXPECT_EQ(finding.number("readers"), 8);
  EXPECT_TRUE(finding.flag("starved"));
  EXPECT_TRUE(finding.flag("write_waits_behind_read"));
  EXPECT_EQ(finding.text("cancel_waiting"), "AIO_CANCELED");
  EXPECT_EQ(finding.text("cancel_running"), "AIO_NOTCANCELED");
  EXPECT_EQ(finding.number("after_shutdown"), 0);
}

TEST(PosixAioOperation, CostsMoreWaitingThanABlockingThread) {
  const Finding finding = run(aio_gain);
  if (finding.verdict == Verdict::not_shown) GTEST_SKIP() << finding.conclusion;
  EXPECT_EQ(finding.verdict, Verdict::fails) << finding.conclusion;
  EXPECT_GT(finding.number("waits_aio"), finding.number("waits_blocking"));
}

TEST(Uring, SubmitsAndFetchesForManyConnectionsWithOneCall) {
  const Finding finding = run(batches);
  if (finding.verdict == Verdict::not_shown) GTEST_SKIP() << finding.conclusion;
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition) << finding.conclusion;
  EXPECT_LE(finding.number("calls_a_request_1"), 2.0);
  EXPECT_LT(finding.number("calls_a_request_64"), 0.1);
  EXPECT_TRUE(finding.flag("mapped_once"));
}

TEST(TwoReads, OfOneSocketCompleteInAnyOrderUnlessTheSystemIsToldIt) {
  const Finding finding = run(two_reads);
  if (finding.verdict == Verdict::not_shown) GTEST_SKIP() << finding.conclusion;
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition) << finding.conclusion;
  EXPECT_GT(finding.number("swapped"), 0);
  EXPECT_TRUE(finding.flag("second_read_refused"));
  EXPECT_TRUE(finding.flag("both_directions"));
  EXPECT_TRUE(finding.flag("linked_in_order"));
  EXPECT_TRUE(finding.flag("multishot_in_order"));
}

}  // namespace
}  // namespace unblock
