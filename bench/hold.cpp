// Many connections held at once, and what each costs the server in memory. README.md says how to
// read it.

#include <signal.h>

#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/experiment.hpp"
#include "core/observe.hpp"
#include "tools/compare/machine.hpp"
#include "tools/compare/models.hpp"
#include "tools/compare/process_tree.hpp"
#include "tools/compare/round.hpp"
#include "tools/compare/table.hpp"
#include "tools/compare/text.hpp"

namespace unblock {
namespace {

struct Held {
  std::string problem;
  std::size_t connections = 0;  // that had an answer, and are open
  std::size_t before = 0;       // resident bytes: listening, nobody connected
  std::size_t idle = 0;         // everybody connected and answered once, and silent
  std::size_t busy = 0;         // after everybody was answered once more, all at the same time
  std::size_t threads = 0;
};

Held hold(const Contender& contender, const LoadOptions& options, const Interrupt& interrupt) {
  Held held;
  std::optional<ServerProcess> server;
  try {
    server.emplace(contender, Pinning::none, interrupt);
  } catch (const UserError& error) {
    held.problem = fmt::format("did not start: {}", error.what());
    return held;
  }
  const auto port = server->await_port(std::chrono::seconds{10}, held.problem);
  if (!port) return held;
  held.before = resident_bytes(server->pid());

  LoadOptions load = options;
  load.port = *port;
  load.interrupt_fd = interrupt.fd();
  LoadClient client{load};
  client.connect();
  held.idle = resident_bytes(server->pid());
  held.threads = tree_threads(processes_of(server->pid()));
  // One request of each; connections that answer late still count.
  const LoadWindow window = client.drive(std::chrono::seconds{60}, client.alive());
  held.busy = resident_bytes(server->pid());
  held.connections = client.alive();
  client.finish();
  if (const auto death = server->death(std::chrono::milliseconds{0})) {
    held.problem = *death;
  } else if (total(client.failures()) > 0 || window.requests < load.connections) {
    held.problem = fmt::format("served {} of {} connections ({})", held.connections,
                               load.connections, to_string(client.failures()));
  }
  return held;
}

std::vector<Table::Cell> cells_of(const Contender& contender, const Held& held) {
  const auto mebibytes = [](std::size_t bytes) {
    return Table::Cell{fmt::format("{:.1f}", static_cast<double>(bytes) / (1024 * 1024)), false};
  };
  const auto each = [&](std::size_t bytes) {
    const auto more = static_cast<double>(bytes) - static_cast<double>(held.before);
    return Table::Cell{fmt::format("{:.2f}", more / static_cast<double>(held.connections) / 1024),
                       false};
  };
  return {{contender.name},        {grouped(held.connections)},
          {grouped(held.threads)}, mebibytes(held.before),
          mebibytes(held.idle),    each(held.idle),
          mebibytes(held.busy),    each(held.busy)};
}

int run(int argc, char** argv) {
  CLI::App app{"Many connections at once, and the memory of each", "hold"};
  std::vector<std::string> models{"epoll-et", "proactor-uring", "fibers"};
  std::vector<std::string> with;
  LoadOptions load;
  load.connections = 10'000;
  load.patience = std::chrono::seconds{5};
  app.add_option("model", models, "Models, as `unblock list` names them")->capture_default_str();
  app.add_option("--with", with, "NAME=COMMAND: a server of your own beside them")
      ->allow_extra_args(false);
  app.add_option("--connections", load.connections, "How many")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--size", load.message_bytes, "Bytes of a message")
      ->check(CLI::Range(1, 64 * 1024))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
    allow_descriptors_for(load);
    const Interrupt interrupt;
    std::vector<Contender> contenders;
    for (const std::string& name : models) contenders.push_back(contender_for_model(name));
    for (const std::string& text : with) contenders.push_back(contender_for_command(text));

    Table table{{{"", "model"},
                 {"", "held"},
                 {"", "threads"},
                 {"empty", "MiB"},
                 {"idle", "MiB"},
                 {"idle, KiB per", "connection"},
                 {"busy", "MiB"},
                 {"busy, KiB per", "connection"}}};
    for (const Contender& contender : contenders) {
      const Held held = hold(contender, load, interrupt);
      if (interrupt.requested()) break;
      if (held.problem.empty()) {
        table.add(cells_of(contender, held));
      } else {
        table.add(contender.name, held.problem);
      }
    }
    Narrator out{stdout};
    out.line("machine: " + describe(this_machine()) + "\n");
    for (const std::string& line : table.lines(false)) out.line(line);
    return interrupt.requested() ? 128 + SIGINT : 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "hold: {}\n", explain(error));
    return 1;
  }
}

}  // namespace
}  // namespace unblock

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  return unblock::run(argc, argv);
}
