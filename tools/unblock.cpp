// The `unblock` command: what runs across the lessons.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/experiment.hpp"
#include "tools/compare/command.hpp"
#include "tools/grade/commands.hpp"
#include "tools/list.hpp"

namespace unblock {
namespace {

int print_overview() {
  Narrator{stdout}.line(
      "unblock: how programs wait, side by side\n"
      "\n"
      "Run:\n"
      "  unblock compare                     every lesson's server under the same load\n"
      "  unblock compare select epoll-lt     two of them\n"
      "  unblock compare --load many-idle    another load; --list describes them\n"
      "  unblock compare --scale             from 1 to 10,000 connections\n"
      "  unblock list                        lessons, models and experiments\n"
      "  unblock progress                    the exercises, your points, and what is next\n"
      "  unblock grade read-exactly          your solution of one of them\n"
      "  unblock --help                      all flags");
  return 0;
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

// The command line, as somebody would type it.
std::vector<std::string> words_of(int argc, char** argv) {
  std::vector<std::string> words{"unblock"};
  for (int i = 1; i < argc; ++i) words.emplace_back(argv[i]);
  return words;
}

// Where the first word is no command and seems to be meant for one; else what the parser says.
std::string complaint(const CLI::ParseError& error, const CLI::App& app, int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  std::vector<std::string> commands;
  for (const CLI::App* const command : app.get_subcommands(nullptr)) {
    commands.push_back(command->get_name());
  }
  const bool is_known = std::find(commands.begin(), commands.end(), word) != commands.end();
  const std::string near = is_known || word.starts_with('-') ? "" : nearest(word, commands);
  if (near.empty()) return fmt::format("{}; see unblock --help", one_line(error.what()));
  return fmt::format("no command is called '{}': did you mean '{}'? See unblock --help", word,
                     near);
}

int run(int argc, char** argv) {
  CLI::App app{"How programs wait, side by side", "unblock"};
  app.require_subcommand(0, 1);
  CompareFlags flags;
  const CLI::App* const compare_command = declare_compare(app, flags);
  CLI::App* const list_command =
      app.add_subcommand("list", "Lessons, models and experiments, and what to run next");
  bool list_as_json = false;
  list_command->add_flag("--json", list_as_json, "Print it as JSON, for programs");
  std::function<int()> exercise_command;
  grade::declare_commands(app, exercise_command);
  try {
    require_standard_streams();
    app.parse(argc, argv);
    if (compare_command->parsed()) return run_compare(flags, words_of(argc, argv));
    if (list_command->parsed()) return run_list(list_as_json);
    if (exercise_command) return exercise_command();
    return print_overview();
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    fmt::print(stderr, "unblock: {}\n", complaint(error, app, argc, argv));
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
