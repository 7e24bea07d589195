#include <gtest/gtest.h>

#include "echo_server.hpp"
#include "testkit/conformance.hpp"

namespace unblock {
namespace {

const ModelUnderTest under_test{
    .model = model<PollServer>("poll", ""),
    .program = UNBLOCK_PROGRAM,
};

UNBLOCK_CONFORMANCE(Poll, ModelsUnderTest{under_test});

}  // namespace
}  // namespace unblock
