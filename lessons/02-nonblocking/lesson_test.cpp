#include <chrono>

#include <gtest/gtest.h>

#include "echo_server.hpp"
#include "experiments.hpp"
#include "testkit/conformance.hpp"
#include "testkit/running_server.hpp"

namespace unblock {
namespace {

const ModelUnderTest polling{
    .model = model<PollingServer>("polling", ""),
    .program = UNBLOCK_PROGRAM,
    .sleeps_when_idle = false,
};

const ModelUnderTest polling_nap{
    .model = model<PollingServer>("polling-nap", "", std::chrono::milliseconds{1}),
    .program = UNBLOCK_PROGRAM,  // it asks in a loop, too, and is hardly seen on a CPU
};

UNBLOCK_CONFORMANCE(NonBlocking, ModelsUnderTest{polling, polling_nap});

class NonBlockingExperiment : public testing::Test {
 protected:
  Narrator silent_{nullptr};
};

TEST_F(NonBlockingExperiment, CallsReturnAtOnceWithTheFlagAndSleepWithoutIt) {
  const Finding finding = returns_at_once(silent_);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_TRUE(finding.flag("blocking_read_slept"));
  EXPECT_EQ(finding.text("read_error"), "EAGAIN");
  EXPECT_EQ(finding.text("accept_error"), "EAGAIN");
  EXPECT_EQ(finding.number("read_with_data"), 1);
}

TEST_F(NonBlockingExperiment, NothingYetAndEndOfStreamAndAnErrorAreThreeAnswers) {
  const Finding finding = three_answers(silent_);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_EQ(finding.text("nothing"), "-1 EAGAIN");
  EXPECT_EQ(finding.text("data"), "5");
  EXPECT_EQ(finding.text("end"), "0");
  EXPECT_EQ(finding.text("reset"), "-1 ECONNRESET");
  EXPECT_EQ(finding.text("after_reset"), "0");
}

TEST_F(NonBlockingExperiment, ANonBlockingWriteTakesWhatFits) {
  const Finding finding = short_write(silent_);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_LT(finding.number("taken_at_once"), finding.number("offered"));
  EXPECT_EQ(finding.text("then"), "-1 EAGAIN");
  EXPECT_EQ(finding.number("blocking_send_took"), finding.number("offered"));
}

TEST_F(NonBlockingExperiment, TheFlagBelongsToTheOpenFileDescription) {
  const Finding finding = shared_flag(silent_);
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition) << finding.conclusion;
  EXPECT_TRUE(finding.flag("shared_by_dup"));
  EXPECT_TRUE(finding.flag("shared_by_fork"));
  EXPECT_FALSE(finding.flag("shared_by_second_open"));
  EXPECT_FALSE(finding.flag("inherited_by_accept"));
  EXPECT_TRUE(finding.flag("set_by_accept4"));
  EXPECT_EQ(finding.text("dontwait"), "-1 EAGAIN");
}

TEST_F(NonBlockingExperiment, ConnectTellsLaterHowItEnded) {
  const Finding finding = connect_in_progress(silent_);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_EQ(finding.text("connect"), "-1 EINPROGRESS");
  EXPECT_EQ(finding.text("accepted"), "0");
  EXPECT_EQ(finding.text("refused"), "ECONNREFUSED");
  EXPECT_EQ(finding.text("refused_asked_again"), "0");
}

TEST_F(NonBlockingExperiment, ARegularFileIgnoresTheFlag) {
  const Finding finding = regular_file(silent_);
  EXPECT_EQ(finding.verdict, Verdict::holds_with_condition) << finding.conclusion;
  EXPECT_TRUE(finding.flag("flag_taken"));
  EXPECT_EQ(finding.text("data"), "1000");
  EXPECT_EQ(finding.text("end"), "0");
}

TEST_F(NonBlockingExperiment, TheLoopAsksInVainAndTheBlockingReadNever) {
  const Finding finding = one_device(silent_);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_EQ(finding.number("vain_reads_blocking"), 0);
  EXPECT_GT(finding.number("vain_reads_polling"), 100);
}

TEST_F(NonBlockingExperiment, ANapSavesCpuAndCostsDelay) {
  const Finding finding = nap_or_burn(silent_);
  EXPECT_EQ(finding.verdict, Verdict::holds) << finding.conclusion;
  EXPECT_LT(finding.number("vain_reads_per_message_10_ms"),
            finding.number("vain_reads_per_message_no_nap"));
  EXPECT_EQ(finding.number("vain_reads_per_message_blocking"), 0);
}

}  // namespace
}  // namespace unblock
