#include <gtest/gtest.h>

#include "echo_server.hpp"
#include "testkit/conformance.hpp"
#include "testkit/syscall_count.hpp"

namespace unblock {
namespace {

const ModelUnderTest one_thread{.model = model<OneThreadServer>("one-thread", ""),
                                .program = UNBLOCK_PROGRAM,
                                .serves_others_while_one_is_stuck = false};
const ModelUnderTest thread_per_connection{
    .model = model<ThreadPerConnectionServer>("thread-per-connection", ""),
    .program = UNBLOCK_PROGRAM};

INSTANTIATE_TEST_SUITE_P(Blocking, Conformance, testing::Values(one_thread, thread_per_connection),
                         model_name);
INSTANTIATE_TEST_SUITE_P(Blocking, ProgramConformance,
                         testing::Values(one_thread, thread_per_connection), model_name);

TEST(ThreadPerConnection, NeedsTwoSystemCallsARequest) {
  const auto calls = syscalls_per_request({UNBLOCK_PROGRAM, "serve", "--port", "0"});
  if (!calls) GTEST_SKIP() << "this machine does not allow ptrace";
  EXPECT_DOUBLE_EQ(*calls, 2.0);
}

}  // namespace
}  // namespace unblock
