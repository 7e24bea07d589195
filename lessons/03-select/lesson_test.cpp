#include <fcntl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include <vector>

#include <gtest/gtest.h>

#include "core/errors.hpp"
#include "core/unique_fd.hpp"
#include "echo_server.hpp"
#include "experiments.hpp"
#include "testkit/conformance.hpp"
#include "testkit/syscall_count.hpp"

namespace unblock {
namespace {

const ModelUnderTest select_model{.model = model<SelectServer>("select", ""),
                                  .program = UNBLOCK_PROGRAM};

UNBLOCK_CONFORMANCE(Select, ModelsUnderTest{select_model});

TEST(SelectServer, NeedsThreeSystemCallsARequest) {  // select, read, send
  const auto calls = syscalls_per_request({UNBLOCK_PROGRAM, "serve", "--port", "0"});
  if (!calls) GTEST_SKIP() << "this machine does not allow ptrace";
  EXPECT_DOUBLE_EQ(*calls, 3.0);
}

TEST(SelectServer, RefusesToStartWithoutADescriptorThatFitsIntoASet) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_max <= FD_SETSIZE + 10) GTEST_SKIP() << "no descriptor here is too large";
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &raised), 0);
  {
    std::vector<UniqueFd> taken;
    do {
      taken.emplace_back(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
      ASSERT_TRUE(taken.back());
    } while (taken.back().get() < FD_SETSIZE);
    EXPECT_THROW(SelectServer{ServerOptions{}}, UserError);
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
}

class SelectExperiment : public testing::Test {
 protected:
  Narrator silent_{nullptr};
};

#define SKIP_IF_NOT_SHOWN(finding) \
  if ((finding).verdict == Verdict::not_shown) GTEST_SKIP() << (finding).conclusion

TEST_F(SelectExperiment, SetsThatAreNotFilledAnewMissWhatIsReady) {
  const Finding finding = overwritten_sets(silent_);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_EQ(finding.text("left_by_first_call"), "{A}");
  EXPECT_TRUE(finding.flag("missed_with_stale_sets"));
  EXPECT_TRUE(finding.flag("seen_with_fresh_sets"));
  EXPECT_TRUE(finding.flag("seen_again_until_read"));
}

TEST_F(SelectExperiment, ATimeoutThatIsNotSetAnewIsUsedUp) {
  const Finding finding = timeout_counts_down(silent_);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_EQ(finding.number("left_after_timeout_us"), 0);
}

TEST_F(SelectExperiment, WhatIsReadyMayBlockAllTheSame) {
  const Finding finding = ready_is_a_hint(silent_);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_EQ(finding.number("told_ready"), 2);
  EXPECT_TRUE(finding.flag("second_read_would_block"));
}

TEST_F(SelectExperiment, ALargeDescriptorFallsBehindTheSet) {
  const Finding finding = behind_the_set(silent_);
  SKIP_IF_NOT_SHOWN(finding);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_EQ(finding.number("fd_setsize"), FD_SETSIZE);
  EXPECT_TRUE(finding.flag("first_set_stays_empty"));
  EXPECT_TRUE(finding.flag("neighbour_changed"));
  EXPECT_EQ(finding.number("kernel_select_returned"), 1);
}

TEST_F(SelectExperiment, AClientBeyondTheSetWaitsAndIsServedLater) {
  const Finding finding = full_set(silent_);
  SKIP_IF_NOT_SHOWN(finding);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_TRUE(finding.flag("accepted_beyond_the_set"));
  EXPECT_TRUE(finding.flag("server_sleeps"));
  EXPECT_TRUE(finding.flag("client_waits"));
  EXPECT_TRUE(finding.flag("served_when_one_left"));
  EXPECT_TRUE(finding.flag("descriptor_given_back"));
}

TEST_F(SelectExperiment, CostGrowsWithTheNumberOfWatchedDescriptors) {
  const Finding finding = cost_of_select(silent_);
  SKIP_IF_NOT_SHOWN(finding);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_GT(finding.number("ratio_10_to_1000"), 3);
}

}  // namespace
}  // namespace unblock
