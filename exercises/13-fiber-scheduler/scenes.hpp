#pragma once

#include <cstdint>
#include <deque>
#include <map>
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
inline Instruction spawn(std::int64_t fiber) { return {"spawn", fiber, ""}; }
inline Instruction join(std::int64_t fiber) { return {"join", fiber, ""}; }
/// Until so many milliseconds after the beginning.
inline Instruction sleep(std::int64_t milliseconds) { return {"sleep", milliseconds * 1000, ""}; }
inline Instruction fail_with(const std::string& word) { return {"throw", 0, word}; }

/// What the fibers say, and how run() ended.
struct Said {
  std::vector<std::string> lines;
  std::string ended;
};

/// Runs fibers of these programs: the first `spawned` of them are spawned before run(), the others
/// by fibers.
class FiberScene {
 public:
  explicit FiberScene(std::vector<Program> programs, const SubjectOptions& options = {})
      : subject_{options}, programs_{std::move(programs)} {
    for (std::size_t i = 0; i < programs_.size(); ++i) tell(i);
  }

  Subject& subject() { return subject_; }

  /// To the end. `later`: how many of the programs are spawned after that, for a second run().
  Said run(std::size_t spawned, std::size_t later = 0) {
    auto [ours, theirs] = socket_pair(subject_, "the fibers");
    std::vector<std::pair<std::int64_t, std::int64_t>> runs{{0, spawned}};
    if (later > 0) runs.emplace_back(spawned, spawned + later);
    Said said;
    said.ended = subject_.call<std::string>("run", std::move(theirs), false, programs_, runs);
    std::string text;
    for (Bytes bytes = ours.receive_some(); !bytes.empty(); bytes = ours.receive_some()) {
      text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      said.lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return said;
  }

  /// The first program, by a real clock; what it says comes over the Peer.
  std::pair<Call, Peer> start() {
    auto connection = socket_pair(subject_, "the fibers");
    Call call = subject_.start("run", std::move(connection.theirs), true, programs_,
                               std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 1}});
    return {std::move(call), std::move(connection.ours)};
  }

 private:
  void tell(std::size_t number) const {
    std::string text;
    for (const auto& [what, argument, word] : programs_[number]) {
      if (text.size() > 120) break;
      text += text.empty() ? what : ", " + what;
      if (what == "sleep") {
        text += fmt::format(" until {} ms", argument / 1000);
      } else if (what != "yield" && what != "say" && what != "throw" && what != "set") {
        text += fmt::format(" {}", argument);
      }
      if (!word.empty()) text += " " + word;
    }
    step("fiber {}: {}", number, text);
  }

  Subject subject_;
  std::vector<Program> programs_;
};

inline void expect_said(const Said& said, const std::vector<std::string>& expected,
                        const std::string& ended = "all have ended") {
  const auto shown = [](const std::vector<std::string>& lines) {
    return lines.empty() ? std::string{"nothing"} : fmt::format("{}", fmt::join(lines, ", "));
  };
  if (said.lines != expected) {
    fail({.what = "what the fibers say, in this order",
          .expected = shown(expected),
          .came = shown(said.lines)});
  }
  if (said.ended != ended) {
    fail({.what = "how run() ended", .expected = ended, .came = said.ended});
  }
}

/// What fibers that say, yield, spawn, join and throw should say, as the header has it.
class Model {
 public:
  explicit Model(std::vector<Program> programs) : programs_{std::move(programs)} {}

  std::vector<std::string> run(std::size_t spawned) {
    for (std::size_t i = 0; i < spawned; ++i) ready_.push_back(static_cast<std::int64_t>(i));
    while (!ready_.empty()) {
      const std::int64_t fiber = ready_.front();
      ready_.pop_front();
      resume(fiber);
    }
    return said_;
  }

 private:
  void resume(std::int64_t fiber) {
    const Program& program = programs_[static_cast<std::size_t>(fiber)];
    for (std::size_t& at = at_[fiber]; at < program.size();) {
      const auto& [what, number, word] = program[at];
      if (what == "join" && !ended_.contains(number)) {
        joiners_[number].push_back(fiber);
        return;
      }
      ++at;
      if (what == "say") said_.push_back(word);
      if (what == "spawn") ready_.push_back(number);
      if (what == "join" && !ended_[number].empty()) said_.push_back("caught " + ended_[number]);
      if (what == "throw") {
        end(fiber, word);
        return;
      }
      if (what == "yield") {
        ready_.push_back(fiber);
        return;
      }
    }
    end(fiber, "");
  }
  void end(std::int64_t fiber, const std::string& thrown) {
    ended_[fiber] = thrown;
    for (const std::int64_t joiner : joiners_[fiber]) ready_.push_back(joiner);
  }

  std::vector<Program> programs_;
  std::map<std::int64_t, std::size_t> at_;
  std::deque<std::int64_t> ready_;
  std::map<std::int64_t, std::vector<std::int64_t>> joiners_;
  std::map<std::int64_t, std::string> ended_;  // and what it has thrown
  std::vector<std::string> said_;
};

}  // namespace unblock::kit
