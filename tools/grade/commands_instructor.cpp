#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/errors.hpp"
#include "core/experiment.hpp"
#include "core/observe.hpp"
#include "tools/cli/declare.hpp"
#include "tools/grade/build.hpp"
#include "tools/grade/commands.hpp"
#include "tools/grade/exercise.hpp"
#include "tools/grade/graders.hpp"
#include "tools/grade/handout.hpp"

namespace unblock::grade {
namespace {

struct GradersFlags {
  std::vector<std::string> exercises;
  GradersOptions options{.jobs = available_cpus()};
};

std::string trial_line(const TrialResult& trial) {
  std::string line = fmt::format("  {:<4} {:>2} of {:<3} {:>5.1f} s  {:<38} ",
                                 trial.as_it_should_be ? "ok" : "BAD", trial.points, trial.possible,
                                 trial.seconds, trial.file);
  if (!trial.problem.empty()) return line + trial.problem;
  line +=
      trial.lost.empty() ? "loses nothing" : fmt::format("loses {}", fmt::join(trial.lost, ", "));
  for (const std::string& name : trial.should_lose) {
    if (!trial.lost.contains(name)) line += fmt::format("; should lose {}", name);
  }
  for (const std::string& name : trial.lost) {
    if (!trial.should_lose.contains(name)) line += fmt::format("; should not lose {}", name);
  }
  return line;
}

int run_graders(const GradersFlags& flags) {
  Narrator out{stdout};
  std::size_t wrong = 0;
  std::size_t trials = 0;
  for (const std::string& name : chosen_exercises(flags.exercises)) {
    out.line(name);
    try {
      if (const std::string why = left_out(name); !why.empty()) {
        out.line("  left out: " + why);
        continue;
      }
      const Exercise exercise = exercise_named(name);
      if (exercise.instructor_folder.empty()) {
        throw UserError{"its instructor's folder is not here"};
      }
      for (const std::string& mistake : mistakes_in(exercise)) {
        out.line("  BAD  " + mistake);
        ++wrong;
      }
      const auto results = try_graders(exercise, flags.options, [&](const TrialResult& trial) {
        out.line(trial_line(trial));
        for (const std::string& surprise : trial.surprises) out.line("       " + surprise);
        if (!trial.as_it_should_be) ++wrong;
      });
      trials += results.size();
    } catch (const UserError& error) {
      out.line(std::string{"  BAD  "} + error.what());
      ++wrong;
    }
  }
  out.line(wrong == 0 ? fmt::format("All {} submissions get what they should.", trials)
                      : fmt::format("{} of the lines above should not be.", wrong));
  return wrong == 0 ? 0 : 1;
}

void declare_graders(CLI::App& app, Chosen& chosen) {
  CLI::App* const command = app.add_subcommand(
      "graders", "Grade the graders: right solutions and known-wrong ones (instructors)");
  const auto flags = std::make_shared<GradersFlags>();
  command->add_option("exercise", flags->exercises, "Their numbers or names; all by default")
      ->type_name("EXERCISE");
  command->add_option("--repeat", flags->options.repeat, "How often the right ones are graded")
      ->type_name("N")
      ->check(cli::between(1, 10'000));
  command->add_option("--jobs", flags->options.jobs, "Checks at once")
      ->type_name("N")
      ->check(cli::between(1, 1'000));
  command->add_flag("--busy", flags->options.busy, "Keep every CPU busy meanwhile");
  command->callback([flags, &chosen] { chosen = [flags] { return run_graders(*flags); }; });
}

void declare_handout(CLI::App& app, Chosen& chosen) {
  CLI::App* const command = app.add_subcommand(
      "handout", "Write what students get: everything but the instructor's folder");
  const auto target = std::make_shared<std::string>();
  command->add_option("folder", *target, "A new folder")->type_name("FOLDER")->required();
  command->callback([target, &chosen] {
    chosen = [target] {
      const std::size_t files = write_handout(*target);
      Narrator{stdout}.line(fmt::format("{}: {} files, without the instructor's", *target, files));
      return 0;
    };
  });
}

}  // namespace

void declare_instructor_commands(CLI::App& app, Chosen& chosen) {
  declare_graders(app, chosen);
  declare_handout(app, chosen);
}

}  // namespace unblock::grade
