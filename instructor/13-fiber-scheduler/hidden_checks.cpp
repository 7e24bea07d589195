#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "exercises/13-fiber-scheduler/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(Run, TellsADeadlock) {
  FiberScene scene{{{say("a"), join(1)}, {say("b"), join(0)}, {say("c")}}};
  expect_said(scene.run(3), {"a", "b", "c"}, "a deadlock");
  scene.subject().finish();
}

TEST(Run, MayBeCalledAgain) {
  Random random;
  const std::string word = random.word(5);
  FiberScene scene{{{say("first")}, {say("second"), say(word)}, {say("third")}}};
  expect_said(scene.run(1, 2), {"first", "second", word, "third"});
  scene.subject().finish();
}

TEST(Run, ThousandsAtATime) {
  FiberScene scene{{{{"all-at-once", 2000, ""}}}};
  expect_said(scene.run(1), {"ended 2000"});
  scene.subject().finish();
}

TEST(Exceptions, ComeToEachWhoJoinsAlsoLater) {
  const std::vector<Program> programs{{yield(), fail_with("it")},
                                      {join(0), say("one")},
                                      {join(0), say("two")},
                                      {yield(), yield(), yield(), yield(), join(0), say("three")}};
  FiberScene scene{programs};
  expect_said(scene.run(4), Model{programs}.run(4));
  scene.subject().finish();
}

TEST(Join, OfOneThatSleeps) {
  Random random;
  const std::string word = random.word(5);
  FiberScene scene{{{join(1), say(word)}, {sleep(20), say("awake")}}};
  expect_said(scene.run(2), {"awake", word});
  scene.subject().finish();
}

// Each fiber is spawned by one with a smaller number, and joined by such as well: no deadlock.
TEST(All, Together) {
  Random random;
  constexpr std::size_t fibers = 12;
  std::vector<Program> programs(fibers);
  for (std::size_t i = 0; i < fibers; ++i) {
    Program& program = programs[i];
    const auto talk = [&] {
      for (std::size_t turns = random.number(0, 3); turns > 0; --turns) {
        program.push_back(say(random.word(3) + std::to_string(i)));
        program.push_back(yield());
      }
    };
    talk();
    for (const std::size_t child : {2 * i + 1, 2 * i + 2}) {
      if (child < fibers) program.push_back(spawn(static_cast<std::int64_t>(child)));
    }
    talk();
    for (const std::size_t child : {2 * i + 2, 2 * i + 1}) {
      if (child < fibers) program.push_back(join(static_cast<std::int64_t>(child)));
    }
    program.push_back(say("end" + std::to_string(i)));
  }
  FiberScene scene{programs};
  expect_said(scene.run(1), Model{programs}.run(1));
  scene.subject().finish();
}

}  // namespace
}  // namespace unblock::kit
