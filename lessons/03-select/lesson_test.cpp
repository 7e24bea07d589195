#include <gtest/gtest.h>

#include "echo_server.hpp"
#include "testkit/conformance.hpp"

namespace unblock {
namespace {

const ModelUnderTest under_test{
    .model = model<SelectServer>("select", ""),
    .program = UNBLOCK_PROGRAM,
};

UNBLOCK_CONFORMANCE(Select, ModelsUnderTest{under_test});

}  // namespace
}  // namespace unblock
