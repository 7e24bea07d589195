#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/compare/run.hpp"

namespace unblock {

/// One thing that is measured of every server: a column of the table.
struct Metric {
  std::string name;     ///< "CPU per request"
  std::string above;    ///< the heading's upper line
  std::string heading;  ///< its lower line, with the unit
  bool more_is_better = false;
  bool worst_round_counts = false;  ///< the largest of the rounds; else their median
  std::function<double(const Round&)> of;
  std::function<std::string(double)> to_text;
};

/// In the order of the table's columns.
const std::vector<Metric>& metrics();

/// An entry's number; it must have a round.
double summary(const Metric& metric, const Entry& entry);

/// By how much a server differs from itself, measured twice in each round: the largest deviation
/// from 1 among the rounds' ratios, so that 0.02 stands for two percent. Nothing where the two have
/// no round in common. Two servers that differ by less cannot be told apart by this run.
std::optional<double> noise(const Metric& metric, const Comparison& comparison);

/// For each entry, whether its number is the best of all, or nearer to the best than the noise.
/// Never for an entry with a problem or with connections that failed.
std::vector<bool> best_of(const Metric& metric, const Comparison& comparison);

}  // namespace unblock
