#include "tools/compare/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "core/observe.hpp"
#include "tools/compare/text.hpp"

namespace unblock {
namespace {

double microseconds(double nanoseconds) { return nanoseconds / 1'000; }

std::string whole(double value) { return grouped(static_cast<std::uint64_t>(std::llround(value))); }
std::string tenths(double value) { return fmt::format("{:.1f}", value); }

std::optional<double> requests_per_second(const Round& round) {
  const double seconds = std::chrono::duration<double>{round.elapsed}.count();
  if (seconds <= 0) return std::nullopt;
  return static_cast<double>(round.requests) / seconds;
}

std::optional<double> cpu_per_request(const Round& round) {
  if (round.requests == 0) return std::nullopt;
  return microseconds(static_cast<double>(round.server_cpu.count()) /
                      static_cast<double>(round.requests));
}

std::optional<double> per_answer(std::uint64_t count, const Round& round) {
  if (round.answers == 0) return std::nullopt;
  return static_cast<double>(count) / static_cast<double>(round.answers);
}

std::optional<double> memory_per_connection(const Round& round) {
  if (round.more_connections == 0) return std::nullopt;
  return static_cast<double>(round.memory_for_connections) / 1024 /
         static_cast<double>(round.more_connections);
}

std::function<std::optional<double>(const Round&)> latency_at(double quantile) {
  return [quantile](const Round& round) -> std::optional<double> {
    if (round.latency.count() == 0) return std::nullopt;
    return microseconds(static_cast<double>(round.latency.value_at(quantile)));
  };
}

std::vector<Metric> speed_metrics() {
  const auto latency = [](std::string id, std::string name, std::string meaning, double quantile) {
    return Metric{.id = std::move(id),
                  .name = name,
                  .unit = "µs",
                  .above = name,
                  .heading = "µs",
                  .meaning = std::move(meaning),
                  .of = latency_at(quantile),
                  .to_text = three_digits};
  };
  std::vector<Metric> all{
      {.id = "requests_per_second",
       .name = "requests/s",
       .unit = "1/s",
       .above = "requests",
       .heading = "per s",
       .meaning = "Requests whose answer was complete and right, per second.",
       .more_is_better = true,
       .of = requests_per_second,
       .to_text = whole},
      latency("p50_us", "p50", "Half of the requests were answered in this time.", 0.5),
      latency("p99_us", "p99", "99 of 100 requests were answered in this time.", 0.99),
      latency("p999_us", "p99.9", "999 of 1,000 requests were answered in this time.", 0.999),
      latency("max_us", "max", "The longest that any request took, in any round.", 1)};
  all.back().worst_round_counts = true;
  return all;
}

// Of the server's CPU time in all rounds, what it spent outside the kernel. The kernel finds out by
// sampling, so that a single round would say little.
std::optional<double> user_share(const Entry& entry) {
  double user = 0;
  double both = 0;
  for (const Round& round : entry.rounds) {
    user += round.user_cpu_in_life;
    both += round.user_cpu_in_life + round.system_cpu_in_life;
  }
  return both > 0 ? std::optional{user / both} : std::nullopt;
}

std::vector<Metric> cpu_metrics() {
  return {{.id = "cpu_us_per_request",
           .name = "CPU per request",
           .unit = "µs",
           .above = "CPU",
           .heading = "µs",
           .meaning = "CPU time of the server for each request; also CPU seconds per million "
                      "requests.",
           .is_cost = true,
           .of = cpu_per_request,
           .to_text = three_digits},
          {.id = "user_share",
           .name = "share of the CPU time outside the kernel",
           .above = "user",
           .heading = "%",
           .meaning = "Of the server's CPU time, what it spent outside the kernel, over its life "
                      "(getrusage); from 0 to 1.",
           .is_cost = true,
           .is_ranked = false,
           .of_entry = user_share,
           .to_text = [](double value) { return fmt::format("{:.0f}", value * 100); }},
          {.id = "syscalls_per_request",
           .name = "system calls per request",
           .above = "",
           .heading = "calls",
           .meaning = "System calls of the server for each request, counted in a round of its own.",
           .is_cost = true,
           .of_entry = [](const Entry& entry) { return entry.calls.per_request; },
           .to_text = three_digits},
          {.id = "voluntary_switches_per_request",
           .name = "voluntary context switches per request",
           .above = "",
           .heading = "waits",
           .meaning = "Times that a thread of the server left the CPU because it waited, for each "
                      "answer in the server's life.",
           .is_cost = true,
           .of = [](const Round& round) { return per_answer(round.voluntary_switches, round); },
           .to_text = three_digits},
          {.id = "involuntary_switches_per_request",
           .name = "involuntary context switches per request",
           .above = "",
           .heading = "forced",
           .meaning = "Times that a thread of the server had to leave the CPU for another one, for "
                      "each answer in the server's life.",
           .is_cost = true,
           .of = [](const Round& round) { return per_answer(round.involuntary_switches, round); },
           .to_text = three_digits}};
}

std::vector<Metric> room_metrics() {
  return {{.id = "threads",
           .name = "threads",
           .above = "",
           .heading = "threads",
           .meaning = "Most threads seen. A lesson's program has one more than its model: it waits "
                      "for Ctrl-C.",
           .is_cost = true,
           .worst_round_counts = true,
           .of = [](const Round& round) { return std::optional<double>(round.threads); },
           .to_text = whole},
          {.id = "memory_mib",
           .name = "memory",
           .unit = "MiB",
           .above = "",
           .heading = "MiB",
           .meaning = "Resident memory of the server at its peak.",
           .is_cost = true,
           .worst_round_counts = true,
           .of =
               [](const Round& round) {
                 return std::optional{static_cast<double>(round.peak_memory) / (1024 * 1024)};
               },
           .to_text = tenths},
          {.id = "memory_kib_per_connection",
           .name = "memory per connection",
           .unit = "KiB",
           .above = "KiB/",
           .heading = "conn.",
           .meaning = "Resident memory that came with the connections after the first one, for "
                      "each of them.",
           .is_cost = true,
           .of = memory_per_connection,
           .to_text = tenths}};
}

}  // namespace

const std::vector<Metric>& metrics() {
  static const std::vector<Metric> all = [] {
    std::vector<Metric> joined = speed_metrics();
    for (const auto& part : {cpu_metrics(), room_metrics()}) {
      joined.insert(joined.end(), part.begin(), part.end());
    }
    return joined;
  }();
  return all;
}

const Metric& metric(std::string_view id) {
  const auto found = std::find_if(metrics().begin(), metrics().end(),
                                  [&](const Metric& candidate) { return candidate.id == id; });
  if (found == metrics().end()) throw std::out_of_range{fmt::format("there is no metric {}", id)};
  return *found;
}

std::vector<double> values_of(const Metric& metric, const Entry& entry) {
  std::vector<double> values;
  if (metric.of_entry) {
    if (const auto value = metric.of_entry(entry)) values.push_back(*value);
    return values;
  }
  for (const Round& round : entry.rounds) {
    if (const auto value = metric.of(round)) values.push_back(*value);
  }
  return values;
}

std::optional<double> summary(const Metric& metric, const Entry& entry) {
  const std::vector<double> values = values_of(metric, entry);
  if (values.empty()) return std::nullopt;
  return metric.worst_round_counts ? *std::max_element(values.begin(), values.end())
                                   : median(values);
}

Failures failures_of(const Entry& entry) {
  Failures sum{};
  for (const Round& round : entry.rounds) {
    std::transform(sum.begin(), sum.end(), round.failures.begin(), sum.begin(), std::plus<>{});
  }
  return sum;
}

Histogram latency_of(const Entry& entry) {
  Histogram all;
  for (const Round& round : entry.rounds) all.merge(round.latency);
  return all;
}

double client_share(const Entry& entry) {
  std::vector<double> shares;
  for (const Round& round : entry.rounds) {
    if (round.elapsed.count() > 0) {
      shares.push_back(std::chrono::duration<double>{round.client_cpu} / round.elapsed);
    }
  }
  return shares.empty() ? 0 : median(shares);
}

bool client_is_bottleneck(const Entry& entry, Pinning pinning) {
  return pinning != Pinning::same && client_share(entry) > 0.95;
}

}  // namespace unblock
