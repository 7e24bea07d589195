#include "tools/grade/commands.hpp"

#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/errors.hpp"
#include "core/experiment.hpp"
#include "core/observe.hpp"
#include "tools/grade/exercise.hpp"
#include "tools/grade/grade.hpp"
#include "tools/grade/graders.hpp"
#include "tools/grade/terminal.hpp"

namespace unblock::grade {
namespace {

struct GradeFlags {
  std::vector<std::string> exercises;
  std::string submission;
  std::size_t jobs = available_cpus();
  std::uint64_t seed = 0;
};

int run_grade(const GradeFlags& flags) {
  Narrator out{stdout};
  GradeOptions options{.jobs = flags.jobs};
  if (flags.seed != 0) options.seed = flags.seed;
  int points = 0;
  int possible = 0;
  bool in_order = true;
  const auto names = chosen_exercises(flags.exercises);
  for (const std::string& name : names) {
    try {
      const Exercise exercise = exercise_named(name);
      const std::filesystem::path folder =
          flags.submission.empty() ? exercise.folder : std::filesystem::path{flags.submission};
      const ExerciseResult result = grade_folder(exercise, folder, options);
      for (const std::string& line : terminal_lines(result, out.colour())) out.line(line);
      points += result.points();
      possible += result.possible();
    } catch (const UserError& error) {  // of this exercise: the others go on
      out.line(fmt::format("{}\n  {}", name, error.what()));
      in_order = false;
    }
    out.line("");
  }
  if (names.size() > 1) out.line("Together: " + points_text(points, possible));
  return in_order && points == possible ? 0 : 1;
}

void declare_grade(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* const command = app.add_subcommand("grade", "Grade your solutions of the exercises");
  const auto flags = std::make_shared<GradeFlags>();
  command->add_option("exercise", flags->exercises, "Their numbers or names; all by default");
  command->add_option("--submission", flags->submission,
                      "A folder that was handed in, instead of exercises/");
  command->add_option("--jobs", flags->jobs, "Checks at once")->check(CLI::Range(1, 1'000));
  command->add_option("--seed", flags->seed,
                      "Repeat the checks' random inputs: the seed that a failed check told");
  command->callback([flags, &chosen] { chosen = [flags] { return run_grade(*flags); }; });
}

struct GradersFlags {
  std::vector<std::string> exercises;
  GradersOptions options{.jobs = available_cpus()};
};

std::string trial_line(const TrialResult& trial) {
  std::string line = fmt::format("  {:<4} {:>2} of {:<3} {:>5.1f} s  {:<34}",
                                 trial.as_it_should_be ? "ok" : "BAD", trial.points,
                                 trial.possible, trial.seconds, trial.file);
  if (!trial.problem.empty()) return line + trial.problem;
  line += trial.lost.empty() ? "loses nothing" : fmt::format("loses {}", fmt::join(trial.lost, ", "));
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

void declare_graders(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* const command = app.add_subcommand(
      "graders", "Grade the graders: right solutions and known-wrong ones (instructors)");
  const auto flags = std::make_shared<GradersFlags>();
  command->add_option("exercise", flags->exercises, "Their numbers or names; all by default");
  command->add_option("--repeat", flags->options.repeat, "How often the right ones are graded")
      ->check(CLI::Range(1, 10'000));
  command->add_option("--jobs", flags->options.jobs, "Checks at once")
      ->check(CLI::Range(1, 1'000));
  command->add_flag("--busy", flags->options.busy, "Keep every CPU busy meanwhile");
  command->callback([flags, &chosen] { chosen = [flags] { return run_graders(*flags); }; });
}

}  // namespace

void declare_commands(CLI::App& app, std::function<int()>& chosen) {
  // What is made for the sandbox's users is to be readable by them, whoever we are.
  ::umask(022);
  declare_grade(app, chosen);
  declare_graders(app, chosen);
}

}  // namespace unblock::grade
