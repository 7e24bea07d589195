#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace unblock {

/// Counts values (latencies in nanoseconds, say) to three significant digits, in memory that does
/// not grow with their number. Up to 2048 each value has a bucket of its own; above, each power of
/// two is cut into 1024 equal buckets, so that a bucket is never wider than a thousandth of what it
/// counts (log-linear, after G. Tene's HdrHistogram). One thread at a time.
class Histogram {
 public:
  void record(std::uint64_t value) {
    const std::size_t bucket = bucket_of(value);
    if (bucket >= counts_.size()) counts_.resize(bucket + 1);
    ++counts_[bucket];
    ++count_;
    if (value > max_) max_ = value;
    if (value < min_) min_ = value;
  }

  /// Adds what another one has counted.
  void merge(const Histogram& other);

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

  /// Exact; 0 where nothing was recorded.
  [[nodiscard]] std::uint64_t min() const noexcept { return count_ == 0 ? 0 : min_; }
  [[nodiscard]] std::uint64_t max() const noexcept { return max_; }

  /// The value that the share `quantile` (0 to 1) of all values does not exceed: never below the
  /// exact one (the nearest rank), and above it by less than a thousandth. 0 where nothing was
  /// recorded.
  [[nodiscard]] std::uint64_t value_at(double quantile) const;

 private:
  static constexpr int precision_bits = 10;  // 1024 buckets to a power of two
  static constexpr std::uint64_t per_power = std::uint64_t{1} << precision_bits;

  // The first 2 * per_power values are their own buckets. From there on `shift` low bits are cut
  // off, so that per_power to 2 * per_power - 1 remain.
  static std::size_t bucket_of(std::uint64_t value) noexcept {
    if (value < 2 * per_power) return static_cast<std::size_t>(value);
    const int shift = 63 - precision_bits - std::countl_zero(value);
    return static_cast<std::size_t>(static_cast<std::uint64_t>(shift) * per_power +
                                    (value >> shift));
  }
  static std::uint64_t last_value_of(std::size_t bucket) noexcept;

  std::vector<std::uint64_t> counts_;  // as long as the largest value needs
  std::uint64_t count_ = 0;
  std::uint64_t min_ = ~std::uint64_t{0};
  std::uint64_t max_ = 0;
};

}  // namespace unblock
