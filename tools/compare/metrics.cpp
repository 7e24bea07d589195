#include "tools/compare/metrics.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/observe.hpp"
#include "tools/compare/table.hpp"

namespace unblock {
namespace {

double microseconds(double nanoseconds) { return nanoseconds / 1'000; }

std::function<double(const Round&)> latency_at(double quantile) {
  return [quantile](const Round& round) {
    return microseconds(static_cast<double>(round.latency.value_at(quantile)));
  };
}

// Whether its numbers may be called the best: not those of a server that let clients down, since
// the fewer it serves the better it looks.
bool may_win(const Entry& entry) {
  return entry.problem.empty() && !entry.rounds.empty() &&
         std::all_of(entry.rounds.begin(), entry.rounds.end(),
                     [](const Round& round) { return total(round.failures) == 0; });
}

}  // namespace

const std::vector<Metric>& metrics() {
  static const auto whole = [](double value) {
    return grouped(static_cast<std::uint64_t>(std::llround(value)));
  };
  static const std::vector<Metric> all{
      {.name = "requests/s",
       .above = "requests",
       .heading = "per s",
       .more_is_better = true,
       .of =
           [](const Round& round) {
             const double seconds = std::chrono::duration<double>{round.elapsed}.count();
             return static_cast<double>(round.requests) / seconds;
           },
       .to_text = whole},
      {.name = "p50",
       .above = "p50",
       .heading = "µs",
       .of = latency_at(0.50),
       .to_text = three_digits},
      {.name = "p99",
       .above = "p99",
       .heading = "µs",
       .of = latency_at(0.99),
       .to_text = three_digits},
      {.name = "max",
       .above = "max",
       .heading = "µs",
       .worst_round_counts = true,
       .of = latency_at(1),
       .to_text = three_digits},
      {.name = "CPU per request",
       .above = "CPU µs/",
       .heading = "request",
       .of =
           [](const Round& round) {
             return microseconds(static_cast<double>(round.server_cpu.count()) /
                                 static_cast<double>(std::max<std::uint64_t>(1, round.requests)));
           },
       .to_text = three_digits},
      {.name = "threads",
       .above = "",
       .heading = "threads",
       .worst_round_counts = true,
       .of = [](const Round& round) { return static_cast<double>(round.threads); },
       .to_text = whole},
      {.name = "memory",
       .above = "memory",
       .heading = "MiB",
       .worst_round_counts = true,
       .of =
           [](const Round& round) {
             return static_cast<double>(round.peak_memory) / (1024 * 1024);
           },
       .to_text = [](double value) { return fmt::format("{:.1f}", value); }},
  };
  return all;
}

double summary(const Metric& metric, const Entry& entry) {
  std::vector<double> values;
  for (const Round& round : entry.rounds) values.push_back(metric.of(round));
  return metric.worst_round_counts ? *std::max_element(values.begin(), values.end())
                                   : median(values);
}

std::optional<double> noise(const Metric& metric, const Comparison& comparison) {
  if (!comparison.twin) return std::nullopt;
  const auto original = std::find_if(
      comparison.entries.begin(), comparison.entries.end(),
      [&](const Entry& entry) { return entry.contender.name == comparison.twin->contender.name; });
  if (original == comparison.entries.end()) return std::nullopt;
  std::optional<double> largest;
  const std::size_t pairs = std::min(original->rounds.size(), comparison.twin->rounds.size());
  for (std::size_t i = 0; i < pairs; ++i) {
    const double one = metric.of(original->rounds[i]);
    const double other = metric.of(comparison.twin->rounds[i]);
    if (one <= 0 || other <= 0) continue;
    largest = std::max(largest.value_or(0), std::max(one, other) / std::min(one, other) - 1);
  }
  return largest;
}

std::vector<bool> best_of(const Metric& metric, const Comparison& comparison) {
  const double within = 1 + noise(metric, comparison).value_or(0);
  std::optional<double> best;
  for (const Entry& entry : comparison.entries) {
    if (!may_win(entry)) continue;
    const double value = summary(metric, entry);
    const bool better = metric.more_is_better ? value > best : value < best;
    if (!best || better) best = value;
  }
  std::vector<bool> marked;
  for (const Entry& entry : comparison.entries) {
    if (!may_win(entry)) {
      marked.push_back(false);
      continue;
    }
    const double value = summary(metric, entry);
    marked.push_back(metric.more_is_better ? value * within >= *best : value <= *best * within);
  }
  return marked;
}

}  // namespace unblock
