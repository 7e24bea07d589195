#include <gtest/gtest.h>

#include "echo_server.hpp"
#include "experiments.hpp"
#include "testkit/conformance.hpp"
#include "testkit/syscall_count.hpp"

namespace unblock {
namespace {

const ModelUnderTest poll_model{.model = model<PollServer>("poll", ""), .program = UNBLOCK_PROGRAM};

UNBLOCK_CONFORMANCE(Poll, ModelsUnderTest{poll_model});

TEST(PollServer, NeedsThreeSystemCallsARequest) {  // poll, read, send
  const auto calls = syscalls_per_request({UNBLOCK_PROGRAM, "serve", "--port", "0"});
  if (!calls) GTEST_SKIP() << "this machine does not allow ptrace";
  EXPECT_DOUBLE_EQ(*calls, 3.0);
}

class PollExperiment : public testing::Test {
 protected:
  Narrator silent_{nullptr};
};

#define SKIP_IF_NOT_SHOWN(finding) \
  if ((finding).verdict == Verdict::not_shown) GTEST_SKIP() << (finding).conclusion

TEST_F(PollExperiment, TheListIsKeptFromCallToCall) {
  const Finding finding = kept_list(silent_);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_TRUE(finding.flag("second_call_with_same_list_right"));
  EXPECT_TRUE(finding.flag("negative_passed_over"));
}

TEST_F(PollExperiment, HangUpErrorAndInvalidComeUnasked) {
  const Finding finding = every_event(silent_);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_EQ(finding.text("unasked"), "POLLERR|POLLHUP|POLLNVAL");
  EXPECT_EQ(finding.text("the client finished sending"), "POLLIN|POLLRDHUP");
  EXPECT_EQ(finding.text("we finished sending, too"), "POLLIN|POLLRDHUP|POLLHUP");
  EXPECT_EQ(finding.text("the client reset it"), "POLLIN|POLLRDHUP|POLLERR|POLLHUP");
  EXPECT_EQ(finding.text("same, asked for nothing"), "POLLERR|POLLHUP");
  EXPECT_EQ(finding.text("pipe: writer gone, 5 bytes left"), "POLLIN|POLLHUP");
  EXPECT_EQ(finding.text("pipe: reader gone"), "POLLOUT|POLLERR");
  EXPECT_EQ(finding.text("a closed descriptor"), "POLLNVAL");
}

TEST_F(PollExperiment, WriteInterestWithNothingToWriteNeverSleeps) {
  const Finding finding = leftover_write_interest(silent_);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_TRUE(finding.flag("asleep_with_pollin"));
  EXPECT_EQ(finding.number("vain_wakeups_with_pollin"), 0);
  EXPECT_GE(finding.number("vain_wakeups_with_pollout"), 1000);
  EXPECT_TRUE(finding.flag("asleep_with_pollout_when_full"));
}

TEST_F(PollExperiment, DescriptorsBeyondFdSetsizeAreWatched) {
  const Finding finding = no_limit(silent_);
  SKIP_IF_NOT_SHOWN(finding);
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition) << finding.conclusion;
  EXPECT_TRUE(finding.flag("reported"));
  EXPECT_EQ(finding.text("above_limit"), "-1 EINVAL");
}

TEST_F(PollExperiment, CostGrowsWithTheNumberOfWatchedDescriptors) {
  const Finding finding = cost_of_poll(silent_);
  SKIP_IF_NOT_SHOWN(finding);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_GT(finding.number("ratio_10_to_most"), 3);
}

}  // namespace
}  // namespace unblock
