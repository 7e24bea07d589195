#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "exercises/13-channel/scenes.hpp"

namespace unblock::kit {
namespace {

// What the header promises of any run, whoever is woken first.
void expect_promises(const std::vector<std::string>& lines, std::size_t capacity) {
  std::vector<std::string> sent_in_order;
  std::vector<std::string> asked_in_order;
  std::map<std::string, std::size_t> call_of;  // a sent word, an asking fiber: which call it is
  for (const std::string& line : lines) {
    std::istringstream parts{line};
    std::string what;
    std::string fiber;
    std::string word;
    parts >> what >> fiber >> word;
    if (what == "sends") {
      call_of[word] = sent_in_order.size();
      sent_in_order.push_back(word);
    } else if (what == "asks") {
      call_of[fiber] = asked_in_order.size();
      asked_in_order.push_back(fiber);
    } else if (what == "sent" && call_of[word] + 1 > capacity + asked_in_order.size()) {
      fail({.what = fmt::format("call {} of send() has returned after {} calls of receive(); the "
                                "channel's capacity is {}",
                                call_of[word] + 1, asked_in_order.size(), capacity),
            .came = shown(lines)});
    } else if (what == "gets") {
      const std::size_t call = call_of[fiber];
      if (call < sent_in_order.size() && sent_in_order[call] == word) continue;
      fail({.what = fmt::format("what call {} of receive() gets", call + 1),
            .expected = call < sent_in_order.size() ? sent_in_order[call] : "nothing yet",
            .came = fmt::format("{}, in: {}", word, shown(lines))});
    }
  }
}

TEST(All, InAnyOrderOfCalls) {
  Subject subject;
  Random random;
  for (const std::size_t capacity : {0, 1, 2, 3, 0, 1, 2, 3}) {
    std::vector<Program> programs(6);
    const std::size_t values = random.number(10, 20);
    const auto add = [&](std::size_t fiber, const Instruction& instruction) {
      for (std::size_t turns = random.number(0, 2); turns > 0; --turns) {
        programs[fiber].push_back(yield());
      }
      programs[fiber].push_back(instruction);
    };
    for (std::size_t i = 0; i < values; ++i) {
      add(random.number(0, 2), trace_send(random.word(3) + std::to_string(i)));
      add(random.number(3, 5), trace_receive());
    }
    const auto lines = run_fibers(subject, {capacity}, programs);
    expect_promises(lines, capacity);
    expect_equal("the number of lines: two for each call of send() and receive()", lines.size(),
                 4 * values);
  }
  subject.finish();
}

TEST(Channels, InARow) {
  Subject subject;
  Random random;
  const std::string a = random.word(5);
  const std::string b = random.word(5);
  const auto lines = run_fibers(subject, {0, 1},
                                {{receive(0), send(b, 1), receive(0), send(a, 1)},
                                 {send(a, 0), receive(1), send(b, 0), receive(1)}});
  expect_received(lines, {a, b, b, a});
  subject.finish();
}

TEST(Close, ASecondTimeChangesNothing) {
  Subject subject;
  Random random;
  const std::string word = random.word(5);
  const auto lines =
      run_fibers(subject, {2}, {{send(word), close(), close(), receive(), close(), receive()}});
  expect_received(lines, {word, "the end"});
  subject.finish();
}

TEST(Memory, OfWhatNobodyReceivesIsFree) {
  Subject subject{{.find_leaks = true}};
  Random random;
  const auto lines =
      run_fibers(subject, {1}, {{send(random.word(100)), close(), send(random.word(100))}});
  expect_equal("how many lines the fibers say", lines.size(), std::size_t{2});
  subject.finish();
}

}  // namespace
}  // namespace unblock::kit
