#pragma once

#include <vector>

namespace unblock {

/// A median of few measurements, and how far it can be trusted.
struct Spread {
  double low = 0;
  double median = 0;
  double high = 0;
};

/// The median of `values`, and an interval that holds the true median at least 15 times out of 16:
/// from the k-th smallest value to the k-th largest, with k as large as that allows. No assumption
/// is made about how the values are distributed. Below five values the interval is all of them, and
/// holds the true median less often. `values` must not be empty.
Spread spread_of(std::vector<double> values);

/// The larger of `one` / `other` and its inverse, less 1: 0.02 for two percent, whichever is
/// larger. Both must be above 0.
double deviation(double one, double other);

}  // namespace unblock
