#include "tools/compare/report.hpp"

#include <algorithm>
#include <functional>

#include <fmt/ranges.h>

#include "tools/compare/machine.hpp"
#include "tools/compare/metrics.hpp"
#include "tools/compare/ranking.hpp"
#include "tools/compare/table.hpp"
#include "tools/compare/text.hpp"

namespace unblock {
namespace {

struct Column {
  Table::Heading heading;
  std::function<Table::Cell(const Entry&)> cell;
};

// Of the requests per second, to the model that was measured twice; and how far the median may be
// off.
Column ratio_column(const Entry& reference) {
  return {{"", "ratio"}, [&reference](const Entry& entry) -> Table::Cell {
            return {describe_ratio(entry, reference)};
          }};
}

Column metric_column(const Metric& metric, const Comparison& comparison, bool begins_block) {
  return {{metric.above, metric.heading, begins_block},
          [&, best = best_of(metric, comparison)](const Entry& entry) -> Table::Cell {
            const auto value = summary(metric, entry);
            const auto row = static_cast<std::size_t>(&entry - comparison.entries.data());
            return {value ? metric.to_text(*value) : "-", best[row]};
          }};
}

// How fast, and how many clients were let down; then, what it costs.
std::vector<Column> columns_of(const Comparison& comparison) {
  const Entry* const reference = reference_of(comparison);
  const bool any_failed =
      std::any_of(comparison.entries.begin(), comparison.entries.end(),
                  [](const Entry& entry) { return total(failures_of(entry)) > 0; });
  std::vector<Column> columns;
  bool has_cost = false;
  for (const Metric& metric : metrics()) {
    if (metric.heading.empty()) continue;
    const bool first_cost = metric.is_cost && !has_cost;
    if (first_cost && any_failed) {
      columns.push_back({{"", "failed"}, [](const Entry& entry) -> Table::Cell {
                           return {grouped(total(failures_of(entry)))};
                         }});
    }
    has_cost = has_cost || first_cost;
    columns.push_back(metric_column(metric, comparison, first_cost));
    if (metric.id == "requests_per_second" && reference != nullptr) {
      columns.push_back(ratio_column(*reference));
    }
  }
  return columns;
}

std::vector<std::string> table_lines(const Comparison& comparison, bool colour, std::size_t width) {
  const std::vector<Column> columns = columns_of(comparison);
  std::vector<Table::Heading> headings{{"", "model"}};
  for (const Column& column : columns) headings.push_back(column.heading);
  Table table{std::move(headings)};
  for (const Entry& entry : comparison.entries) {
    if (!entry.problem.empty() || entry.rounds.empty()) {
      table.add(entry.contender.name, entry.problem.empty() ? "not measured" : entry.problem);
      continue;
    }
    std::vector<Table::Cell> cells{{entry.contender.name}};
    for (const Column& column : columns) cells.push_back(column.cell(entry));
    table.add(std::move(cells));
  }
  return table.lines(colour, width);
}

// "name: ..." for whatever one entry is to be told about.
void remark_on(const Entry& entry, std::vector<std::string>& lines) {
  const std::string& name = entry.contender.name;
  if (const std::string kinds = to_string(failures_of(entry)); !kinds.empty()) {
    std::string line = fmt::format("{}: {} connections, over all rounds", name, kinds);
    if (!entry.contender.limit.empty()) line += "; " + entry.contender.limit;
    lines.push_back(std::move(line));
  }
  std::uint64_t never_sent = 0;
  for (const Round& round : entry.rounds) never_sent += round.never_sent;
  if (never_sent > 0) {
    lines.push_back(fmt::format("{}: {} were due and never sent: it is slower than --rate asks",
                                name, plural(never_sent, "request")));
  }
  const auto remarked = std::find_if(entry.rounds.begin(), entry.rounds.end(),
                                     [](const Round& round) { return !round.remark.empty(); });
  if (remarked != entry.rounds.end())
    lines.push_back(fmt::format("{}: {}", name, remarked->remark));
}

// Why columns of the calls are empty, each reason once.
void remark_on_calls(const Comparison& comparison, std::vector<std::string>& lines) {
  std::vector<std::string> told;
  for (const Entry& entry : comparison.entries) {
    const std::string& why = entry.calls.missing;
    if (why.empty() || std::find(told.begin(), told.end(), why) != told.end()) continue;
    told.push_back(why);
    lines.push_back(fmt::format("{}: calls per request: {}", entry.contender.name, why));
  }
}

void remark_on_noise(const Metric& metric, const Comparison& comparison,
                     std::vector<std::string>& lines) {
  for (const auto& group : indistinct(metric, comparison)) {
    const bool is_all = group.size() == comparison.entries.size();
    lines.push_back(fmt::format("no difference above the noise in {}: {}", metric.name,
                                is_all ? "between any of them" : listed(group)));
  }
}

}  // namespace

std::string describe_plan(const Load& load, const RoundOptions& options, std::size_t rounds) {
  return fmt::format("{}: {}; {} of {:g} s, the models in turn", title_of(load),
                     describe(options.load), plural(rounds, "round"),
                     std::chrono::duration<double>{options.duration}.count());
}

std::string describe_pinning(Pinning pinning) {
  switch (pinning) {
    case Pinning::same:
      return "server and client share one CPU (--pin same, the steadiest): throughput is what both "
             "cost together, and a second CPU helps nobody";
    case Pinning::split:
      return "server and client have a CPU each (--pin split)";
    case Pinning::none:
      return "server and client run where the scheduler puts them (--pin none)";
  }
  return {};
}

std::string describe_ratio(const Entry& entry, const Entry& reference) {
  const auto ratio = paired_ratio(metric("requests_per_second"), entry, reference);
  if (!ratio) return "-";
  // Of one pair of rounds nothing is known but itself.
  if (std::min(entry.rounds.size(), reference.rounds.size()) < 2) {
    return fmt::format("{:.2f}", ratio->median);
  }
  const double off = std::max(ratio->high - ratio->median, ratio->median - ratio->low);
  return fmt::format("{:.2f} ±{:.2f}", ratio->median, off);
}

std::vector<std::string> remarks_on(const Comparison& comparison) {
  std::vector<std::string> lines;
  if (comparison.interrupted) {
    std::size_t done = 0;
    for (const Entry& entry : comparison.entries) done = std::max(done, entry.rounds.size());
    lines.push_back(fmt::format("interrupted: {} of {} begun", plural(done, "round"),
                                comparison.planned_rounds));
  }
  for (const Entry& entry : comparison.entries) remark_on(entry, lines);
  remark_on_calls(comparison, lines);
  for (const char* const id : {"requests_per_second", "cpu_us_per_request"}) {
    remark_on_noise(metric(id), comparison, lines);
  }
  return lines;
}

std::string describe_noise(const Comparison& comparison) {
  if (!comparison.twin) return "not known: no server could be measured twice";
  const std::string& name = comparison.twin->contender.name;
  std::vector<std::string> parts;
  double largest = 0;
  for (const char* const id : {"requests_per_second", "p50_us", "p99_us", "cpu_us_per_request"}) {
    const auto share = noise(metric(id), comparison);
    if (!share) return fmt::format("not known: {} could not be measured twice", name);
    largest = std::max(largest, *share);
    parts.push_back(fmt::format("{} {}", metric(id).name, percent(*share)));
  }
  std::string text = fmt::format("{} against itself: {}", name, fmt::join(parts, ", "));
  if (largest > 0.5) text += "; is the machine busy with something else?";
  return text;
}

// Where the client had a CPU of its own and used it up, it was the client that was measured.
std::string describe_client(const Comparison& comparison) {
  std::vector<double> shares;
  std::vector<std::string> slower_than;
  const Pinning pinning = comparison.options.pinning;
  for (const Entry& entry : comparison.entries) {
    if (entry.rounds.empty()) continue;
    shares.push_back(client_share(entry));
    if (client_is_bottleneck(entry, pinning)) slower_than.push_back(entry.contender.name);
  }
  if (shares.empty()) return "not known: nothing was measured";
  const auto [least, most] = std::minmax_element(shares.begin(), shares.end());
  std::string text =
      fmt::format("it computed for {:.0f} to {:.0f} % of the time", *least * 100, *most * 100);
  if (pinning == Pinning::same) text += ", on the CPU that it shares with the server";
  if (!slower_than.empty()) {
    text +=
        fmt::format("; beside {} it was the client that was measured: they are faster than that",
                    listed(slower_than));
  }
  return text;
}

std::vector<std::string> report(const Comparison& comparison, bool colour, std::size_t width) {
  std::vector<std::string> lines = table_lines(comparison, colour, width);
  lines.emplace_back();
  const auto add = [&](const std::string& text, std::size_t indent) {
    for (std::string& line : wrapped(text, width, indent)) lines.push_back(std::move(line));
  };
  for (const std::string& line : remarks_on(comparison)) add(line, 2);
  if (const Entry* const reference = reference_of(comparison)) {
    add(fmt::format("ratio    of the requests/s to those of {} in the same rounds, and how far it "
                    "may be off",
                    reference->contender.name),
        9);
  }
  add("noise    " + describe_noise(comparison), 9);
  add("client   " + describe_client(comparison), 9);
  return lines;
}

std::vector<std::string> legend(Pinning pinning, bool explains_columns, std::size_t width) {
  std::vector<std::string> texts{"*        the best of its column, or nearer to it than the noise"};
  if (explains_columns) {
    texts.emplace_back(
        "CPU      of the server, µs per request; user: of it, outside the kernel. Also per "
        "request: "
        "its system calls, waits (voluntary context switches) and times that it was forced off the "
        "CPU (involuntary ones)");
    texts.emplace_back(
        "threads  a lesson's program has one more than its model: it waits for Ctrl-C");
  }
  texts.push_back("machine  " + describe(this_machine()));
  texts.push_back("pinning  " + describe_pinning(pinning));
  std::vector<std::string> lines;
  for (const std::string& text : texts) {
    for (std::string& line : wrapped(text, width, 9)) lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace unblock
