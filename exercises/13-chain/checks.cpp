#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "exercises/13-chain/scenes.hpp"

namespace unblock::kit {
namespace {

std::string text(std::size_t number) { return std::to_string(number); }

TEST(Chain, RunsItsStagesInOrder) {
  Chains chains;
  Random random;
  const std::size_t given = random.number(1, 1000);
  const std::size_t a = random.number(1, 1000);
  const std::size_t b = random.number(2, 1000);
  chains.then("A", {{"add", text(a)}, {"times", text(b)}, {"add", text(a + b)}});
  chains.run("A", static_cast<int>(given));
  chains.expect_finished("int " + text((given + a) * b + a + b));
  chains.expect_stages_run({"add " + text(a), "times " + text(b), "add " + text(a + b)});
  chains.subject().finish();
}

TEST(Chain, HandsOnValuesOfAnyType) {
  Chains chains;
  Random random;
  const std::size_t given = random.number(1000, 9999);
  const std::size_t n = random.number(1, 1000);
  const std::string word = random.word(random.number(3, 12));
  chains.then("A", {{"box", ""}, {"unbox", ""}, {"add", text(n)}, {"text", ""}, {"append", word}});
  chains.run("A", static_cast<int>(given));
  chains.expect_finished("text " + text(given + n) + word);
  chains.then("B", {{"append", word}, {"length", ""}, {"box", ""}});
  chains.run("B", "text", random.word(n));
  chains.expect_finished("box " + text(n + word.size()));
  chains.subject().finish();
}

TEST(Chain, RunsNothingBeforeItIsRun) {
  Chains chains;
  Random random;
  const std::string n = text(random.number(1, 1000));
  chains.then("A", {{"add", n}, {"text", ""}, {"append", random.word(4)}});
  chains.expect_stages_run({});
  chains.subject().finish();
}

TEST(Suspend, HappensBetweenTwoStages) {
  Chains chains;
  Random random;
  const std::size_t n = random.number(1, 1000);
  const std::string word = random.word(5);
  chains.then("A", {{"add", text(n)}, {"text", ""}, {"append", word}, {"length", ""}});
  chains.run("A", 1, {2});
  chains.expect_suspended(2, "text " + text(n + 1));
  chains.expect_stages_run({"add " + text(n), "text "});
  chains.then("B", {{"add", text(n)}, {"box", ""}, {"unbox", ""}});
  chains.run("B", 2, {1, 2});
  chains.expect_suspended(1, "int " + text(n + 2));
  chains.expect_stages_run({"add " + text(n)});
  chains.then("C", {{"add", text(n)}, {"box", ""}, {"unbox", ""}});
  chains.run("C", 3, {2});
  chains.expect_suspended(2, "box " + text(n + 3));
  chains.subject().finish();
}

TEST(Suspend, IsAskedForOnceBetweenTwoStages) {
  Chains chains;
  chains.then("A", {{"add", "1"}, {"add", "2"}, {"add", "3"}, {"add", "4"}});
  chains.run("A", 0, {0, 4, 5});
  chains.expect_finished("int 10");
  chains.expect_asked({"asked 1", "asked 2", "asked 3"});
  chains.subject().finish();
}

TEST(Resume, GoesOnWhereItStopped) {
  Chains chains;
  Random random;
  const std::size_t a = random.number(1, 1000);
  const std::size_t b = random.number(2, 1000);
  const std::string word = random.word(5);
  chains.then("A", {{"add", text(a)}, {"times", text(b)}, {"text", ""}, {"append", word}});
  chains.run("A", 5, {1});
  chains.expect_stages_run({"add " + text(a)});
  chains.resume("A");
  chains.expect_finished("text " + text((5 + a) * b) + word);
  chains.expect_stages_run({"times " + text(b), "text ", "append " + word});
  chains.subject().finish();
}

TEST(Resume, MaySuspendAgain) {
  Chains chains;
  Random random;
  const std::size_t a = random.number(1, 1000);
  const std::size_t b = random.number(2, 1000);
  chains.then("A", {{"add", text(a)}, {"times", text(b)}, {"add", "7"}, {"box", ""}});
  chains.run("A", 5, {1});
  // It is not asked for stage 1 again: then it would never get any further.
  chains.resume("A", {1, 2, 3});
  chains.expect_suspended(2, "int " + text((5 + a) * b));
  chains.resume("A", {1, 2, 3});
  chains.expect_suspended(3, "int " + text((5 + a) * b + 7));
  chains.resume("A", {3});
  chains.expect_finished("box " + text((5 + a) * b + 7));
  chains.subject().finish();
}

TEST(Resume, KeepsChainsApart) {
  Chains chains;
  Random random;
  std::vector<std::size_t> numbers;
  const std::vector<std::string> names{"A", "B", "C"};
  for (const std::string& name : names) {
    numbers.push_back(random.number(1, 100'000));
    chains.then(name, {{"add", text(numbers.back())}, {"add", "1"}, {"text", ""}});
  }
  for (const std::string& name : names) chains.run(name, 1, {1});
  for (std::size_t i = names.size(); i-- > 0;) {
    chains.resume(names[i]);
    chains.expect_finished("text " + text(numbers[i] + 2));
  }
  chains.subject().finish();
}

TEST(Compose, MakesOneChainOfTwo) {
  Chains chains;
  Random random;
  const std::size_t a = random.number(1, 1000);
  const std::size_t b = random.number(2, 1000);
  const std::string word = random.word(5);
  chains.then("A", {{"add", text(a)}, {"times", text(b)}});
  chains.then("B", {{"add", text(b)}, {"text", ""}, {"append", word}});
  expect_equal("what then() with a whole chain came to", chains.append("A", "B"),
               std::string{"done"});
  chains.run("A", 0);
  chains.expect_finished("text " + text(a * b + b) + word);
  chains.expect_asked_among_others({"asked 3", "asked 4"});
  chains.subject().finish();
}

TEST(Types, MustFitWhereStagesMeet) {
  Chains chains;
  chains.then("A", {{"add", "1"}, {"text", ""}});
  const std::string cause = "compare what the new stage takes with what the last one gives";
  expect_equal("what then() came to, with a stage that takes an int behind one that gives a text",
               chains.then("A", {{"add", "2"}}), std::string{"wrong type"}, cause);
  expect_equal("what then() came to, with a stage that fits",
               chains.then("A", {{"append", "!"}, {"length", ""}, {"times", "100"}}),
               std::string{"done"}, cause);
  chains.run("A", 41);
  chains.expect_finished("int 300");
  chains.subject().finish();
}

TEST(Once, AChainIsRun) {
  Chains chains;
  chains.then("A", {{"add", "1"}, {"text", ""}});
  chains.run("A", 5);
  chains.run("A", 6);
  chains.expect_told("used up");
  expect_equal("what then() came to, after run()", chains.then("A", {{"append", "!"}}),
               std::string{"used up"});
  chains.then("B", {{"add", "1"}, {"text", ""}});
  chains.run("B", 5, {1});
  chains.run("B", 6);
  chains.expect_told("used up");
  chains.subject().finish();
}

TEST(Once, ASuspendedChainIsResumed) {
  Chains chains;
  chains.then("A", {{"add", "1"}, {"add", "2"}, {"text", ""}});
  chains.run("A", 5, {1});
  chains.resume("A");
  chains.resume("A");
  chains.expect_told("used up");
  chains.subject().finish();
}

TEST(Exceptions, ComeOutAsTheyAre) {
  Chains chains;
  Random random;
  const std::string word = random.word(6);
  chains.then("A", {{"add", "1"}, {"fail", word}, {"add", "2"}, {"add", "3"}});
  chains.run("A", 5);
  chains.expect_told("threw " + word);
  chains.expect_stages_run({"add 1", "fail " + word});
  chains.then("B", {{"add", "1"}, {"add", "2"}, {"fail", word}, {"add", "3"}});
  chains.run("B", 5, {1});
  chains.resume("B");
  chains.expect_told("threw " + word);
  chains.subject().finish();
}

TEST(Exceptions, EndTheChain) {
  Chains chains;
  Random random;
  const std::string word = random.word(6);
  chains.then("A", {{"add", "1"}, {"fail", word}, {"add", "2"}});
  chains.run("A", 5);
  chains.run("A", 5);
  chains.expect_told("used up");
  chains.then("B", {{"add", "1"}, {"add", "2"}, {"fail", word}, {"add", "3"}});
  chains.run("B", 5, {1});
  chains.resume("B");
  chains.resume("B");
  chains.expect_told("used up");
  chains.subject().finish();
}

TEST(Memory, OfWhatIsDroppedIsFree) {
  Chains chains{{.find_leaks = true}};
  chains.then("A", {{"add", "1"}, {"box", ""}, {"unbox", ""}, {"add", "2"}, {"add", "3"}});
  chains.run("A", 5, {2});
  chains.expect_not_run("add 3");
  chains.drop("A");
  chains.expect_not_run("add 3");
  chains.then("B", {{"add", "1"}, {"text", ""}});
  chains.drop("B");
  chains.subject().finish();
}

TEST(Length, OfFiftyThousandStages) {
  Chains chains;
  Random random;
  constexpr std::size_t stages = 50'000;
  const std::size_t at = random.number(20'000, 30'000);
  chains.then("A", std::vector<StageSpec>(stages, {"add", "1"}));
  chains.run("A", 0);
  chains.expect_finished("int " + text(stages));
  step("and one that is destroyed in the middle");
  chains.then("B", std::vector<StageSpec>(stages, {"add", "1"}));
  chains.run("B", 0, {at});
  chains.drop("B");
  chains.subject().finish();
}

}  // namespace
}  // namespace unblock::kit
