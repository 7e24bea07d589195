#include "tools/compare/page/tables.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "tools/compare/page/markup.hpp"
#include "tools/compare/page/plot.hpp"
#include "tools/compare/page/sections.hpp"
#include "tools/compare/ranking.hpp"
#include "tools/compare/report.hpp"
#include "tools/compare/text.hpp"

namespace unblock::page {
namespace {

std::string heading(const std::string& text, const std::string& unit) {
  const std::string below =
      unit.empty() ? "" : fmt::format(R"( <span class="unit">{}</span>)", escaped(unit));
  return fmt::format(R"(<th scope="col">{}{}</th>)", escaped(text), below);
}

std::string cell(const std::string& text, bool is_best) {
  if (!is_best) return "<td>" + escaped(text) + "</td>";
  return fmt::format(
      R"(<td class="best">{}<span aria-hidden="true"> ★</span><span class="unseen"> (best)</span></td>)",
      escaped(text));
}

std::string row(std::size_t model, const std::string& name, const std::string& cells) {
  return fmt::format(
      "<tr data-model=\"{}\"><th scope=\"row\"><span class=\"model\">{}<span>{}</span></span></th>"
      "{}</tr>\n",
      model, sign_of(model), escaped(name), cells);
}

// It may be wider than the page: then it is moved by itself, with the keyboard, too.
std::string scrolling(const std::string& id, const std::string& caption, const std::string& head,
                      const std::string& body) {
  return fmt::format(
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"{0}-caption\">\n"
      "<table id=\"{0}\"><caption id=\"{0}-caption\">{1}</caption>\n<thead>{2}</thead>\n"
      "<tbody>\n{3}</tbody></table></div>\n",
      id, escaped(caption), head, body);
}

struct Columns {
  std::string head;  // two rows
  std::size_t count = 0;
};

// How fast, and what it takes: the groups of columns. The ratio stands behind the requests.
Columns columns_of(const Entry* reference) {
  std::string heads;
  std::size_t speeds = 1;  // how many connections failed
  std::size_t costs = 0;
  for (const Metric& metric : metrics()) {
    if (metric.is_cost && costs == 0) heads += heading("failed", "connections");
    const std::string unit = metric.id == "user_share" ? "%" : metric.unit;
    const std::string name = metric.id == "user_share" ? "outside the kernel" : metric.name;
    heads += heading(name, unit == "1/s" ? "" : unit);
    ++(metric.is_cost ? costs : speeds);
    if (metric.id != "requests_per_second" || reference == nullptr) continue;
    heads += heading("ratio", "to " + reference->contender.name);
    ++speeds;
  }
  return {fmt::format("<tr><td></td><th scope=\"colgroup\" colspan=\"{}\">how fast</th>"
                      "<th scope=\"colgroup\" colspan=\"{}\">what it takes</th></tr>\n"
                      "<tr><th scope=\"col\">model</th>{}</tr>",
                      speeds, costs, heads),
          speeds + costs};
}

std::string cells_of(const Entry& entry, std::size_t place, const Entry* reference,
                     const std::vector<std::vector<bool>>& best) {
  std::string cells;
  bool has_cost = false;
  for (std::size_t column = 0; column < metrics().size(); ++column) {
    const Metric& metric = metrics()[column];
    if (metric.is_cost && !has_cost) {
      cells += cell(grouped(total(failures_of(entry))), false);
      has_cost = true;
    }
    const auto value = summary(metric, entry);
    cells += cell(value ? metric.to_text(*value) : "-", best[column][place]);
    if (metric.id == "requests_per_second" && reference != nullptr) {
      cells += cell(describe_ratio(entry, *reference), false);
    }
  }
  return cells;
}

}  // namespace

std::string table_of(const Comparison& comparison, const Results& results, const std::string& id) {
  const Entry* const reference = reference_of(comparison);
  const Columns columns = columns_of(reference);
  std::vector<std::vector<bool>> best;
  for (const Metric& metric : metrics()) best.push_back(best_of(metric, comparison));
  std::string body;
  for (std::size_t place = 0; place < comparison.entries.size(); ++place) {
    const Entry& entry = comparison.entries[place];
    const std::string problem =
        entry.rounds.empty() && entry.problem.empty() ? "not measured" : entry.problem;
    body += row(index_of(results, entry.contender.name), entry.contender.name,
                problem.empty() ? cells_of(entry, place, reference, best)
                                : fmt::format(R"(<td class="problem" colspan="{}">✕ {}</td>)",
                                              columns.count, escaped(problem)));
  }
  return scrolling(id, "All numbers under " + title_of(comparison.load), columns.head, body);
}

std::string table_of(const Sweep& sweep, const Metric& metric, const Results& results,
                     const std::string& id) {
  std::string head = R"(<tr><th scope="col">model</th>)";
  std::vector<std::vector<bool>> best;
  for (const ScalePoint& point : sweep.points) {
    head += heading(grouped(point.connections), point.connections == 1 ? "client" : "clients");
    best.push_back(best_of(metric, point.comparison));
  }
  head += "</tr>";
  std::string body;
  for (const Contender& contender : results.contenders) {
    std::string cells;
    for (std::size_t at = 0; at < sweep.points.size(); ++at) {
      const auto& entries = sweep.points[at].comparison.entries;
      const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) {
        return entry.contender.name == contender.name;
      });
      const bool counts = found != entries.end() &&
                          !has_ended_at(sweep, contender.name, sweep.points[at].connections);
      const auto value = counts ? summary(metric, *found) : std::nullopt;
      cells += value ? cell(metric.to_text(*value),
                            best[at][static_cast<std::size_t>(found - entries.begin())])
                     : cell("-", false);
    }
    body += row(index_of(results, contender.name), contender.name, cells);
  }
  const std::string unit = metric.unit.empty() || metric.unit == "1/s" ? "" : ", " + metric.unit;
  return scrolling(id, metric.name + unit + ": " + sweep.summary, head, body);
}

}  // namespace unblock::page
