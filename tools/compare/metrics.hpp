#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/compare/comparison.hpp"

namespace unblock {

/// One thing that is measured of every server: a column of the table, a member of the JSON.
struct Metric {
  std::string id;        ///< "cpu_us_per_request"
  std::string name;      ///< "CPU per request"
  std::string unit;      ///< "µs"; empty for a plain number
  std::string above;     ///< the heading's upper line
  std::string heading;   ///< its lower line
  std::string meaning;   ///< a sentence
  bool is_cost = false;  ///< what it takes; else how fast it is
  bool more_is_better = false;
  bool worst_round_counts = false;  ///< the largest of the rounds; else their median
  bool is_ranked = true;            ///< whether the best is marked
  /// Of a round, where it can be told; for what is not measured in rounds, of all of it.
  std::function<std::optional<double>(const Round&)> of = {};
  std::function<std::optional<double>(const Entry&)> of_entry = {};
  std::function<std::string(double)> to_text = {};
};

/// In the order of the table's columns.
const std::vector<Metric>& metrics();

/// The metric with that id.
const Metric& metric(std::string_view id);

/// Of each round; for what is not measured in rounds, one number or none.
std::vector<double> values_of(const Metric& metric, const Entry& entry);

/// An entry's number; nothing where none was measured.
std::optional<double> summary(const Metric& metric, const Entry& entry);

/// Of all its rounds.
Failures failures_of(const Entry& entry);

/// Its latencies in all rounds together.
Histogram latency_of(const Entry& entry);

/// The client's CPU time as a share of one CPU, the median of its rounds; and whether it was the
/// client that was measured: it had a CPU of its own, and used it up.
double client_share(const Entry& entry);
bool client_is_bottleneck(const Entry& entry, Pinning pinning);

}  // namespace unblock
