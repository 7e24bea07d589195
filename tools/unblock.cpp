// The `unblock` command: what runs across the lessons.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/experiment.hpp"
#include "tools/compare/models.hpp"
#include "tools/compare/progress.hpp"
#include "tools/compare/report.hpp"
#include "tools/compare/run.hpp"

namespace unblock {
namespace {

struct CompareFlags {
  std::vector<std::string> models;
  std::vector<std::string> with;
  RoundOptions round;
  std::size_t rounds = 5;
  double seconds = 0.25;
};

std::vector<Contender> choose_contenders(const CompareFlags& flags) {
  std::vector<Contender> chosen;
  for (const std::string& name : flags.models) chosen.push_back(contender_for_model(name));
  if (flags.models.empty()) {
    for (const KnownModel& model : known_models()) {
      if (model.by_default) chosen.push_back(contender_for_model(model.name));
    }
  }
  for (const std::string& text : flags.with) chosen.push_back(contender_for_command(text));
  for (auto contender = chosen.begin(); contender != chosen.end(); ++contender) {
    const auto same_name = [&](const Contender& other) { return other.name == contender->name; };
    if (std::any_of(chosen.begin(), contender, same_name)) {
      throw UserError{
          fmt::format("'{}' is named twice: once is enough, since it is measured against "
                      "itself anyway",
                      contender->name)};
    }
  }
  return chosen;
}

int run_compare(CompareFlags& flags) {
  const std::vector<Contender> contenders = choose_contenders(flags);
  flags.round.duration = std::chrono::nanoseconds{static_cast<std::int64_t>(flags.seconds * 1e9)};
  allow_descriptors_for(flags.round.load);
  const Interrupt interrupt;
  Narrator out{stdout};
  out.line(describe_load(flags.round, flags.rounds) + "\n");
  Comparison comparison;
  {
    const ProgressLine progress;
    comparison = compare(
        contenders, flags.round, flags.rounds, interrupt,
        [&](std::size_t round, const Contender& contender) {
          progress.show(fmt::format("round {} of {}: {}", round, flags.rounds, contender.name));
        });
  }
  for (const std::string& line : report(comparison, out.colour())) out.line(line);
  if (comparison.interrupted) return 128 + SIGINT;
  const bool any_measured = std::any_of(comparison.entries.begin(), comparison.entries.end(),
                                        [](const Entry& entry) { return entry.problem.empty(); });
  return any_measured ? 0 : 1;
}

int run_list() {
  Narrator out{stdout};
  std::size_t width = 0;
  for (const KnownModel& model : known_models()) width = std::max(width, model.name.size());
  int lesson = 0;
  for (const KnownModel& model : known_models()) {
    if (model.lesson != lesson) out.line(fmt::format("{:02} {}", model.lesson, model.program));
    lesson = model.lesson;
    out.line(fmt::format("     {:<{}}  {}", model.name, width, model.summary));
  }
  const KnownModel& example = known_models().front();
  out.line(
      fmt::format("\nRun:\n"
                  "  {0}                  what the lesson is, and its experiments\n"
                  "  {0} demo             its experiments, narrated\n"
                  "  unblock compare           the models side by side",
                  example.program));
  return 0;
}

int print_overview() {
  Narrator{stdout}.line(
      "unblock: how programs wait, side by side\n"
      "\n"
      "Run:\n"
      "  unblock compare                     every lesson's server under the same load\n"
      "  unblock compare select epoll-lt     two of them\n"
      "  unblock list                        lessons and models\n"
      "  unblock --help                      all flags");
  return 0;
}

void declare_compare(CLI::App& command, CompareFlags& flags) {
  LoadOptions& load = flags.round.load;
  command.add_option("model", flags.models, "Models, as `unblock list` names them; all by default");
  command
      .add_option("--with", flags.with,
                  "NAME=COMMAND: a server of your own beside them; it prints `listening on "
                  "HOST:PORT` and ends on SIGTERM")
      ->allow_extra_args(false);  // one for each --with; what follows is a model
  command.add_option("--connections", load.connections, "Clients that send requests")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command.add_option("--idle", load.idle, "Clients that are connected and silent")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command.add_option("--size", load.message_bytes, "Bytes of a message")
      ->check(CLI::Range(1, 64 << 20))
      ->capture_default_str();
  command.add_option("--pipeline", load.pipeline, "Requests at a time on each connection")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command.add_option("--rounds", flags.rounds, "Rounds; in each, the models take turns")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  command.add_option("--duration", flags.seconds, "Seconds of a round, for each model")
      ->check(CLI::Range(0.01, 3'600.0))
      ->capture_default_str();
  const std::map<std::string, Pinning> pinnings{
      {"same", Pinning::same}, {"split", Pinning::split}, {"none", Pinning::none}};
  command
      .add_option(
          "--pin", flags.round.pinning,
          "CPUs of server and client: same (one for both, the steadiest), split (one each), "
          "none")
      ->transform(CLI::CheckedTransformer(pinnings))
      ->default_str("same");
}

// A descriptor below 3 that is closed would be given to the next socket, and what is printed would
// go to a server.
void require_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (fd == STDOUT_FILENO) {
      throw UserError{"standard output is closed: give it a file, a pipe or a terminal"};
    }
    check("open", ::open("/dev/null", O_RDWR));
  }
}

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

int run(int argc, char** argv) {
  CLI::App app{"How programs wait, side by side", "unblock"};
  app.require_subcommand(0, 1);
  CompareFlags flags;
  CLI::App* compare_command =
      app.add_subcommand("compare", "Put the same load on several models and show what each costs");
  declare_compare(*compare_command, flags);
  CLI::App* list_command = app.add_subcommand("list", "Lessons and models");
  try {
    require_standard_streams();
    app.parse(argc, argv);
    if (compare_command->parsed()) return run_compare(flags);
    if (list_command->parsed()) return run_list();
    return print_overview();
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    fmt::print(stderr, "unblock: {}; see unblock --help\n", one_line(error.what()));
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "unblock: {}\n", explain(error));
    return 1;
  }
}

}  // namespace
}  // namespace unblock

int main(int argc, char** argv) {
  // A pipe or a client that is gone is an error of write(2), not the end of the process.
  ::signal(SIGPIPE, SIG_IGN);
  return unblock::run(argc, argv);
}
