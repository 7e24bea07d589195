#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "exercises/05-timers/scenes.hpp"

namespace unblock::kit {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

constexpr long minute_us = 60'000'000;

TEST(Timers, FireInTheOrderOfTheirTimes) {
  RunningLoop loop;
  Random random;
  std::vector<std::pair<long, std::string>> timers;
  for (long i = 1; i <= 12; ++i)
    timers.emplace_back(30'000 + i * 10'000, random.word(5) + std::to_string(i));
  auto shuffled = timers;
  for (std::size_t i = shuffled.size(); i > 1; --i) {
    std::swap(shuffled[i - 1], shuffled[random.number(0, i - 1)]);
  }
  std::string orders;
  for (const auto& [time, name] : shuffled) orders += fmt::format("set {} {}\n", name, time);
  loop.orders().send(orders);
  for (const auto& [time, name] : timers) loop.expect_line(name);
}

TEST(Timers, AreNeverEarly) {
  RunningLoop loop;
  Random random;
  std::vector<std::pair<microseconds, std::string>> timers;
  std::string orders;
  for (int i = 1; i <= 4; ++i) {
    const microseconds delay{i * 20'000 + static_cast<long>(random.number(0, 10'000))};
    timers.emplace_back(delay, random.word(6));
    orders += fmt::format("set {} {}\n", timers.back().second, delay.count());
  }
  const auto before = steady_clock::now();
  loop.orders().send(orders + fmt::format("set late {}\n", minute_us));
  for (const auto& [delay, name] : timers) {
    loop.expect_line(name);
    const auto after = std::chrono::duration_cast<microseconds>(steady_clock::now() - before);
    if (after >= delay) continue;
    fail({.what = "a timer has fired before its time",
          .expected = fmt::format("{} us after it was set", delay.count()),
          .came = fmt::format("{} us after it was set", after.count())});
  }
  loop.expect_answer(random);
  loop.reports().expect_nothing();
}

TEST(Timers, FireAtOnceWhenTheirTimeHasPassed) {
  RunningLoop loop;
  Random random;
  for (const long time : {0L, -1L, -5'000'000L}) {
    const std::string name = random.word(6);
    loop.orders().send(fmt::format("set {} {}\n", name, time));
    loop.expect_line(name);
  }
}

TEST(Timers, MayBeEarlierThanThoseBefore) {
  RunningLoop loop;
  Random random;
  loop.orders().send(fmt::format("set late {}\n", minute_us));
  loop.expect_answer(random);
  loop.call().await_asleep();
  const std::string name = random.word(6);
  loop.orders().send(fmt::format("set {} {}\n", name, 20'000));
  loop.expect_line(name);
}

TEST(Timers, OfEqualTimesFireInTheOrderInWhichTheyWereSet) {
  RunningLoop loop;
  Random random;
  std::string orders;
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) {
    names.push_back(random.word(6));
    orders += fmt::format("set {} {}\n", names.back(), 30'000);
  }
  loop.orders().send(orders);
  for (const std::string& name : names) loop.expect_line(name);
}

TEST(Cancel, SilencesATimer) {
  RunningLoop loop;
  Random random;
  const std::string first = random.word(6);
  const std::string second = random.word(6);
  loop.orders().send(
      fmt::format("set {0} 20000\nset {1} 30000\nset last 40000\ncancel {1}\n", first, second));
  loop.expect_line("cancelled-" + second);
  loop.expect_line(first);
  loop.expect_line("last");
}

TEST(Cancel, TellsWhetherItWasInTime) {
  RunningLoop loop;
  Random random;
  const std::string name = random.word(6);
  loop.orders().send(fmt::format("set {} 20000\n", name));
  loop.expect_line(name);
  loop.orders().send(fmt::format("cancel {}\n", name));
  loop.expect_line("too-late-for-" + name);
  loop.orders().send(fmt::format("set {0} {1}\ncancel {0}\ncancel {0}\n", name, minute_us));
  loop.expect_line("cancelled-" + name);
  loop.expect_line("too-late-for-" + name);
}

TEST(Cancel, MayComeFromAnActionOfTheSameMoment) {
  RunningLoop loop;
  Random random;
  const std::string first = random.word(6);
  const std::string second = random.word(6);
  loop.orders().send(fmt::format("set-that-cancels {0} 30000 {1}\nset {1} 30000\n", first, second));
  loop.expect_line(first);
  loop.expect_line("cancelled-" + second);
  loop.expect_answer(random);
}

TEST(Actions, MaySetTimers) {
  RunningLoop loop;
  Random random;
  const std::string name = random.word(6);
  const std::size_t times = random.number(20, 40);
  loop.orders().send(fmt::format("repeat {} {}\n", name, times));
  for (std::size_t i = 0; i < times; ++i) loop.expect_line(name);
  loop.expect_answer(random);
}

TEST(Actions, LeaveDescriptorsTheirTurn) {
  RunningLoop loop;
  Random random;
  loop.orders().send("repeat-for-ever\n");
  for (int i = 0; i < 3; ++i) loop.expect_answer(random);
}

TEST(Loop, ServesDescriptors) {
  RunningLoop loop;
  Random random;
  for (int i = 0; i < 3; ++i) loop.expect_answer(random);
}

TEST(Loop, SleepsUntilSomethingIsDue) {
  RunningLoop loop;
  Random random;
  loop.orders().send("set first 20000\n");
  loop.expect_line("first");
  loop.subject().expect_idle(
      "nothing is set any more, and yet the timerfd is readable: read it, or "
      "set it anew, when it has expired");
  loop.orders().send(fmt::format("set second 20000\nset third {}\n", minute_us));
  loop.expect_line("second");
  loop.subject().expect_idle();
}

TEST(Loop, GoesOnAfterASignal) {
  RunningLoop loop;
  Random random;
  loop.expect_answer(random);
  loop.call().interrupt();
  loop.expect_answer(random);
}

TEST(Loop, NeedsOneTimerDescriptor) {
  RunningLoop loop;
  Random random;
  std::string orders;
  for (int i = 0; i < 150; ++i) orders += fmt::format("set t{} {}\n", i, minute_us + i);
  loop.orders().send(orders);
  loop.expect_answer(random);
  expect_equal("the number of timerfds, 150 timers being set",
               loop.subject().descriptors_of("anon_inode:[timerfd]").size(), std::size_t{1});
}

TEST(Loop, LeavesNothingBehind) {
  RunningLoop loop{{.find_leaks = true}};
  Random random;
  loop.orders().send(fmt::format("set soon 20000\nset late {}\n", minute_us));
  loop.expect_line("soon");
  loop.orders().send("stop\n");
  loop.call().result();
  loop.subject().expect_no_open_descriptors();
  loop.subject().finish();
}

}  // namespace
}  // namespace unblock::kit
