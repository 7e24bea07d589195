// How each model's cost grows with the connections, as tables: one for each thing that it costs.

#include <algorithm>

#include <fmt/format.h>

#include "tools/compare/metrics.hpp"
#include "tools/compare/ranking.hpp"
#include "tools/compare/scale.hpp"
#include "tools/compare/table.hpp"
#include "tools/compare/text.hpp"

namespace unblock {
namespace {

// The cells of one point, by the name of the model; none for one that ended there.
std::vector<std::pair<std::string, Table::Cell>> cells_at(const Sweep& sweep,
                                                          const ScalePoint& point,
                                                          const Metric& metric) {
  std::vector<std::pair<std::string, Table::Cell>> cells;
  const std::vector<bool> best = best_of(metric, point.comparison);
  for (std::size_t row = 0; row < point.comparison.entries.size(); ++row) {
    const Entry& entry = point.comparison.entries[row];
    const auto value = summary(metric, entry);
    if (!value || has_ended_at(sweep, entry.contender.name, point.connections)) continue;
    cells.push_back({entry.contender.name, {metric.to_text(*value), best[row]}});
  }
  return cells;
}

std::vector<std::string> table_of(const Sweep& sweep, const Metric& metric, bool colour,
                                  std::size_t width) {
  std::vector<Table::Heading> headings{{"", "connections"}};
  std::vector<std::vector<std::pair<std::string, Table::Cell>>> columns;
  for (const ScalePoint& point : sweep.points) {
    headings.push_back({"", grouped(point.connections)});
    columns.push_back(cells_at(sweep, point, metric));
  }
  Table table{std::move(headings)};
  for (const Entry& entry : sweep.points.front().comparison.entries) {
    std::vector<Table::Cell> row{{entry.contender.name}};
    for (const auto& column : columns) {
      const auto cell = std::find_if(column.begin(), column.end(), [&](const auto& candidate) {
        return candidate.first == entry.contender.name;
      });
      row.push_back(cell == column.end() ? Table::Cell{"-"} : cell->second);
    }
    table.add(std::move(row));
  }
  return table.lines(colour, width);
}

}  // namespace

bool has_ended_at(const Sweep& sweep, const std::string& name, std::size_t connections) {
  return std::any_of(sweep.ends.begin(), sweep.ends.end(), [&](const ScaleEnd& end) {
    return end.name == name && end.connections == connections;
  });
}

std::vector<std::string> report(const Scale& scale, bool colour, std::size_t width) {
  std::vector<std::string> lines;
  const auto add = [&](const std::string& text) {
    for (std::string& line : wrapped(text, width, 2)) lines.push_back(std::move(line));
  };
  for (const Sweep& sweep : scale.sweeps) {
    if (sweep.points.empty()) continue;
    for (const char* const id : {"cpu_us_per_request", "requests_per_second", "memory_mib"}) {
      const Metric& shown = metric(id);
      add(fmt::format("{}{}, {}", shown.name, shown.unit == "1/s" ? "" : " in " + shown.unit,
                      sweep.summary));
      for (std::string& line : table_of(sweep, shown, colour, width)) {
        if (!line.empty()) lines.push_back(std::move(line));
      }
      lines.emplace_back();
    }
    for (const ScaleEnd& end : sweep.ends) {
      add(fmt::format("{}: ends at {} {}: {}", end.name, grouped(end.connections), sweep.name,
                      end.reason));
    }
    if (!sweep.ends.empty()) lines.emplace_back();
  }
  if (scale.interrupted) add("interrupted: what is missing was not measured");
  if (!scale.left_out.empty()) add(scale.left_out);
  return lines;
}

}  // namespace unblock
