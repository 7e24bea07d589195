#include "tools/compare/comparison.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace unblock {
namespace {

// Who is measured twice: the steadiest server that we know, so that it shows the machine's noise
// and not its own; else the first that can be measured.
std::optional<Entry> choose_twin(const std::vector<Entry>& entries) {
  const Entry* chosen = nullptr;
  for (const Entry& entry : entries) {
    if (!entry.problem.empty()) continue;
    if (chosen == nullptr || entry.contender.name == "epoll-lt") chosen = &entry;
  }
  if (chosen == nullptr) return std::nullopt;
  return Entry{.contender = chosen->contender, .rounds = {}, .problem = {}, .calls = {}};
}

}  // namespace

Comparison compare(const std::vector<Contender>& contenders, const Load& load,
                   const RoundOptions& options, std::size_t rounds, bool counts_calls,
                   const Interrupt& interrupt, const Progress& progress) {
  Comparison result{.load = load, .options = options, .planned_rounds = rounds, .entries = {}};
  for (const Contender& contender : contenders) {
    result.entries.push_back({.contender = contender, .rounds = {}, .problem = {}, .calls = {}});
  }
  const auto begin = std::chrono::steady_clock::now();
  std::chrono::nanoseconds measured{};

  const auto take_turn = [&](Entry& entry, std::size_t round) {
    if (!entry.problem.empty() || result.interrupted) return;
    progress(fmt::format("round {} of {}: {}", round, rounds, entry.contender.name));
    std::optional<Round> outcome = run_round(entry.contender, options, interrupt);
    if (!outcome) {
      result.interrupted = true;
    } else if (outcome->problem.empty()) {
      measured += outcome->elapsed + options.warm_up;
      entry.rounds.push_back(std::move(*outcome));
    } else {
      entry.problem = outcome->problem;
    }
  };
  for (std::size_t round = 1; round <= rounds && !result.interrupted; ++round) {
    for (Entry& entry : result.entries) take_turn(entry, round);
    if (round == 1) result.twin = choose_twin(result.entries);
    if (result.twin) take_turn(*result.twin, round);
  }
  for (Entry& entry : result.entries) {
    if (!counts_calls || !entry.problem.empty() || interrupt.requested()) continue;
    progress(fmt::format("system calls: {}", entry.contender.name));
    entry.calls = count_calls(entry.contender, options, interrupt);
  }
  result.interrupted = interrupt.requested();
  result.overhead = std::chrono::steady_clock::now() - begin - measured;
  return result;
}

const Entry* reference_of(const Comparison& comparison) {
  if (!comparison.twin) return nullptr;
  const auto original = std::find_if(
      comparison.entries.begin(), comparison.entries.end(),
      [&](const Entry& entry) { return entry.contender.name == comparison.twin->contender.name; });
  return original == comparison.entries.end() ? nullptr : &*original;
}

}  // namespace unblock
