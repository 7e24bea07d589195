#include "tools/compare/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "core/observe.hpp"

namespace unblock {
namespace {

// The largest k for which the interval between the k-th values from either end holds the median of
// what `count` values were drawn from with 15/16 or more. Each value lies below that median with
// 1/2, so that the interval misses it where fewer than k of them do, or fewer than k do not: a
// binomial distribution. At least 1.
std::size_t rank_for(std::size_t count) {
  double probability = std::pow(0.5, static_cast<double>(count));  // that none lies below
  double misses = 0;
  std::size_t rank = 0;
  for (std::size_t below = 0; below < count / 2; ++below) {
    misses += 2 * probability;
    if (misses > 1.0 / 16) break;
    rank = below + 1;
    probability *= static_cast<double>(count - below) / static_cast<double>(below + 1);
  }
  return std::max<std::size_t>(1, rank);
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  const double middle = median(values);
  std::sort(values.begin(), values.end());
  const std::size_t rank = rank_for(values.size());
  return {.low = values[rank - 1], .median = middle, .high = values[values.size() - rank]};
}

double deviation(double one, double other) {
  return std::max(one, other) / std::min(one, other) - 1;
}

}  // namespace unblock
