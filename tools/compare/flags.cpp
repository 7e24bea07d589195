// The flags of `unblock compare`, as the command line, its help, its manual page and its completion
// know them.

#include <CLI/CLI.hpp>

#include "tools/cli/declare.hpp"
#include "tools/compare/command.hpp"

namespace unblock {
namespace {

constexpr const char* load_group = "The load";
constexpr const char* run_group = "The run";
constexpr const char* result_group = "The results";

void declare_load(CLI::App& command, CompareFlags& flags) {
  command
      .add_option("--load", flags.loads,
                  "A load by name, few-busy by default; several loads come one after another")
      ->allow_extra_args(false)  // one for each --load; what follows is a model
      ->type_name("LOAD")
      ->group(load_group);
  command.add_flag("--list", flags.lists_loads, "Describe the loads")->group(load_group);
  command.add_option("--connections", flags.connections, "Clients that send requests")
      ->type_name("N")
      ->check(cli::between(1, 1'000'000))
      ->group(load_group);
  command.add_option("--idle", flags.idle, "Clients that are connected and silent")
      ->type_name("N")
      ->check(cli::between(0, 1'000'000))
      ->group(load_group);
  command.add_option("--slow", flags.slow, "Clients that send one byte of a request and stall")
      ->type_name("N")
      ->check(cli::between(0, 1'000'000))
      ->group(load_group);
  command.add_option("--size", flags.size, "Bytes of a message")
      ->type_name("N")
      ->check(cli::between(1, 64 << 20))
      ->group(load_group);
  command.add_option("--pipeline", flags.pipeline, "Requests at a time on each connection")
      ->type_name("N")
      ->check(cli::between(1, 10'000))
      ->group(load_group);
  command
      .add_option("--rate", flags.rate,
                  "Requests per second in all, sent when they are due (open loop); without it each "
                  "client waits for its answer before it sends again, a closed loop")
      ->type_name("N")
      ->check(cli::between(1.0, 1e7))
      ->group(load_group);
  command.add_flag("--reconnect", flags.reconnect, "Each request on a connection of its own")
      ->group(load_group);
}

void declare_run(CLI::App& command, CompareFlags& flags) {
  command.add_option("--rounds", flags.rounds, "Rounds; in each, the models take turns")
      ->type_name("N")
      ->check(cli::between(1, 1'000))
      ->group(run_group);
  command
      .add_option("--duration", flags.seconds,
                  "Seconds of a round, for each model; by default as many as keep a run of one "
                  "load under half a minute")
      ->type_name("SECONDS")
      ->check(cli::between(0.01, 3'600.0))
      ->group(run_group);
  CLI::Option* const pin = command.add_option_function<std::string>(
      "--pin",
      [&flags](const std::string& name) {
        for (const Pinning pinning : all_pinnings) {
          if (to_string(pinning) == name) flags.pinning = pinning;
        }
      },
      "CPUs of server and client: one for both (same, the steadiest), one each (split), or as "
      "the scheduler likes (none)");
  std::vector<std::string> names;
  for (const Pinning pinning : all_pinnings) names.push_back(to_string(pinning));
  cli::one_of(pin, names)->default_str(to_string(flags.pinning))->group(run_group);
}

}  // namespace

CLI::App* declare_compare(CLI::App& app, CompareFlags& flags) {
  CLI::App* const command =
      app.add_subcommand("compare", "Put the same load on several models and show what each costs");
  command->add_option("model", flags.models, "Models, as `unblock list` names them; all by default")
      ->type_name("MODEL");
  command
      ->add_option(
          "--with", flags.with,
          "A server of your own beside them; it prints `listening on HOST:PORT` and ends on "
          "SIGTERM")
      ->allow_extra_args(false)  // one for each --with; what follows is a model
      ->type_name("NAME=COMMAND");
  declare_load(*command, flags);
  declare_run(*command, flags);
  CLI::Option* const scale = command->add_flag(
      "--scale", flags.scales,
      "Show how each model's cost grows from 1 to 10,000 connections, active and idle, instead");
  scale->group(run_group);
  for (const char* const fixed :
       {"--load", "--connections", "--idle", "--slow", "--rate", "--reconnect"}) {
    scale->excludes(fixed);
  }
  command->add_option("--json", flags.json, "Write the results to this file; - for standard output")
      ->type_name("FILE")
      ->group(result_group);
  command
      ->add_option(
          "--html", flags.html,
          "Write the results to this file as a page with plots, for a browser; it needs no "
          "network")
      ->type_name("FILE")
      ->group(result_group);
  return command;
}

}  // namespace unblock
