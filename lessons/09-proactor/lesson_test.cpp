#include <cstdio>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "aio_engine.hpp"
#include "core/errors.hpp"
#include "echo_server.hpp"
#include "experiments.hpp"
#include "testkit/conformance.hpp"
#include "testkit/syscall_count.hpp"
#include "thread_sanitizer.hpp"

namespace unblock {
namespace {

// Under ThreadSanitizer glibc's threads are all made at once, and stay: before the first test, so
// that they are not counted as left over by it.
class PosixAio : public testing::Environment {
 public:
  void SetUp() override { AioEngine::prepare_process(); }
};

[[maybe_unused]] const auto* const posix_aio = testing::AddGlobalTestEnvironment(new PosixAio);

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

// A thread that glibc makes for a completion cannot run code that ThreadSanitizer has instrumented.
const ModelsUnderTest by_thread =
    under_thread_sanitizer
        ? ModelsUnderTest{}
        : ModelsUnderTest{under_test("aio-by-thread", EngineKind::aio_thread, 0),
                          under_test("aio-by-thread", EngineKind::aio_thread, 3)};
UNBLOCK_SUITE(AioByThread, Conformance, by_thread);
UNBLOCK_SUITE(AioByThread, SeveralAtOnce, by_thread);

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
  EXPECT_GE(finding.number("engine_slept"), finding.number("messages"));
  EXPECT_LT(finding.number("ours_slept"), finding.number("messages"));
}

TEST(PosixAioCompletion, ComesBySignalOrInAThread) {
  const Finding finding = run(aio_notices);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_TRUE(finding.flag("by_signal"));
  EXPECT_EQ(finding.number("threads_of_three"), under_thread_sanitizer ? 0 : 3);
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
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition) << finding.conclusion;
  EXPECT_GT(finding.number("swapped"), 0);
  EXPECT_TRUE(finding.flag("second_read_refused"));
  EXPECT_TRUE(finding.flag("both_directions"));
  EXPECT_TRUE(finding.flag("linked_in_order"));
  EXPECT_TRUE(finding.flag("multishot_in_order"));
}

}  // namespace
}  // namespace unblock
