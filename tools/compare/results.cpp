// The results as JSON. docs/compare-json.md describes each member: change both.

#include "tools/compare/results.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "tools/compare/machine.hpp"
#include "tools/compare/metrics.hpp"
#include "tools/compare/ranking.hpp"
#include "tools/compare/report.hpp"
#include "tools/compare/text.hpp"

namespace unblock {
namespace {

using Json = nlohmann::ordered_json;

constexpr int format_version = 1;

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>{time}.count();
}

Json or_null(const std::string& text) { return text.empty() ? Json{} : Json(text); }
Json or_null(const std::optional<double>& number) { return number ? Json(*number) : Json{}; }

Json json_of(const Machine& machine) {
  return {{"processor", or_null(machine.processor)},
          {"cpus", machine.cpus},
          {"architecture", machine.architecture},
          {"system", machine.system},
          {"text", describe(machine)}};
}

Json json_of(const Contender& contender) {
  return {{"name", contender.name},
          {"lesson", contender.lesson == 0 ? Json{} : Json(contender.lesson)},
          {"summary", or_null(contender.summary)},
          {"command", contender.command}};
}

Json json_of(const Metric& metric) {
  return {{"id", metric.id},
          {"name", metric.name},
          {"unit", or_null(metric.unit)},
          {"group", metric.is_cost ? "cost" : "speed"},
          {"better", !metric.is_ranked ? Json{} : Json(metric.more_is_better ? "more" : "less")},
          {"summary", metric.worst_round_counts ? "largest" : "median"},
          {"meaning", metric.meaning}};
}

Json json_of(const Load& load, const RoundOptions& options, std::size_t rounds) {
  const LoadOptions& asked = options.load;
  return {{"name", load.name},
          {"title", title_of(load)},
          {"summary", or_null(load.summary)},
          {"text", describe_plan(load, options, rounds)},
          {"flags", flags_of(asked)},
          {"connections", asked.connections},
          {"idle", asked.idle},
          {"slow", asked.slow},
          {"message_bytes", asked.message_bytes},
          {"pipeline", asked.pipeline},
          {"rate", asked.rate > 0 ? Json(asked.rate) : Json{}},
          {"reconnect", asked.reconnect},
          {"rounds", rounds},
          {"round_seconds", seconds(options.duration)},
          {"warm_up_seconds", seconds(options.warm_up)}};
}

// Points of the distribution, ten for each factor of ten in the distance to 1, as far as the number
// of values reaches; then the largest.
Json latency_curve(const Histogram& latency) {
  Json points = Json::array();
  for (int step = 0;; ++step) {
    const double beyond = std::pow(10.0, -step / 10.0);
    if (beyond * static_cast<double>(latency.count()) < 1) break;
    points.push_back({1 - beyond, static_cast<double>(latency.value_at(1 - beyond)) / 1'000});
  }
  if (latency.count() > 0) points.push_back({1.0, static_cast<double>(latency.max()) / 1'000});
  return {{"count", latency.count()}, {"points", std::move(points)}};
}

Json json_of(const Failures& failures) {
  Json kinds = Json::object();
  for (std::size_t kind = 0; kind < failure_kinds; ++kind) {
    std::string name = to_string(static_cast<Failure>(kind));
    std::replace(name.begin(), name.end(), ' ', '_');
    kinds[name] = failures[kind];
  }
  return kinds;
}

Json json_of(const std::optional<Spread>& spread) {
  if (!spread) return {};
  return {{"low", spread->low}, {"median", spread->median}, {"high", spread->high}};
}

Json measured(const Metric& metric, const Entry& entry, bool best, const Entry* reference) {
  Json json{{"value", or_null(summary(metric, entry))},
            {"best", best},
            {"rounds", metric.of_entry ? Json::array() : Json(values_of(metric, entry))}};
  const auto ratio = reference == nullptr ? std::nullopt : paired_ratio(metric, entry, *reference);
  json["ratio"] = json_of(ratio);
  return json;
}

Json json_of(const Entry& entry, std::size_t row, const Comparison& comparison,
             const std::vector<std::vector<bool>>& best) {
  const Entry* const reference = reference_of(comparison);
  Json json{{"model", entry.contender.name},
            {"problem", or_null(entry.problem)},
            {"rounds", entry.rounds.size()},
            {"metrics", Json::object()},
            {"latency_us", latency_curve(latency_of(entry))},
            {"failures", json_of(failures_of(entry))},
            {"syscalls_missing", or_null(entry.calls.missing)}};
  std::uint64_t never_sent = 0;
  Json remark;
  for (const Round& round : entry.rounds) {
    never_sent += round.never_sent;
    if (!round.remark.empty()) remark = round.remark;
  }
  json["never_sent"] = never_sent;
  json["remark"] = remark;
  json["client"] = {{"cpu_share", client_share(entry)},
                    {"is_bottleneck", client_is_bottleneck(entry, comparison.options.pinning)}};
  for (std::size_t column = 0; column < metrics().size(); ++column) {
    const Metric& metric = metrics()[column];
    json["metrics"][metric.id] = measured(metric, entry, best[column][row], reference);
  }
  return json;
}

Json json_of(const Comparison& comparison) {
  const Entry* const reference = reference_of(comparison);
  Json entries = Json::array();
  Json noises = Json::object();
  std::vector<std::vector<bool>> best;
  Json groups = Json::object();
  for (const Metric& metric : metrics()) {
    if (metric.is_ranked && metric.of) groups[metric.id] = indistinct(metric, comparison);
    best.push_back(best_of(metric, comparison));
    noises[metric.id] = or_null(noise(metric, comparison));
  }
  for (std::size_t row = 0; row < comparison.entries.size(); ++row) {
    entries.push_back(json_of(comparison.entries[row], row, comparison, best));
  }
  return {{"load", json_of(comparison.load, comparison.options, comparison.planned_rounds)},
          {"interrupted", comparison.interrupted},
          {"overhead_seconds", seconds(comparison.overhead)},
          {"reference", reference == nullptr ? Json{} : Json(reference->contender.name)},
          {"noise", {{"text", describe_noise(comparison)}, {"metrics", std::move(noises)}}},
          {"client", describe_client(comparison)},
          {"indistinct", std::move(groups)},
          {"remarks", remarks_on(comparison)},
          {"entries", std::move(entries)}};
}

Json json_of(const Scale& scale) {
  Json sweeps = Json::array();
  for (const Sweep& sweep : scale.sweeps) {
    Json points = Json::array();
    for (const ScalePoint& point : sweep.points) {
      points.push_back(
          {{"connections", point.connections}, {"comparison", json_of(point.comparison)}});
    }
    Json ends = Json::array();
    for (const ScaleEnd& end : sweep.ends) {
      ends.push_back(
          {{"model", end.name}, {"connections", end.connections}, {"reason", end.reason}});
    }
    sweeps.push_back({{"name", sweep.name},
                      {"summary", sweep.summary},
                      {"points", std::move(points)},
                      {"ends", std::move(ends)}});
  }
  return {{"connections", scale.connections},
          {"left_out", or_null(scale.left_out)},
          {"sweeps", std::move(sweeps)}};
}

}  // namespace

nlohmann::ordered_json to_json(const Results& results) {
  Json models = Json::array();
  for (const Contender& contender : results.contenders) models.push_back(json_of(contender));
  Json all_metrics = Json::array();
  for (const Metric& metric : metrics()) all_metrics.push_back(json_of(metric));
  Json loads = Json::array();
  for (const Comparison& comparison : results.comparisons) loads.push_back(json_of(comparison));
  const auto started = std::chrono::system_clock::to_time_t(results.started);
  return {{"format", "unblock-compare"},
          {"version", format_version},
          {"command", results.command},
          {"command_line", shell_line(results.command)},
          {"started", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(started))},
          {"elapsed_seconds", seconds(results.elapsed)},
          {"interrupted", results.interrupted},
          {"machine", json_of(this_machine())},
          {"pinning",
           {{"name", to_string(results.pinning)}, {"text", describe_pinning(results.pinning)}}},
          {"models", std::move(models)},
          {"metrics", std::move(all_metrics)},
          {"loads", std::move(loads)},
          {"scale", results.scale ? json_of(*results.scale) : Json{}}};
}

std::string shell_line(const std::vector<std::string>& words) {
  constexpr auto* plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,+@%";
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += ' ';
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) line += c == '\'' ? std::string{"'\\''"} : std::string(1, c);
    line += '\'';
  }
  return line;
}

}  // namespace unblock
