#include <gtest/gtest.h>

#include "testkit/client.hpp"

namespace unblock {
namespace {

TEST(Pattern, DiffersFromSeedToSeed) {
  EXPECT_EQ(pattern(100, 1), pattern(100, 1));
  EXPECT_NE(pattern(100, 1), pattern(100, 2));
}

}  // namespace
}  // namespace unblock
