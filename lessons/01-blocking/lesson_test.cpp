#include <cerrno>

#include <gtest/gtest.h>

#include "echo_server.hpp"
#include "experiments.hpp"
#include "testkit/conformance.hpp"
#include "testkit/syscall_count.hpp"
#include "threaded_echo_server.hpp"

namespace unblock {
namespace {

const ModelUnderTest one_thread{.model = model<OneThreadServer>("one-thread", ""),
                                .program = UNBLOCK_PROGRAM,
                                .serves_others_while_one_is_stuck = false};
const ModelUnderTest thread_per_connection{
    .model = model<ThreadPerConnectionServer>("thread-per-connection", ""),
    .program = UNBLOCK_PROGRAM};

UNBLOCK_CONFORMANCE(Blocking, ModelsUnderTest{one_thread, thread_per_connection});

TEST(ThreadPerConnection, NeedsTwoSystemCallsARequest) {
  const auto calls = syscalls_per_request({UNBLOCK_PROGRAM, "serve", "--port", "0"});
  if (!calls) GTEST_SKIP() << "this machine does not allow ptrace";
  EXPECT_DOUBLE_EQ(*calls, 2.0);
}

Finding run(Finding (*experiment)(Narrator&)) {
  Narrator silent{nullptr};
  return experiment(silent);
}

TEST(BlockingRead, ReturnsOneByteAndSleepsUntilThen) {
  const Finding finding = run(one_byte);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_TRUE(finding.flag("slept"));
  EXPECT_EQ(finding.number("one"), 1);
  EXPECT_EQ(finding.number("ten"), 10);
  EXPECT_EQ(finding.number("end"), 0);
  EXPECT_EQ(finding.text("reset_error"), "ECONNRESET");
}

TEST(BlockingCalls, CanTakeAPartOnlyOrBeInterrupted) {
  const Finding finding = run(short_counts);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_TRUE(finding.flag("short_write"));
  EXPECT_TRUE(finding.flag("interrupted"));
}

TEST(BlockingRead, LeavesTheCpuOnlyWhenItMustWait) {
  const Finding finding = run(blocked_read);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_TRUE(finding.flag("always_asleep"));
  EXPECT_GE(finding.number("sleeps"), 10);
  EXPECT_EQ(finding.number("sleeps_when_ready"), 0);
}

TEST(BlockedAccept, IsEndedByASelfConnectionAndNotByAFlagOrClose) {
  const Finding finding = run(stop_accept);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_FALSE(finding.flag("flag_alone_wakes"));
  EXPECT_TRUE(finding.flag("self_connection_wakes"));
  EXPECT_EQ(finding.text("shutdown_error"), "EINVAL");
  EXPECT_TRUE(finding.flag("event_wakes"));
  EXPECT_FALSE(finding.flag("close_wakes"));
}

TEST(OneThread, IsHeldUpByOneSlowClient) {
  const Finding finding = run(one_slow_client);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_TRUE(finding.flag("blocked"));
  EXPECT_TRUE(finding.flag("served_later"));
  EXPECT_TRUE(finding.flag("served_at_once"));
}

TEST(ThreadPerConnection, HasAThreadForEachClientUpToItsLimit) {
  const Finding finding = run(thread_for_each);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_TRUE(finding.flag("one_thread_each"));
  EXPECT_TRUE(finding.flag("limit_holds"));
}

TEST(TwoThreadsOnOneCpu, LoseUpdates) {
  const Finding finding = run(data_race);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_GT(finding.number("lost"), 0);
  EXPECT_TRUE(finding.flag("atomic_is_exact"));
}

TEST(SystemCall, IsOneInstructionWithItsArgumentsInRegisters) {
  const Finding finding = run(system_call);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_TRUE(finding.flag("same_pid"));
  EXPECT_TRUE(finding.flag("arrived"));
  EXPECT_EQ(finding.number("raw_error"), -EBADF);
}

TEST(Thread, CostsManySystemCallsToCreate) {
  const Finding finding = run(thread_cost);
  // How long it takes is for the machine to say, and no test; the verdict must follow from it.
  const bool dear = finding.number("create_ns") > 10 * finding.number("call_ns") &&
                    finding.number("switch_ns") > 2 * finding.number("call_ns");
  EXPECT_EQ(finding.verdict, dear ? Verdict::holds_with_condition : Verdict::fails);
  // The lecture's arithmetic is linear: a thousand times the threads lose a thousand times the
  // share.
  EXPECT_NEAR(finding.number("lost_percent_10000"), 1000 * finding.number("lost_percent_10"), 1e-6);
}

}  // namespace
}  // namespace unblock
