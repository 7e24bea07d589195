#include "tools/compare/ranking.hpp"

#include <algorithm>
#include <utility>

namespace unblock {
namespace {

// Whether its numbers may be called the best: not those of a server that let clients down, since
// the fewer it serves the better it looks.
bool may_win(const Entry& entry) {
  return entry.problem.empty() && !entry.rounds.empty() && total(failures_of(entry)) == 0;
}

}  // namespace

std::optional<Spread> paired_ratio(const Metric& metric, const Entry& entry,
                                   const Entry& reference) {
  std::vector<double> ratios;
  const std::size_t pairs = std::min(entry.rounds.size(), reference.rounds.size());
  for (std::size_t i = 0; metric.of && i < pairs; ++i) {
    const auto one = metric.of(entry.rounds[i]);
    const auto other = metric.of(reference.rounds[i]);
    if (one && other && *one > 0 && *other > 0) ratios.push_back(*one / *other);
  }
  if (ratios.empty()) return std::nullopt;
  return spread_of(std::move(ratios));
}

std::optional<double> noise(const Metric& metric, const Comparison& comparison) {
  const Entry* const original = reference_of(comparison);
  if (original == nullptr) return std::nullopt;
  const auto ratio = paired_ratio(metric, *comparison.twin, *original);
  if (!ratio) return std::nullopt;
  return std::max(deviation(ratio->low, 1), deviation(ratio->high, 1));
}

std::vector<bool> best_of(const Metric& metric, const Comparison& comparison) {
  const double within = 1 + noise(metric, comparison).value_or(0);
  std::optional<double> best;
  for (const Entry& entry : comparison.entries) {
    const auto value = may_win(entry) ? summary(metric, entry) : std::nullopt;
    if (value && (!best || (metric.more_is_better ? *value > *best : *value < *best))) best = value;
  }
  std::vector<bool> marked;
  for (const Entry& entry : comparison.entries) {
    const auto value = may_win(entry) ? summary(metric, entry) : std::nullopt;
    marked.push_back(value && metric.is_ranked &&
                     (metric.more_is_better ? *value * within >= *best : *value <= *best * within));
  }
  return marked;
}

std::vector<std::vector<std::string>> indistinct(const Metric& metric,
                                                 const Comparison& comparison) {
  const auto margin = noise(metric, comparison);
  const Entry* const reference = reference_of(comparison);
  if (!margin || reference == nullptr) return {};
  std::vector<std::pair<double, std::string>> ratios;  // of 1 and more, from the best on
  for (const Entry& entry : comparison.entries) {
    if (!may_win(entry)) continue;
    if (const auto ratio = paired_ratio(metric, entry, *reference)) {
      ratios.emplace_back(metric.more_is_better ? 1 / ratio->median : ratio->median,
                          entry.contender.name);
    }
  }
  std::stable_sort(ratios.begin(), ratios.end(),
                   [](const auto& one, const auto& other) { return one.first < other.first; });

  std::vector<std::vector<std::string>> groups;
  std::size_t longest = 0;  // how far the group before reached
  for (std::size_t first = 0; first < ratios.size(); ++first) {
    std::size_t end = first;
    while (end < ratios.size() && ratios[end].first <= ratios[first].first * (1 + *margin)) ++end;
    if (end - first < 2 || end <= longest) continue;
    longest = end;
    groups.emplace_back();
    for (std::size_t i = first; i < end; ++i) groups.back().push_back(ratios[i].second);
  }
  return groups;
}

}  // namespace unblock
