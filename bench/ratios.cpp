// How fast the models are, as a ratio to the bare epoll loop in C: client and server on one CPU, in
// alternating pairs, the median of the paired ratios. README.md says how to read it.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/experiment.hpp"
#include "core/observe.hpp"
#include "tools/compare/machine.hpp"
#include "tools/compare/models.hpp"
#include "tools/compare/round.hpp"
#include "tools/compare/table.hpp"
#include "tools/compare/terminal.hpp"
#include "tools/compare/text.hpp"

namespace unblock {
namespace {

// What each model is to reach; a model that is missing here has no goal.
const std::map<std::string, double>& goals() {
  static const std::map<std::string, double> goals{
      {"thread-per-connection", 0.72}, {"epoll-lt", 0.98},       {"epoll-et", 0.98},
      {"epoll-oneshot", 0.98},         {"proactor-uring", 0.98}, {"fibers", 0.97},
  };
  return goals;
}

struct Flags {
  std::vector<std::string> models;
  std::vector<std::string> with;
  std::size_t pairs = 10;
  double seconds = 0.5;
  bool client = false;
  RoundOptions round;
};

// One measurement: how much was served, and what it cost server and client together.
struct Speed {
  double requests_per_second = 0;
  double cpu_per_request = 0;  // seconds
};

struct Row {
  Contender contender;
  std::vector<double> ratios;      // of requests per second, to the bare loop of the same pair
  std::vector<double> cpu_ratios;  // of the CPU time of a request, the bare loop's to this one's
  std::vector<double> requests_per_second;
  std::string problem;
};

Contender bare_server() { return {.name = "bare-epoll", .command = {BARE_EPOLL}}; }

// The same care in C for two other shapes: what such a shape costs at the least.
std::vector<Contender> other_bare_servers() {
  return {{.name = "bare-oneshot", .command = {BARE_ONESHOT}},
          {.name = "bare-threads", .command = {BARE_THREADS}}};
}

// Nothing where the server has a problem, which goes into `problem`, or the user interrupts.
std::optional<Speed> measure(const Contender& contender, const Flags& flags,
                             const Interrupt& interrupt, std::string& problem) {
  const std::optional<Round> round = run_round(contender, flags.round, interrupt);
  if (!round) return std::nullopt;
  problem = round->problem;
  if (problem.empty() && total(round->failures) > 0) {
    problem = fmt::format("connections failed: {}", to_string(round->failures));
  }
  if (!problem.empty()) return std::nullopt;
  const auto requests = static_cast<double>(round->requests);
  const std::chrono::duration<double> cpu = round->server_cpu + round->client_cpu;
  return Speed{requests / std::chrono::duration<double>{round->elapsed}.count(),
               cpu.count() / requests};
}

// One pair: the model and the bare loop, one right after the other; every second time the bare loop
// goes first, so that neither has the better place.
void measure_pair(Row& row, bool bare_first, const Flags& flags, const Interrupt& interrupt) {
  std::string bare_problem;
  std::optional<Speed> bare;
  if (bare_first) bare = measure(bare_server(), flags, interrupt, bare_problem);
  const std::optional<Speed> speed = measure(row.contender, flags, interrupt, row.problem);
  if (!bare_first) bare = measure(bare_server(), flags, interrupt, bare_problem);
  if (!bare_problem.empty()) throw UserError{"the bare loop " + bare_problem};
  if (!bare || !speed) return;
  row.ratios.push_back(speed->requests_per_second / bare->requests_per_second);
  row.cpu_ratios.push_back(bare->cpu_per_request / speed->cpu_per_request);
  row.requests_per_second.push_back(speed->requests_per_second);
}

std::vector<std::string> table_of(const std::vector<Row>& rows) {
  Table table{{{"", "model"},
               {"", "goal"},
               {"", "ratio"},
               {"", "lowest"},
               {"", "highest"},
               {"ratio of", "CPU time"},
               {"requests", "per s"},
               {"", "pairs"}}};
  for (const Row& row : rows) {
    if (!row.problem.empty() || row.ratios.empty()) {
      table.add(row.contender.name, row.problem.empty() ? "not measured" : row.problem);
      continue;
    }
    const auto goal = goals().find(row.contender.name);
    const auto [lowest, highest] = std::minmax_element(row.ratios.begin(), row.ratios.end());
    const auto ratio = [](double value) {
      return Table::Cell{fmt::format("{:.3f}", value), false};
    };
    table.add({{row.contender.name},
               {goal == goals().end() ? "-" : fmt::format("{:.2f}", goal->second)},
               ratio(median(row.ratios)),
               ratio(*lowest),
               ratio(*highest),
               ratio(median(row.cpu_ratios)),
               {grouped(static_cast<std::uint64_t>(median(row.requests_per_second)))},
               {std::to_string(row.ratios.size())}});
  }
  return table.lines(false);
}

std::vector<Row> choose_rows(const Flags& flags) {
  std::vector<Row> rows;
  // Its ratio to itself is the noise of the others.
  rows.push_back({.contender = bare_server(), .ratios = {}, .cpu_ratios = {}});
  std::vector<std::string> names = flags.models;
  if (names.empty() && flags.with.empty()) {
    for (Contender& bare : other_bare_servers()) {
      rows.push_back({.contender = std::move(bare), .ratios = {}, .cpu_ratios = {}});
    }
    for (const KnownModel& model : known_models()) {
      if (model.by_default) names.push_back(model.name);
    }
  }
  for (const std::string& name : names) {
    rows.push_back({.contender = contender_for_model(name), .ratios = {}, .cpu_ratios = {}});
  }
  for (const std::string& text : flags.with) {
    rows.push_back({.contender = contender_for_command(text), .ratios = {}, .cpu_ratios = {}});
  }
  return rows;
}

int run_models(const Flags& flags) {
  const Interrupt interrupt;
  std::vector<Row> rows = choose_rows(flags);
  Narrator out{stdout};
  out.line(fmt::format("{} connections, messages of {} bytes; {} pairs of {:g} s each",
                       flags.round.load.connections, flags.round.load.message_bytes, flags.pairs,
                       flags.seconds));
  out.line("machine: " + describe(this_machine()));
  {
    const ProgressLine progress;
    for (std::size_t pair = 1; pair <= flags.pairs && !interrupt.requested(); ++pair) {
      for (Row& row : rows) {
        if (!row.problem.empty() || interrupt.requested()) continue;
        progress.show(fmt::format("pair {} of {}: {}", pair, flags.pairs, row.contender.name));
        measure_pair(row, pair % 2 == 0, flags, interrupt);
      }
    }
  }
  out.line("");
  for (const std::string& line : table_of(rows)) out.line(line);
  return interrupt.requested() ? 128 + SIGINT : 0;
}

// Requests per second that the bare client drives through the bare loop, on the same CPU.
double drive_with_bare_client(const Flags& flags, const Interrupt& interrupt) {
  const LoadOptions& load = flags.round.load;
  ServerProcess server{bare_server(), flags.round.pinning, interrupt};
  std::string problem;
  const auto port = server.await_port(flags.round.start_deadline, problem);
  if (!port) throw UserError{"the bare loop " + problem};
  const PinnedToCpu pinned{*places_for(flags.round.pinning).client};
  ChildProcess client{
      {.command = {BARE_CLIENT, std::to_string(*port), std::to_string(load.connections),
                   std::to_string(load.message_bytes), fmt::format("{}", flags.seconds)},
       .limits = {},
       .cpu = {}}};
  const std::string requests_per_second = client.read_rest(std::chrono::minutes{10});
  if (client.wait() != 0) throw UserError{"the bare client failed: " + client.read_errors()};
  return std::stod(requests_per_second);
}

// Our load client against the bare one, on the bare loop.
int run_clients(const Flags& flags) {
  const Interrupt interrupt;
  std::vector<double> ratios;
  for (std::size_t pair = 0; pair < flags.pairs && !interrupt.requested(); ++pair) {
    std::string problem;
    const double first = drive_with_bare_client(flags, interrupt);
    const auto ours = measure(bare_server(), flags, interrupt, problem);
    const double second = drive_with_bare_client(flags, interrupt);
    if (ours) ratios.push_back(ours->requests_per_second / ((first + second) / 2));
  }
  if (ratios.empty()) throw UserError{"nothing was measured"};
  const auto [lowest, highest] = std::minmax_element(ratios.begin(), ratios.end());
  Narrator{stdout}.line(fmt::format(
      "our client drives {:.3f} of what the bare client drives ({:.3f} to {:.3f}, {} pairs)",
      median(ratios), *lowest, *highest, ratios.size()));
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app{"The models' speed, as a ratio to a bare epoll loop in C", "ratios"};
  Flags flags;
  app.add_option("model", flags.models, "Models, as `unblock list` names them; all by default");
  app.add_option("--with", flags.with, "NAME=COMMAND: a server of your own instead")
      ->allow_extra_args(false);
  app.add_option("--pairs", flags.pairs, "Pairs of measurements for each model")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  app.add_option("--seconds", flags.seconds, "Of each measurement")
      ->check(CLI::Range(0.01, 3'600.0))
      ->capture_default_str();
  app.add_option("--connections", flags.round.load.connections, "Clients that send requests")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--size", flags.round.load.message_bytes, "Bytes of a message")
      ->check(CLI::Range(1, 64 * 1024))
      ->capture_default_str();
  app.add_flag("--client", flags.client, "Compare the clients instead: ours, and a bare one in C");
  try {
    app.parse(argc, argv);
    flags.round.duration = std::chrono::nanoseconds{static_cast<std::int64_t>(flags.seconds * 1e9)};
    flags.round.warm_up = std::chrono::milliseconds{100};
    allow_descriptors_for(flags.round.load);
    return flags.client ? run_clients(flags) : run_models(flags);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "ratios: {}\n", explain(error));
    return 1;
  }
}

}  // namespace
}  // namespace unblock

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  return unblock::run(argc, argv);
}
