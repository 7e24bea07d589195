#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "exercises/13-fiber-scheduler/scenes.hpp"

namespace unblock::kit {
namespace {

std::vector<std::string> words(Random& random, std::size_t count) {
  std::vector<std::string> all;
  // The number keeps them different.
  for (std::size_t i = 0; i < count; ++i) all.push_back(random.word(5) + std::to_string(i));
  return all;
}

TEST(Run, RunsWhatWasSpawnedBefore) {
  Random random;
  const auto w = words(random, 5);
  std::vector<Program> programs;
  for (const std::string& word : w) programs.push_back({say(word)});
  FiberScene scene{programs};
  expect_said(scene.run(w.size()), w);
  scene.subject().finish();
}

TEST(Yield, LetsTheOthersRunInTurn) {
  Random random;
  std::vector<Program> programs;
  for (std::size_t fiber = 0; fiber < 4; ++fiber) {
    Program program;
    for (std::size_t turns = random.number(2, 5); turns > 0; --turns) {
      program.push_back(say(random.word(4) + std::to_string(fiber)));
      program.push_back(yield());
    }
    program.push_back(say("end" + std::to_string(fiber)));
    programs.push_back(program);
  }
  FiberScene scene{programs};
  expect_said(scene.run(programs.size()), Model{programs}.run(programs.size()));
  scene.subject().finish();
}

TEST(Spawn, PutsTheNewFiberAtTheEnd) {
  Random random;
  const auto w = words(random, 6);
  const std::vector<Program> programs{{say(w[0]), spawn(2), spawn(3), say(w[1])},
                                      {say(w[2])},
                                      {say(w[3]), spawn(4), say(w[4])},
                                      {say("three")},
                                      {say(w[5])}};
  FiberScene scene{programs};
  expect_said(scene.run(2), Model{programs}.run(2));
  scene.subject().finish();
}

TEST(Spawn, ManyFromWithinAFiber) {
  Random random;
  const auto number = static_cast<std::int64_t>(random.number(300, 500));
  FiberScene scene{{{{"all-at-once", number, ""}}}};
  expect_said(scene.run(1), {"ended " + std::to_string(number)});
  scene.subject().finish();
}

TEST(Join, WaitsForTheEnd) {
  Random random;
  const auto w = words(random, 4);
  FiberScene scene{{{spawn(1), say(w[0]), join(1), say(w[1])}, {say(w[2]), yield(), say(w[3])}}};
  expect_said(scene.run(1), {w[0], w[2], w[3], w[1]});
  scene.subject().finish();
}

TEST(Join, ReturnsAtOnceAfterTheEnd) {
  Random random;
  const auto w = words(random, 3);
  const std::vector<Program> programs{
      {say(w[0])}, {yield(), join(0), say(w[1])}, {yield(), say(w[2])}};
  FiberScene scene{programs};
  expect_said(scene.run(3), Model{programs}.run(3));
  scene.subject().finish();
}

TEST(Join, MayBeCalledBySeveral) {
  Random random;
  const auto w = words(random, 4);
  const std::vector<Program> programs{
      {yield(), say(w[0])}, {join(0), say(w[1])}, {join(0), say(w[2])}, {join(0), say(w[3])}};
  FiberScene scene{programs};
  expect_said(scene.run(4), Model{programs}.run(4));
  scene.subject().finish();
}

TEST(Sleep, LetsTheOthersRun) {
  Random random;
  const auto w = words(random, 4);
  FiberScene scene{
      {{say(w[0]), sleep(50), say("awake")}, {say(w[1]), yield(), say(w[2]), yield(), say(w[3])}}};
  expect_said(scene.run(2), {w[0], w[1], w[2], w[3], "awake"});
  scene.subject().finish();
}

TEST(Sleep, EndsInTheOrderOfTheTimes) {
  Random random;
  constexpr std::int64_t fibers = 8;
  std::vector<std::int64_t> times;
  for (std::int64_t i = 1; i <= fibers; ++i) times.push_back(10 * i);
  for (std::size_t i = times.size(); i > 1; --i) {
    std::swap(times[i - 1], times[random.number(0, i - 1)]);
  }
  std::vector<Program> programs;
  for (const std::int64_t time : times)
    programs.push_back({sleep(time), say("at" + std::to_string(time))});
  std::sort(times.begin(), times.end());
  std::vector<std::string> expected;
  for (const std::int64_t time : times) expected.push_back("at" + std::to_string(time));
  FiberScene scene{programs};
  expect_said(scene.run(programs.size()), expected);
  scene.subject().finish();
}

TEST(Sleep, IsNeverTooShort) {
  Random random;
  // The order does not matter here.
  std::vector<Program> programs;
  for (std::int64_t time = 200; time > 0; time -= 20) {
    programs.push_back({sleep(time - static_cast<std::int64_t>(random.number(1, 10)))});
  }
  programs.push_back({sleep(1000), {"tell", 0, "too early"}});
  FiberScene scene{programs};
  expect_said(scene.run(programs.size()), {"not too early"});
  scene.subject().finish();
}

TEST(Sleep, UsesNoCpu) {
  FiberScene scene{{{say("begun"), sleep(60'000), say("awake")}}};
  auto [call, said] = scene.start();
  said.expect("begun\n");
  scene.subject().expect_idle(
      "nobody can run before a fiber's time has come: have the thread sleep until then");
}

TEST(Sleep, EndsAlsoWhereOthersAreAlwaysReady) {
  FiberScene scene{{{{"yield-until", 30'000, "it"}}, {sleep(10), say("awake"), {"set", 0, "it"}}}};
  expect_said(scene.run(2), {"awake", "seen it"});
  scene.subject().finish();
}

TEST(Memory, OfEndedFibersIsUsedAgain) {
  // Each of them uses 40 KiB of its stack.
  constexpr std::int64_t fibers = 3000;
  constexpr std::size_t enough = std::size_t{80} << 20U;
  FiberScene scene{{{{"one-by-one", fibers, ""}, sleep(60'000), say("awake")}}};
  const std::size_t before = scene.subject().resident_bytes();
  auto [call, said] = scene.start();
  said.expect("ended " + std::to_string(fibers) + "\n");
  const std::size_t after = scene.subject().resident_bytes();
  if (after < before + enough) return;
  fail({.what = fmt::format("{} fibers have ended, one after another", fibers),
        .expected = fmt::format("that the program has grown by less than {} MB", enough >> 20U),
        .came = fmt::format("it has grown by {} MB", (after - before) >> 20U)});
}

TEST(Memory, IsFreeAtTheEnd) {
  FiberScene scene{{{say("a"), spawn(1), yield()}, {say("b")}}, {.find_leaks = true}};
  expect_said(scene.run(1), {"a", "b"});
  scene.subject().finish();
}

TEST(Exceptions, EndTheFiberAndNobodyElse) {
  Random random;
  const auto w = words(random, 4);
  FiberScene scene{{{say(w[0]), fail_with(w[1]), say("never")}, {say(w[2]), yield(), say(w[3])}}};
  expect_said(scene.run(2), {w[0], w[2], w[3]});
  scene.subject().finish();
}

TEST(Exceptions, ComeOutOfJoin) {
  Random random;
  const auto w = words(random, 2);
  const std::vector<Program> programs{{join(1), say(w[0])}, {yield(), fail_with(w[1])}};
  FiberScene scene{programs};
  expect_said(scene.run(2), {"caught " + w[1], w[0]});
  scene.subject().finish();
}

}  // namespace
}  // namespace unblock::kit
