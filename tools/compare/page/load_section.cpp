#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tools/compare/metrics.hpp"
#include "tools/compare/page/markup.hpp"
#include "tools/compare/page/plot.hpp"
#include "tools/compare/page/sections.hpp"
#include "tools/compare/page/tables.hpp"
#include "tools/compare/ranking.hpp"
#include "tools/compare/report.hpp"
#include "tools/compare/text.hpp"

namespace unblock::page {
namespace {

std::string problem_of(const Entry& entry) {
  if (!entry.problem.empty()) return entry.problem;
  return entry.rounds.empty() ? "not measured" : "no request was answered";
}

// The bars of one metric. `length_of` is what is drawn, `aside_of` stands beside the number.
template <typename Length, typename Aside>
std::vector<BarPlot::Bar> bars_of(const Comparison& comparison, const Results& results,
                                  const Metric& metric, Length length_of, Aside aside_of) {
  const std::vector<bool> best = best_of(metric, comparison);
  std::vector<BarPlot::Bar> bars;
  for (std::size_t row = 0; row < comparison.entries.size(); ++row) {
    const Entry& entry = comparison.entries[row];
    const std::string& name = entry.contender.name;
    BarPlot::Bar bar{.model = {index_of(results, name), name}, .length = {}, .number = {}};
    const auto value = entry.problem.empty() ? summary(metric, entry) : std::nullopt;
    bar.length = value ? length_of(entry) : std::nullopt;
    if (bar.length) {
      bar.number = metric.to_text(*value);
      bar.aside = aside_of(entry);
      bar.is_best = best[row];
    } else {
      bar.note = problem_of(entry);
    }
    bars.push_back(std::move(bar));
  }
  return bars;
}

double longest(const std::vector<BarPlot::Bar>& bars) {
  double most = 0;
  for (const BarPlot::Bar& bar : bars) most = std::max(most, bar.length ? bar.length->high : 0);
  return most;
}

std::optional<Spread> spread_of_rounds(const Metric& metric, const Entry& entry) {
  const auto values = values_of(metric, entry);
  return values.empty() ? std::nullopt : std::optional{spread_of(values)};
}

std::string throughput(const Comparison& comparison, const Results& results,
                       const std::string& table) {
  const Metric& shown = metric("requests_per_second");
  const Entry* const reference = reference_of(comparison);
  BarPlot plot{.description =
                   "Requests per second of each model, as bars; the numbers are in the "
                   "table \"All numbers\".",
               .axis = {},
               .mark = {},
               .bars = {}};
  std::string below;
  if (reference != nullptr && summary(shown, *reference)) {
    const std::string& name = reference->contender.name;
    plot.bars = bars_of(
        comparison, results, shown,
        [&](const Entry& entry) { return paired_ratio(shown, entry, *reference); },
        [&](const Entry& entry) { return describe_ratio(entry, *reference); });
    plot.axis = linear_axis(longest(plot.bars), "ratio to " + cut(name, 24));
    plot.mark = 1;
    below = fmt::format(
        "The number is requests per second. The bar is its ratio to {} in the same rounds, which "
        "is 1; the bracket, how far the ratio may be off.",
        name);
  } else {
    plot.bars = bars_of(
        comparison, results, shown,
        [&](const Entry& entry) { return spread_of_rounds(shown, entry); },
        [](const Entry&) { return std::string{}; });
    plot.axis = linear_axis(longest(plot.bars), "requests per second");
    below = "The bracket shows how far the rounds differ.";
  }
  below += " ★ is the best, or nearer to it than the noise.";
  plot.description = fmt::format("Bars: {} The numbers are in the table {}.", below, table);
  return figure_html("Requests per second", draw(plot), below);
}

std::string cpu(const Comparison& comparison, const Results& results, const std::string& table) {
  const Metric& shown = metric("cpu_us_per_request");
  BarPlot plot{.description = {},
               .axis = {},
               .mark = {},
               .bars = bars_of(
                   comparison, results, shown,
                   [&](const Entry& entry) { return spread_of_rounds(shown, entry); },
                   [](const Entry&) { return std::string{}; })};
  plot.axis = linear_axis(longest(plot.bars), "µs of the server's CPU time");
  const std::string below =
      "What the server computes for each request, the kernel's work for it included: less is "
      "better. The bracket shows how far the rounds differ.";
  plot.description = fmt::format("Bars: {} The numbers are in the table {}.", below, table);
  return figure_html("CPU time per request", draw(plot), below);
}

// The distribution from the fastest fifth on, ten points for each factor of ten in what is beyond,
// and the largest value as far out as the number of requests reaches.
LinePlot::Line latency_line(const Entry& entry, const Results& results) {
  const Histogram latency = latency_of(entry);
  const std::string& name = entry.contender.name;
  LinePlot::Line line{.model = {index_of(results, name), name}, .points = {}, .markers = {}};
  const auto add = [&](double place, std::uint64_t nanoseconds, bool is_marked) {
    if (nanoseconds == 0) return;  // has no place on a logarithmic axis
    if (is_marked) line.markers.push_back(line.points.size());
    line.points.emplace_back(place, static_cast<double>(nanoseconds) / 1'000);
  };
  const double furthest = std::log10(static_cast<double>(latency.count()));
  // Not from 0 on: the fastest request of all would stretch the axis, and says little.
  for (int step = 1; step / 10.0 < furthest; ++step) {
    const double share = 1 - std::pow(10.0, -step / 10.0);
    add(percentile_place(share), latency.value_at(share), step % 10 == 3 || step % 10 == 0);
  }
  add(furthest, latency.max(), true);
  return line;
}

std::string latencies(const Comparison& comparison, const Results& results,
                      const std::string& table, std::size_t number) {
  LinePlot plot{.description = {}, .x = {}, .y = {}, .lines = {}};
  double low = 0;
  double high = 0;
  double furthest = 0;
  for (const Entry& entry : comparison.entries) {
    if (!entry.problem.empty()) continue;
    LinePlot::Line line = latency_line(entry, results);
    if (line.points.empty()) continue;
    for (const auto& [place, latency] : line.points) {
      low = low == 0 ? latency : std::min(low, latency);
      high = std::max(high, latency);
      furthest = std::max(furthest, place);
    }
    plot.lines.push_back(std::move(line));
  }
  if (plot.lines.empty()) return "";
  plot.x = percentile_axis(1 - std::pow(10.0, -furthest));
  plot.y = log_axis(low, high, "µs");
  plot.attributes = fmt::format(R"( data-latency="{}" data-places="{:.4f}")", number, plot.x.high);
  const std::string below =
      "How long a request took: one in two no longer than at 50, all but one in a hundred no "
      "longer than at 99, and so on, until the longest of all. Both axes are "
      "logarithmic.";
  plot.description = fmt::format(
      "Lines, one for each model: {} The main percentiles are in the table {}.", below, table);
  return figure_html("Latency by percentile", draw(plot), below);
}

}  // namespace

Section section_of(const Comparison& comparison, const Results& results, std::size_t number) {
  const std::string id = fmt::format("load-{}", number + 1);
  const std::string title = title_of(comparison.load);
  const std::string table = "\"All numbers under " + title + "\"";
  std::string html;
  if (!comparison.load.summary.empty()) {
    html += fmt::format("<p class=\"lead\">{}</p>\n", escaped(comparison.load.summary));
  }
  html += fmt::format(
      "<p class=\"plan\">{}</p>\n",
      escaped(describe_plan(comparison.load, comparison.options, comparison.planned_rounds)));
  html += "<div class=\"pair\">\n" + throughput(comparison, results, table) +
          cpu(comparison, results, table) + "</div>\n";
  html += latencies(comparison, results, table, number);
  html += "<h3>All numbers</h3>\n" + table_of(comparison, results, id + "-table");
  std::vector<std::string> remarks = remarks_on(comparison);
  remarks.push_back("noise: " + describe_noise(comparison));
  remarks.push_back("the load client: " + describe_client(comparison));
  html += "<h3>Remarks</h3>\n" + list_html(remarks);
  return {id, title, section_html(id, title, html)};
}

}  // namespace unblock::page
