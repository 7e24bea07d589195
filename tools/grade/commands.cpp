#include "tools/grade/commands.hpp"

#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/experiment.hpp"
#include "core/observe.hpp"
#include "tools/grade/exercise.hpp"
#include "tools/grade/grade.hpp"
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

}  // namespace

void declare_commands(CLI::App& app, std::function<int()>& chosen) {
  // What is made for the sandbox's users is to be readable by them, whoever we are.
  ::umask(022);
  declare_grade(app, chosen);
}

}  // namespace unblock::grade
