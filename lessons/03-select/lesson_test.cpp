#include <gtest/gtest.h>

#include "echo_server.hpp"
#include "testkit/conformance.hpp"

namespace unblock {
namespace {

const ModelUnderTest under_test{
    .model = model<SelectServer>("select", ""),
    .program = UNBLOCK_PROGRAM,
};

INSTANTIATE_TEST_SUITE_P(Select, Conformance, testing::Values(under_test), model_name);
INSTANTIATE_TEST_SUITE_P(Select, ProgramConformance, testing::Values(under_test), model_name);

}  // namespace
}  // namespace unblock
