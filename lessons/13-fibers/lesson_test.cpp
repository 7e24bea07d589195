#include <cstddef>
#include <optional>

#include <gtest/gtest.h>

#include "echo_server.hpp"
#include "experiments.hpp"
#include "testkit/conformance.hpp"
#include "testkit/syscall_count.hpp"

namespace unblock {
namespace {

using fibers::SwitchKind;

ModelsUnderTest models() {
  const Model own = model<FiberServer>("fibers", "", SwitchKind::own);
  const Model portable = model<FiberServer>("fibers-ucontext", "", SwitchKind::ucontext);
  ModelsUnderTest all{{.model = own, .program = UNBLOCK_PROGRAM},
                      {.model = own, .program = UNBLOCK_PROGRAM, .threads = 3}};
#if !defined(UNBLOCK_ASAN_FIBERS)
  // At a program's first swapcontext(3), AddressSanitizer prints a warning of its own.
  all.push_back({.model = portable, .program = UNBLOCK_PROGRAM});
#endif
  return all;
}

UNBLOCK_CONFORMANCE(Fibers, models());

// Nothing where this cannot be counted, or where each switch makes a system call of its own.
std::optional<double> calls_per_request(std::size_t connections) {
  if (fibers::default_switch == SwitchKind::ucontext) return std::nullopt;
  return syscalls_per_request({UNBLOCK_PROGRAM, "serve", "--port", "0", "--threads", "1"},
                              connections, 200);
}

// epoll_wait, recv and send.
TEST(FiberServer, NeedsThreeSystemCallsForARequestThatComesAlone) {
  const auto calls = calls_per_request(1);
  if (!calls) GTEST_SKIP() << "no ptrace here, or no switch of our own";
  EXPECT_NEAR(*calls, 3.0, 0.2);
}

TEST(FiberServer, NeedsLittleMoreThanReadAndWriteWhereManyComeTogether) {
  const auto calls = calls_per_request(64);
  if (!calls) GTEST_SKIP() << "no ptrace here, or no switch of our own";
  EXPECT_GE(*calls, 2.0);
  EXPECT_LE(*calls, 2.3);
}

Finding run(Finding (*experiment)(Narrator&)) {
  Narrator silent{nullptr};
  return experiment(silent);
}

TEST(Chain, IsPutAsideBetweenTwoStages) {
  const Finding finding = run(chain_of_closures);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_EQ(finding.number("value"), 20.5);
  EXPECT_EQ(finding.text("result"), "'20.5'");
  EXPECT_EQ(finding.text("order"), "A0 B0 C0 A1 B1 C1 A2 B2 C2");
  EXPECT_TRUE(finding.flag("thrown"));
}

TEST(Fiber, IsMeasuredBesideAThread) {
  const Finding finding = run(cost);
  for (const char* const fact : {"own_ns", "lean_ns", "ucontext_ns", "yield_ns", "thread_switch_ns",
                                 "fiber_ns", "thread_ns", "fiber_bytes", "thread_bytes"}) {
    EXPECT_GT(finding.number(fact), 0) << fact;
  }
}

TEST(Stack, GrowsWithTheDeepestCallAndEndsAtTheGuardPage) {
  const Finding finding = run(stack);
  if (finding.verdict == Verdict::not_shown) GTEST_SKIP() << finding.conclusion;
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition);
  EXPECT_LT(finding.number("shallow_kib"), 20);
  EXPECT_GE(finding.number("deep_kib"), 100);
  EXPECT_TRUE(finding.flag("guarded"));
}

TEST(Fiber, ParksOnOneThreadAndGoesOnOnAnother) {
  const Finding finding = run(park_and_resume);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_EQ(finding.text("order"), "111dd22");
  EXPECT_TRUE(finding.flag("migrated"));
}

TEST(Fiber, FindsAnotherThreadsVariableAfterMigrating) {
  const Finding finding = run(thread_local_variable);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_FALSE(finding.flag("same_variable"));
  EXPECT_FALSE(finding.flag("same_errno"));
}

TEST(Fiber, ThatBlocksStopsTheOthersOfItsThread) {
  const Finding finding = run(blocked_thread);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_FALSE(finding.flag("other_ran_beside_blocking_call"));
  EXPECT_TRUE(finding.flag("other_ran_beside_parking_call"));
}

TEST(Fiber, KeepsItsExceptionsToItself) {
  const Finding finding = run(exceptions);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_EQ(finding.number("mixed_up"), 0);
}

TEST(Fiber, UnwindsOnlyWhereItIsResumed) {
  const Finding finding = run(unfinished);
  EXPECT_EQ(finding.verdict, Verdict::holds);
  EXPECT_EQ(finding.number("bare"), 0);
  EXPECT_EQ(finding.number("cancelled"), 1);
}

}  // namespace
}  // namespace unblock
