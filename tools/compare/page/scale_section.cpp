#include <algorithm>
#include <cctype>
#include <cmath>

#include <fmt/format.h>

#include "tools/compare/metrics.hpp"
#include "tools/compare/page/markup.hpp"
#include "tools/compare/page/plot.hpp"
#include "tools/compare/page/sections.hpp"
#include "tools/compare/page/tables.hpp"
#include "tools/compare/text.hpp"

namespace unblock::page {
namespace {

std::optional<double> value_at(const Sweep& sweep, const ScalePoint& point, const Metric& metric,
                               const std::string& name) {
  if (has_ended_at(sweep, name, point.connections)) return std::nullopt;
  for (const Entry& entry : point.comparison.entries) {
    if (entry.contender.name == name) return summary(metric, entry);
  }
  return std::nullopt;
}

LinePlot::Line line_of(const Sweep& sweep, const Metric& metric, std::size_t index,
                       const std::string& name) {
  LinePlot::Line line{.model = {index, name}, .points = {}, .markers = {}};
  for (const ScalePoint& point : sweep.points) {
    const auto value = value_at(sweep, point, metric, name);
    if (!value || *value <= 0) continue;  // has no place on a logarithmic axis
    line.markers.push_back(line.points.size());
    line.points.emplace_back(static_cast<double>(point.connections), *value);
  }
  for (const ScaleEnd& end : sweep.ends) {
    if (end.name == name) line.end = end.reason;
  }
  return line;
}

std::string plot_of(const Sweep& sweep, const Metric& metric, const Results& results,
                    const std::string& heading) {
  LinePlot plot{.description = {}, .x = {}, .y = {}, .lines = {}};
  double low = 0;
  double high = 0;
  for (std::size_t i = 0; i < results.contenders.size(); ++i) {
    LinePlot::Line line = line_of(sweep, metric, i, results.contenders[i].name);
    if (line.points.empty()) continue;
    for (const auto& [connections, value] : line.points) {
      low = low == 0 ? value : std::min(low, value);
      high = std::max(high, value);
    }
    plot.lines.push_back(std::move(line));
  }
  if (plot.lines.empty()) return "";
  plot.x =
      log_axis(static_cast<double>(sweep.points.front().connections),
               static_cast<double>(sweep.points.back().connections), sweep.name + " connections");
  std::erase_if(plot.x.ticks, [&](const Tick& tick) {  // the numbers that were measured
    return std::none_of(sweep.points.begin(), sweep.points.end(), [&](const ScalePoint& point) {
      return std::abs(tick.at / static_cast<double>(point.connections) - 1) < 1e-6;
    });
  });
  for (Tick& tick : plot.x.ticks) tick.text = short_number(tick.at);
  plot.y = log_axis(low, high, metric.unit == "1/s" ? "requests per second" : metric.unit);
  plot.description = fmt::format(
      "Lines, one for each model: {} against the number of {} connections, both axes logarithmic. "
      "The numbers are in the table \"{}\" below.",
      metric.name, sweep.name, metric.name);
  return figure_html(heading, draw(plot), "");
}

std::string ends_of(const Sweep& sweep) {
  if (sweep.ends.empty()) return "";
  std::vector<std::string> lines;
  for (const ScaleEnd& end : sweep.ends) {
    lines.push_back(fmt::format("{} ends at {} {}: {}", end.name, grouped(end.connections),
                                sweep.name, end.reason));
  }
  return "<h3>Lines that end (✕)</h3>\n" + list_html(lines);
}

}  // namespace

Section section_of(const Sweep& sweep, const Results& results) {
  const std::string id = "sweep-" + sweep.name;
  std::string title = sweep.name + " connections";
  title.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(title.front())));
  const std::string heading = title + ": " + sweep.summary;
  if (sweep.points.empty()) {
    return {id, title, section_html(id, heading, "<p>Nothing was measured.</p>\n")};
  }
  const auto plotted = [&](const char* metric_id, const char* above) {
    return plot_of(sweep, metric(metric_id), results, above);
  };
  std::string html = plotted("cpu_us_per_request", "CPU time per request") +
                     plotted("requests_per_second", "Requests per second") +
                     plotted("memory_mib", "Memory") + ends_of(sweep) + "<h3>All numbers</h3>\n";
  for (const char* const metric_id : {"cpu_us_per_request", "requests_per_second", "memory_mib"}) {
    html += table_of(sweep, metric(metric_id), results, fmt::format("{}-{}", id, metric_id));
  }
  return {id, title, section_html(id, heading, html)};
}

}  // namespace unblock::page
