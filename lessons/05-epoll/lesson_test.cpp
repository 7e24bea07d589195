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

const ModelsUnderTest models{
    ModelUnderTest{.model = level, .program = UNBLOCK_PROGRAM},
    ModelUnderTest{.model = edge, .program = UNBLOCK_PROGRAM},
    ModelUnderTest{.model = one_shot, .program = UNBLOCK_PROGRAM},
    ModelUnderTest{.model = one_shot, .program = UNBLOCK_PROGRAM, .threads = 3}};

UNBLOCK_CONFORMANCE(Epoll, models);

}  // namespace
}  // namespace unblock
