#include "tools/command_line.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/experiment.hpp"
#include "tools/cli/declare.hpp"
#include "tools/compare/command.hpp"
#include "tools/compare/models.hpp"
#include "tools/compare/terminal.hpp"
#include "tools/grade/commands.hpp"
#include "tools/grade/exercise.hpp"
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
      "  unblock compare --html demo.html    the same as a page with plots, for a browser\n"
      "  unblock list                        lessons, models and experiments\n"
      "  unblock progress                    the exercises, your points, and what is next\n"
      "  unblock grade read-exactly          your solution of one of them\n"
      "  unblock manual | man -l -           the manual page\n"
      "  unblock --help                      all commands");
  return 0;
}

int print_text(std::string text) {
  text.pop_back();  // its last newline
  Narrator{stdout}.line(text);
  return 0;
}

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// Where the first word is no command and seems to be meant for one; else what the parser says.
std::string complaint(const CLI::ParseError& error, const CLI::App& app,
                      const std::vector<std::string>& words) {
  const std::string word = words.empty() ? "" : words.front();
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

class Help : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string words, CLI::AppFormatMode) const override {
    return cli::help(cli::describe(*app), words, std::min<std::size_t>(width_of(stdout), 100));
  }
};

void declare_completion(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* const command =
      app.add_subcommand("completion", "Print the completion script of a shell, to be sourced");
  const auto shell = std::make_shared<std::string>();
  cli::one_of(command->add_option("shell", *shell, "The shell")->required(), {"bash", "zsh"});
  command->callback([shell, &chosen] {
    chosen = [shell] { return print_text(cli::completion_script(*shell, "unblock")); };
  });
}

// All that can be said to `unblock`. The command that was given is put into `chosen`.
class CommandLine {
 public:
  CommandLine() {
    app.formatter(std::make_shared<Help>());
    app.set_help_flag("-h,--help", "Print this help");
    app.require_subcommand(0, 1);
    declare_compare(app, compare_)->callback([this] {
      chosen = [this] { return run_compare(compare_, words); };
    });
    CLI::App* const list =
        app.add_subcommand("list", "List lessons, models, experiments and exercises");
    list->add_flag("--json", list_as_json_, "Print it as JSON, for programs");
    list->callback([this] { chosen = [this] { return run_list(list_as_json_); }; });
    grade::declare_commands(app, chosen);
    declare_completion(app, chosen);
    app.add_subcommand("manual", "Print the manual page, for `man -l -`")->callback([this] {
      chosen = [] { return print_text(unblock_manual()); };
    });
  }
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  CLI::App app{"How programs wait, side by side", "unblock"};
  std::vector<std::string> words{"unblock"};  // as somebody would type them
  std::function<int()> chosen = print_overview;

 private:
  CompareFlags compare_;
  bool list_as_json_ = false;
};

// What a shell asks, through the script of `unblock completion`. It is told nothing where something
// is wrong: somebody is typing.
int answer_shell(const std::vector<std::string>& words) {
  const auto completion = cli::complete(unblock_command(), words, values_of);
  fmt::print("{}", cli::to_lines(completion));
  return 0;
}

}  // namespace

cli::Command unblock_command() { return cli::describe(CommandLine{}.app); }

std::vector<cli::Candidate> values_of(const std::string& value, const std::string& begun) {
  std::vector<cli::Candidate> candidates;
  if (value == "MODEL") {
    for (const KnownModel& model : known_models()) {
      candidates.push_back({.text = model.name, .description = model.summary});
    }
  } else if (value == "LOAD") {
    for (const Load& load : known_loads()) {
      candidates.push_back({.text = load.name, .description = load.summary});
    }
  } else if (value == "EXERCISE") {
    // "01-read-exactly", or without its number for who begins with a letter.
    const bool by_number = begun.empty() || (begun.front() >= '0' && begun.front() <= '9');
    for (const std::string& name : grade::exercise_names()) {
      candidates.push_back({.text = by_number ? name : name.substr(name.find('-') + 1)});
    }
  }
  return candidates;
}

std::string unblock_manual() {
  cli::Glossary models;
  for (const KnownModel& model : known_models()) {
    models.emplace_back(model.name, fmt::format("Lesson {:02}: {}.", model.lesson, model.summary));
  }
  cli::Glossary loads;
  for (const Load& load : known_loads()) {
    loads.emplace_back(load.name,
                       fmt::format("{}. As flags: `{}`", load.summary, flags_of(load.options)));
  }
  return cli::manual(unblock_command(), models, loads);
}

int run_unblock(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words.front() == "__complete") {
    return answer_shell({words.begin() + 1, words.end()});
  }
  CommandLine line;
  line.words.insert(line.words.end(), words.begin(), words.end());
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return line.app.exit(error);  // --help
    fmt::print(stderr, "unblock: {}\n", complaint(error, line.app, words));
    return 2;
  }
  return line.chosen();
}

}  // namespace unblock
