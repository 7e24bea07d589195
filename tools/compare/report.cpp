#include "tools/compare/report.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <thread>

#include <fmt/ranges.h>

#include "tools/compare/metrics.hpp"
#include "tools/compare/table.hpp"

namespace unblock {
namespace {

std::string plural(std::size_t count, const std::string& thing) {
  return fmt::format("{} {}{}", grouped(count), thing, count == 1 ? "" : "s");
}

std::string percent(double share) {
  return share < 0.1 ? fmt::format("{:.1f} %", share * 100) : fmt::format("{:.0f} %", share * 100);
}

// Of all rounds.
Failures failures_of(const Entry& entry) {
  Failures sum{};
  for (const Round& round : entry.rounds) {
    std::transform(sum.begin(), sum.end(), round.failures.begin(), sum.begin(), std::plus<>{});
  }
  return sum;
}

std::vector<std::string> table_lines(const Comparison& comparison, bool colour) {
  std::vector<Table::Heading> headings{{"", "model"}};
  std::vector<std::vector<bool>> marks;
  for (const Metric& metric : metrics()) {
    headings.push_back({metric.above, metric.heading});
    marks.push_back(best_of(metric, comparison));
  }
  headings.push_back({"", "failed"});

  Table table{std::move(headings)};
  for (std::size_t row = 0; row < comparison.entries.size(); ++row) {
    const Entry& entry = comparison.entries[row];
    if (!entry.problem.empty() || entry.rounds.empty()) {
      table.add(entry.contender.name, entry.problem.empty() ? "not measured" : entry.problem);
      continue;
    }
    std::vector<Table::Cell> cells{{entry.contender.name, false}};
    for (std::size_t column = 0; column < metrics().size(); ++column) {
      const Metric& metric = metrics()[column];
      cells.push_back({metric.to_text(summary(metric, entry)), marks[column][row]});
    }
    cells.push_back({grouped(total(failures_of(entry))), false});
    table.add(std::move(cells));
  }
  return table.lines(colour);
}

// What stands in no column: failures by their kinds, servers that had to be killed.
std::vector<std::string> remarks(const Comparison& comparison) {
  std::vector<std::string> lines;
  for (const Entry& entry : comparison.entries) {
    if (const std::string kinds = to_string(failures_of(entry)); !kinds.empty()) {
      lines.push_back(
          fmt::format("{}: {} connections, over all rounds", entry.contender.name, kinds));
    }
    const auto remarked = std::find_if(entry.rounds.begin(), entry.rounds.end(),
                                       [](const Round& round) { return !round.remark.empty(); });
    if (remarked != entry.rounds.end()) {
      lines.push_back(fmt::format("{}: {}", entry.contender.name, remarked->remark));
    }
  }
  return lines;
}

std::string describe_pinning(Pinning pinning) {
  switch (pinning) {
    case Pinning::same:
      return "server and client share one CPU (--pin same, the steadiest): throughput is what both "
             "cost together";
    case Pinning::split:
      return "server and client have a CPU each (--pin split)";
    case Pinning::none:
      return "server and client run where the scheduler puts them (--pin none)";
  }
  return {};
}

std::string describe_noise(const Comparison& comparison) {
  if (!comparison.twin) return "not known: no server could be measured twice";
  const std::string name = comparison.twin->contender.name;
  std::vector<std::string> parts;
  double largest = 0;
  for (const Metric& metric : metrics()) {
    if (metric.worst_round_counts) continue;
    const auto share = noise(metric, comparison);
    if (!share) return fmt::format("not known: {} could not be measured twice", name);
    largest = std::max(largest, *share);
    parts.push_back(fmt::format("{} {}", metric.name, percent(*share)));
  }
  std::string text = fmt::format("{} against itself: {}", name, fmt::join(parts, ", "));
  if (largest > 0.5) text += "; is the machine busy with something else?";
  return text;
}

// The client's share of the CPU time, over all rounds; where it had a CPU of its own and used it
// up, it was the client that was measured.
std::string describe_client(const Comparison& comparison) {
  std::chrono::duration<double> client{};
  std::chrono::duration<double> elapsed{};
  double largest = 0;
  for (const Entry& entry : comparison.entries) {
    for (const Round& round : entry.rounds) {
      client += round.client_cpu;
      elapsed += round.elapsed;
      if (round.elapsed.count() > 0) {
        largest = std::max(largest, std::chrono::duration<double>{round.client_cpu} /
                                        std::chrono::duration<double>{round.elapsed});
      }
    }
  }
  const double share = elapsed.count() > 0 ? client / elapsed : 0;
  std::string text = fmt::format("it computed for {:.0f} % of the time", share * 100);
  if (comparison.options.pinning != Pinning::same && largest > 0.95) {
    text += fmt::format(
        ", up to {:.0f} % beside the fastest: there it was the client that was measured",
        largest * 100);
  }
  return text;
}

std::string describe_rounds(const Comparison& comparison) {
  std::size_t done = 0;
  for (const Entry& entry : comparison.entries) done = std::max(done, entry.rounds.size());
  return fmt::format("interrupted: {} of {} begun", plural(done, "round"),
                     comparison.planned_rounds);
}

}  // namespace

std::string describe_load(const RoundOptions& options, std::size_t rounds) {
  const LoadOptions& load = options.load;
  std::string text = plural(load.connections, "connection");
  if (load.idle > 0) text += fmt::format(" and {} that are silent", grouped(load.idle));
  text += fmt::format(", messages of {}, ", plural(load.message_bytes, "byte"));
  text += load.pipeline == 1 ? "one request at a time on each"
                             : fmt::format("{} requests at a time on each", load.pipeline);
  text += fmt::format("; {} of {:g} s, the models in turn", plural(rounds, "round"),
                      std::chrono::duration<double>{options.duration}.count());
  return text;
}

std::string describe_machine() {
  std::string processor;
  std::ifstream file{"/proc/cpuinfo"};
  for (std::string line; processor.empty() && std::getline(file, line);) {
    if (line.compare(0, 10, "model name") != 0) continue;
    if (const auto colon = line.find(": "); colon != std::string::npos) {
      processor = line.substr(colon + 2) + ", ";
    }
  }
  utsname system{};
  ::uname(&system);
  return fmt::format("{}{}, {}, {} {}", processor,
                     plural(std::max(1U, std::thread::hardware_concurrency()), "CPU"),
                     system.machine, system.sysname, system.release);
}

std::vector<std::string> report(const Comparison& comparison, bool colour) {
  std::vector<std::string> lines = table_lines(comparison, colour);
  lines.emplace_back();
  if (comparison.interrupted) lines.push_back(describe_rounds(comparison));
  for (std::string& line : remarks(comparison)) lines.push_back(std::move(line));
  lines.emplace_back("*        the best of its column, or nearer to it than the noise");
  lines.emplace_back(
      "threads  a lesson's program has one more than its model: it waits for Ctrl-C");
  lines.push_back("machine  " + describe_machine());
  lines.push_back("pinning  " + describe_pinning(comparison.options.pinning));
  lines.push_back("client   " + describe_client(comparison));
  lines.push_back("noise    " + describe_noise(comparison));
  return lines;
}

}  // namespace unblock
