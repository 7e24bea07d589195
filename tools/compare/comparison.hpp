#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/compare/calls.hpp"
#include "tools/compare/loads.hpp"
#include "tools/compare/round.hpp"

namespace unblock {

/// A contender and its rounds; once it has a problem it takes part no more.
struct Entry {
  Contender contender;
  std::vector<Round> rounds;  ///< without a problem
  std::string problem;        ///< "did not start: ..."; empty where there is none
  CallCount calls;
};

/// Contenders side by side, under one load.
struct Comparison {
  Load load;
  RoundOptions options;
  std::size_t planned_rounds = 0;
  std::vector<Entry> entries;
  std::optional<Entry> twin;            ///< one of the contenders a second time, for the noise
  bool interrupted = false;             ///< entries hold what was measured before
  std::chrono::nanoseconds overhead{};  ///< time that went into no round's warm-up or measurement
};

/// Told what comes next: "round 1 of 5: epoll-lt".
using Progress = std::function<void(const std::string& what)>;

/// `rounds` times: one round of each contender in turn, and of the twin, so that a change of the
/// machine's pace hits all alike. Then, where `counts_calls`, a round of each to count its system
/// calls.
Comparison compare(const std::vector<Contender>& contenders, const Load& load,
                   const RoundOptions& options, std::size_t rounds, bool counts_calls,
                   const Interrupt& interrupt, const Progress& progress);

/// The entry that was measured twice, and what the others are compared with; nullptr where there is
/// none.
const Entry* reference_of(const Comparison& comparison);

}  // namespace unblock
