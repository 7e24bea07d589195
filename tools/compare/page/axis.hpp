#pragma once

#include <string>
#include <utility>
#include <vector>

namespace unblock::page {

struct Tick {
  double at = 0;
  std::string text;  ///< empty: a line without a number
};

/// Where numbers lie along one side of a plot.
struct Axis {
  double low = 0;
  double high = 1;
  bool is_log = false;
  std::vector<Tick> ticks;
  std::string label;

  /// 0 at the low end, 1 at the high one.
  [[nodiscard]] double share(double value) const;
};

/// From 0 to a round number that is not below `high`, with about five ticks.
Axis linear_axis(double high, std::string label);

/// From a round number to a round number around these two, which are above 0.
Axis log_axis(double low, double high, std::string label);

/// For shares of requests up to `highest` (0.99 for 99 %) where each factor of ten in what is
/// beyond takes the same room: 0, 90, 99, 99.9 %. Its places are given by percentile_place().
Axis percentile_axis(double highest);
double percentile_place(double share);

/// "0.5", "20", "3,000", "2 M"
std::string short_number(double number);

}  // namespace unblock::page
