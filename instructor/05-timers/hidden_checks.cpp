#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "exercises/05-timers/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(Timers, FireByTheHundred) {
  RunningLoop loop;
  Random random;
  std::vector<std::pair<long, std::string>> timers;
  std::string orders;
  for (int i = 0; i < 200; ++i) {  // some have passed already, and some times occur twice
    const long time = static_cast<long>(random.number(0, 200)) * 1000 - 10'000;
    timers.emplace_back(time, fmt::format("t{}", i));
    orders += fmt::format("set t{} {}\n", i, time);
  }
  std::stable_sort(timers.begin(), timers.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  loop.orders().send(orders);
  for (const auto& [time, name] : timers) loop.expect_line(name);
}

TEST(Cancel, OfTheNextOneLeavesTheOthers) {
  RunningLoop loop;
  Random random;
  const std::string first = random.word(6);
  const std::string second = random.word(6);
  loop.orders().send(fmt::format("set {} 20000\nset {} 40000\n", first, second));
  loop.orders().send(fmt::format("cancel {}\n", first));
  loop.expect_line("cancelled-" + first);
  loop.expect_line(second);
}

TEST(Loop, LeavesTimersTheirTurn) {
  RunningLoop loop;
  Random random;
  const std::string name = random.word(6);
  loop.orders().send(fmt::format("watch-for-ever\nset {} 20000\n", name));
  loop.expect_line(name);
  loop.expect_answer(random);
}

}  // namespace
}  // namespace unblock::kit
