#include <gtest/gtest.h>

#include "et_echo_server.hpp"
#include "lt_echo_server.hpp"
#include "oneshot_echo_server.hpp"
#include "testkit/conformance.hpp"

namespace unblock {
namespace {

const Model level = model<LevelTriggeredServer>("epoll-lt", "");
const Model edge = model<EdgeTriggeredServer>("epoll-et", "");
const Model one_shot = model<OneShotServer>("epoll-oneshot", "");

const auto models =
    testing::Values(ModelUnderTest{.model = level, .program = UNBLOCK_PROGRAM},
                    ModelUnderTest{.model = edge, .program = UNBLOCK_PROGRAM},
                    ModelUnderTest{.model = one_shot, .program = UNBLOCK_PROGRAM},
                    ModelUnderTest{.model = one_shot, .program = UNBLOCK_PROGRAM, .threads = 3});

INSTANTIATE_TEST_SUITE_P(Epoll, Conformance, models, model_name);
INSTANTIATE_TEST_SUITE_P(Epoll, ProgramConformance, models, model_name);

}  // namespace
}  // namespace unblock
