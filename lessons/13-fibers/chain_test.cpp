#include "chain.hpp"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace unblock::fibers {
namespace {

const auto always = [](std::size_t) { return true; };

auto three_stages() {
  return first([] { return 20; })
      .then([](int number) { return number + 0.5; })
      .then([](double number) { return std::to_string(number); });
}
using ThreeStages = decltype(three_stages());

TEST(Chain, HandsEachResultToTheNextStage) { EXPECT_EQ(three_stages().run(), "20.500000"); }

TEST(Chain, IsSuspendedWithTheValueOnTheWay) {
  auto outcome = three_stages().run(always);
  auto& suspended = std::get<0>(outcome);
  EXPECT_EQ(suspended.next_stage(), 1U);
  EXPECT_EQ(suspended.value<int>(), 20);
  EXPECT_THROW((void)suspended.value<double>(), std::bad_variant_access);

  outcome = std::move(suspended).resume(always);
  EXPECT_EQ(std::get<0>(outcome).next_stage(), 2U);
  EXPECT_EQ(std::get<0>(outcome).value<double>(), 20.5);

  outcome = std::move(std::get<0>(outcome)).resume(always);
  EXPECT_EQ(std::get<1>(outcome).result, "20.500000");
}

TEST(Chain, IsSuspendedWhereItIsAskedTo) {
  auto outcome = three_stages().run([](std::size_t next_stage) { return next_stage == 2; });
  ASSERT_EQ(std::get<0>(outcome).next_stage(), 2U);
  EXPECT_EQ(std::move(std::get<0>(outcome)).resume(), "20.500000");
}

TEST(Chain, KeepsApartEqualTypesOfDifferentStages) {
  auto outcome = first([] { return 1; })
                     .then([](int n) { return n + 1; })
                     .then([](int n) { return n * 10; })
                     .run([](std::size_t next_stage) { return next_stage == 2; });
  EXPECT_EQ(std::get<0>(outcome).value<int>(), 2);
  EXPECT_EQ(std::move(std::get<0>(outcome)).resume(), 20);
}

TEST(Chain, CarriesValuesAndStagesThatCanOnlyBeMoved) {
  auto outcome = first([held = std::make_unique<int>(7)]() mutable {
                   return std::move(held);
                 }).then([](std::unique_ptr<int> held) {
                     return *held;
                   }).run(always);
  EXPECT_EQ(*std::get<0>(outcome).value<std::unique_ptr<int>>(), 7);
  EXPECT_EQ(std::move(std::get<0>(outcome)).resume(), 7);
}

TEST(Chain, HandsNothingOnFromAStageThatReturnsVoid) {
  int calls = 0;
  auto outcome =
      first([&] { ++calls; }).then([&] { return ++calls; }).then([&](int) {}).run(always);
  EXPECT_EQ(calls, 1);
  outcome = std::move(std::get<0>(outcome)).resume(always);
  EXPECT_EQ(std::get<0>(outcome).value<int>(), 2);
  std::move(std::get<0>(outcome)).resume();
}

TEST(Chain, OfOneStageIsNeverSuspended) {
  auto outcome = first([] { return 5; }).run(always);
  EXPECT_EQ(std::get<1>(outcome).result, 5);
}

TEST(Chain, EndsWithWhatAStageThrows) {
  const auto held = std::make_shared<int>(1);
  auto outcome = first([held] { return held; })
                     .then([](std::shared_ptr<int>) -> int { throw std::runtime_error{"stage 1"}; })
                     .then([](int n) { return n; })
                     .run(always);
  auto& suspended = std::get<0>(outcome);
  EXPECT_EQ(held.use_count(), 3);  // ours, the first stage's, the one on the way
  EXPECT_THROW(std::move(suspended).resume(), std::runtime_error);
  EXPECT_EQ(held.use_count(), 2);
  EXPECT_THROW(std::move(suspended).resume(), std::logic_error);
}

TEST(Chain, IsResumedOnce) {
  auto outcome = three_stages().run(always);
  auto& suspended = std::get<0>(outcome);
  EXPECT_EQ(std::move(suspended).resume(), "20.500000");
  EXPECT_THROW(std::move(suspended).resume(), std::logic_error);
}

TEST(Chain, IsDestroyedWhereItIsDropped) {
  const auto held = std::make_shared<int>(1);
  {
    const auto outcome =
        first([held] { return held; }).then([](std::shared_ptr<int>) {}).run(always);
    EXPECT_GT(held.use_count(), 1);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Chain, HasTypesThatTheCompilerKnows) {
  static_assert(std::is_same_v<ThreeStages::Taken<1>, int>);
  static_assert(std::is_same_v<ThreeStages::Taken<2>, double>);
  static_assert(std::is_same_v<ThreeStages::Result, std::string>);
}

}  // namespace
}  // namespace unblock::fibers
