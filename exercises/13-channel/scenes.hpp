#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "exercises/kit/peer.hpp"
#include "exercises/kit/subject.hpp"

/// What the checks of this exercise have in common.
namespace unblock::kit {

/// What a fiber of subject.cpp does.
using Instruction = std::tuple<std::string, std::int64_t, std::string>;
using Program = std::vector<Instruction>;

inline Instruction say(const std::string& word) { return {"say", 0, word}; }
inline Instruction yield() { return {"yield", 0, ""}; }
/// Says "sent WORD", or "not sent WORD".
inline Instruction send(const std::string& word, std::int64_t channel = 0) {
  return {"send", channel, word};
}
/// Says what it has received, or "the end".
inline Instruction receive(std::int64_t channel = 0) { return {"receive", channel, ""}; }
inline Instruction close(std::int64_t channel = 0) { return {"close", channel, ""}; }
inline Instruction wake_for_nothing(std::int64_t fiber) { return {"wake-for-nothing", fiber, ""}; }
/// Says "sends FIBER WORD" before it, and "sent FIBER WORD" after it.
inline Instruction trace_send(const std::string& word) { return {"trace-send", 0, word}; }
/// Says "asks FIBER", and "gets FIBER WORD".
inline Instruction trace_receive() { return {"trace-receive", 0, ""}; }

/// What fibers of these programs say, on channels of these capacities. Returns when none of them
/// can run any more.
inline std::vector<std::string> run_fibers(Subject& subject,
                                           const std::vector<std::size_t>& capacities,
                                           const std::vector<Program>& programs) {
  step("channels of capacity {}", fmt::join(capacities, ", "));
  for (std::size_t i = 0; i < programs.size(); ++i) {
    std::string text;
    for (const auto& [what, number, word] : programs[i]) {
      if (text.size() > 120) break;
      text += (text.empty() ? "" : ", ") + what;
      if (!word.empty()) text += " " + word;
      if (what == "wake-for-nothing") text += fmt::format(" {}", number);
      if (what != "wake-for-nothing" && number > 0) text += fmt::format(" (channel {})", number);
    }
    step("fiber {}: {}", i, text);
  }
  auto [ours, theirs] = socket_pair(subject, "the fibers");
  Call call = subject.start("run", std::move(theirs), capacities, programs);
  std::string text;
  for (Bytes bytes = ours.receive_some(); !bytes.empty(); bytes = ours.receive_some()) {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  call.result();
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

inline std::string shown(const std::vector<std::string>& lines) {
  return lines.empty() ? "nothing" : fmt::format("{}", fmt::join(lines, ", "));
}

/// The lines that are no "sent WORD" are these, in this order.
inline void expect_received(std::vector<std::string> lines,
                            const std::vector<std::string>& expected) {
  std::erase_if(lines, [](const std::string& line) { return line.starts_with("sent "); });
  if (lines == expected) return;
  fail({.what = "what the fibers say (sends apart), in this order",
        .expected = shown(expected),
        .came = shown(lines)});
}

/// These lines and no others, in any order; `expected` is sorted.
inline void expect_same(std::vector<std::string> lines, const std::vector<std::string>& expected) {
  std::sort(lines.begin(), lines.end());
  if (lines == expected) return;
  fail({.what = "what the fibers say, sorted", .expected = shown(expected), .came = shown(lines)});
}

/// These lines are there, in this order, among others.
inline void expect_in_order(const std::vector<std::string>& lines,
                            const std::vector<std::string>& expected) {
  auto at = lines.begin();
  for (const std::string& line : expected) {
    at = std::find(at, lines.end(), line);
    if (at == lines.end()) {
      fail({.what = "what the fibers say, in this order, maybe with more in between",
            .expected = shown(expected),
            .came = shown(lines)});
    }
    ++at;
  }
}

inline void expect_among(const std::vector<std::string>& lines,
                         const std::vector<std::string>& expected) {
  for (const std::string& line : expected) {
    if (std::find(lines.begin(), lines.end(), line) != lines.end()) continue;
    fail({.what = "what the fibers say, in any order",
          .expected = shown(expected),
          .came = shown(lines)});
  }
}

}  // namespace unblock::kit
