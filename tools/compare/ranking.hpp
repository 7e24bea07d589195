#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/compare/metrics.hpp"
#include "tools/compare/statistics.hpp"

namespace unblock {

/// Which servers differ, and which differ by less than this run can tell.

/// The entry's numbers as ratios to the reference's of the same rounds, so that what slows the
/// whole machine down does not count. Nothing where they have no round in common.
std::optional<Spread> paired_ratio(const Metric& metric, const Entry& entry,
                                   const Entry& reference);

/// By how much the median of a server's ratios to itself may be off 1 in this run, so that 0.02
/// stands for two percent: one of the servers is measured twice in each round. Nothing where that
/// could not be. Two servers that differ by less cannot be told apart by this run.
std::optional<double> noise(const Metric& metric, const Comparison& comparison);

/// For each entry, whether its number is the best of all, or nearer to the best than the noise.
/// Never for an entry with a problem or with connections that failed.
std::vector<bool> best_of(const Metric& metric, const Comparison& comparison);

/// Names of entries whose numbers differ by no more than the noise from one another, the best
/// first; groups of two and more. An entry may be in several. None that let clients down.
std::vector<std::vector<std::string>> indistinct(const Metric& metric,
                                                 const Comparison& comparison);

}  // namespace unblock
