#include "tools/load/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace unblock {

void Histogram::merge(const Histogram& other) {
  counts_.resize(std::max(counts_.size(), other.counts_.size()));
  for (std::size_t bucket = 0; bucket < other.counts_.size(); ++bucket) {
    counts_[bucket] += other.counts_[bucket];
  }
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::value_at(double quantile) const {
  const double rank = std::ceil(std::clamp(quantile, 0.0, 1.0) * static_cast<double>(count_));
  const std::uint64_t wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(rank));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted) return std::min(last_value_of(bucket), max_);
  }
  return max_;
}

std::uint64_t Histogram::last_value_of(std::size_t bucket) noexcept {
  if (bucket < 2 * per_power) return bucket;
  const std::uint64_t shift = bucket / per_power - 1;
  const std::uint64_t kept = bucket - shift * per_power;  // per_power to 2 * per_power - 1
  return (kept << shift) + ((std::uint64_t{1} << shift) - 1);
}

}  // namespace unblock
