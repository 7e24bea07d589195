#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "exercises/13-chain/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(Stages, AreDestroyedWhenTheyHaveRun) {
  Chains chains;
  chains.then("A", {{"add", "1"}, {"add", "2"}, {"add", "3"}});
  chains.run("A", 0, {1});
  chains.expect_events({"add 1", "destroyed add 1", "asked 1"});
  chains.subject().finish();
}

TEST(Stages, MayRunOtherChains) {
  Chains chains;
  Random random;
  const std::size_t n = random.number(1, 1000);
  chains.then("inner", {{"times", "2"}, {"add", std::to_string(n)}});
  chains.then("A", {{"add", "1"}, {"chain", "inner"}, {"times", "3"}, {"text", ""}});
  chains.run("A", 4);
  chains.expect_finished("text " + std::to_string((10 + n) * 3));
  chains.subject().finish();
}

TEST(Chain, MayBeEmpty) {
  Chains chains;
  Random random;
  const std::string word = random.word(5);
  chains.then("empty", {});
  chains.run("empty", "text", word);
  chains.expect_finished("text " + word);
  chains.then("A", {{"add", "1"}, {"text", ""}});
  chains.append("A", "nothing");
  chains.append("another", "A");
  chains.then("another", {{"append", word}});
  chains.run("another", 4);
  chains.expect_finished("text 5" + word);
  chains.subject().finish();
}

TEST(Types, MustFitWhereChainsMeetAndAtTheBeginning) {
  Chains chains;
  chains.then("A", {{"add", "1"}, {"add", "2"}});
  chains.then("B", {{"append", "!"}, {"length", ""}});
  expect_equal("what then() came to, with a chain that takes a text behind one that gives an int",
               chains.append("A", "B"), std::string{"wrong type"});
  chains.run("A", "text", "no number");
  chains.expect_told("wrong type");
  chains.expect_stages_run({});
  chains.run("A", 4);
  chains.expect_finished("int 7");
  chains.subject().finish();
}

TEST(Resume, MayHappenOnAnotherThread) {
  Chains chains;
  Random random;
  const std::size_t n = random.number(1, 1000);
  chains.then("A", {{"add", std::to_string(n)}, {"times", "2"}, {"text", ""}});
  chains.run("A", 1, {1});
  chains.resume_on_another_thread("A");
  chains.expect_finished("text " + std::to_string(2 * n + 2));
  chains.subject().finish();
}

TEST(Exceptions, DestroyWhatIsLeftBeforeTheyComeOut) {
  Chains chains;
  chains.then("A", {{"fail", "x"}, {"add", "2"}});
  chains.run("A", 0);
  auto events = chains.subject().call<std::vector<std::string>>("events");
  expect(!events.empty() && events.back() == "caught" && events.size() == 4,
         "when the exception came out of run(), the stages were not destroyed yet");
  chains.subject().finish();
}

}  // namespace
}  // namespace unblock::kit
