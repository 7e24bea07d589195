#include "context.hpp"

#include <unistd.h>

#include <cstring>
#include <memory>

#include <gtest/gtest.h>

namespace unblock::fibers {
namespace {

TEST(Stack, IsWholePagesWithAGuardPageBelow) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const Stack stack{page + 1};
  EXPECT_EQ(stack.size(), 2 * page);
  EXPECT_EQ(stack.top() - stack.bottom(), static_cast<std::ptrdiff_t>(2 * page));
  EXPECT_TRUE(stack.guards(stack.bottom() - 1));
  EXPECT_TRUE(stack.guards(stack.bottom() - page));
  EXPECT_FALSE(stack.guards(stack.bottom()));
  EXPECT_FALSE(stack.guards(stack.bottom() - page - 1));
}

TEST(Stack, HasMemoryWhereItWasTouched) {
  const Stack stack{64 * 1024};
  EXPECT_EQ(stack.resident_bytes(), 0U);
  std::memset(stack.top() - 1, 1, 1);
  EXPECT_EQ(stack.resident_bytes(), static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
}

TEST(Stack, IsRefusedWhereThereIsNoRoomForIt) {
  EXPECT_THROW(Stack{std::size_t{1} << 60U}, std::system_error);
}

struct Pair {
  Stack stack{64 * 1024};
  Context main;
  Context fiber;
};

// Returns something that depends on every frame, so that the calls are not made into a loop.
[[gnu::noinline]] std::size_t recurse(std::size_t depth) {
  volatile char frame[256] = {1};
  return depth == 0 ? 0 : recurse(depth - 1) + static_cast<std::size_t>(frame[0]);
}

TEST(StackDeathTest, AnOverflowIsStoppedByTheGuardPage) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        Pair pair;
        pair.fiber.prepare(
            pair.stack,
            [](void* argument) noexcept {
              recurse(1'000'000);
              auto& self = *static_cast<Pair*>(argument);
              Context::leave_for_good(self.fiber, self.main);
            },
            &pair);
        Context::switch_to(pair.main, pair.fiber);
      },
      "");
}

TEST(StackDeathTest, AFiberMustNotReturn) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        Pair pair;
        pair.fiber.prepare(
            pair.stack, [](void*) noexcept {}, nullptr);
        Context::switch_to(pair.main, pair.fiber);
      },
      "");
}

}  // namespace
}  // namespace unblock::fibers
