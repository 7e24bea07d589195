#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/experiment.hpp"
#include "core/observe.hpp"
#include "tools/grade/commands.hpp"
#include "tools/grade/exercise.hpp"
#include "tools/grade/grade.hpp"
#include "tools/grade/progress.hpp"
#include "tools/grade/terminal.hpp"
#include "tools/grade/watch.hpp"

namespace unblock::grade {
namespace {

// The first that is not finished: of those that a word names, or of all.
Exercise current_exercise(const std::string& word, const Progress& progress) {
  std::vector<std::string> words;
  if (!word.empty()) words.push_back(word);
  const std::vector<std::string> chosen = chosen_exercises(words);
  const std::string next = progress.next(chosen);
  return exercise_named(next.empty() ? chosen.back() : next);
}

void print(Narrator& out, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) out.line(line);
}

int run_hint(const std::string& word) {
  Narrator out{stdout};
  Progress progress;
  print(out, next_hint(current_exercise(word, progress), progress));
  return 0;
}

int run_reset(const std::string& word) {
  const Exercise exercise = exercise_named(one_exercise(word));
  Narrator{stdout}.line(reset_exercise(exercise));
  Progress{}.forget(exercise.name);
  return 0;
}

// Grades, and tells; the exercise that follows where this one has all its points.
Exercise grade_and_tell(const Exercise& exercise, Narrator& out) {
  if (out.colour()) out.line("\x1b[2J\x1b[H");
  const ExerciseResult result = grade_folder(exercise, exercise.folder, {.jobs = available_cpus()});
  print(out, terminal_lines(result, out.colour()));
  print(out, not_enforced_lines({result}));
  Progress progress;
  progress.graded(result);
  const std::string next = progress.next(chosen_exercises({}));
  out.line("");
  if (result.full_marks() && next.empty()) out.line("All points of all exercises: well done.");
  if (!result.full_marks() || next.empty()) {
    out.line(fmt::format("Watching {}. h and Enter: a hint; q and Enter: end.",
                         (exercise.folder / exercise.file).string()));
    return exercise;
  }
  out.line(fmt::format("All points. Next: exercises/{}/README.md (watched from now on).", next));
  return exercise_named(next);
}

int run_watch(const std::string& word) {
  Narrator out{stdout};
  Exercise exercise = current_exercise(word, Progress{});
  const auto typed = [&](const std::string& line) {
    Progress progress;
    if (line.starts_with('h')) print(out, next_hint(exercise, progress));
    return !line.starts_with('q');
  };
  auto watch = std::make_unique<FileWatch>(exercise);
  do {
    const Exercise next = grade_and_tell(exercise, out);
    if (next.name == exercise.name) continue;
    if (!word.empty()) return 0;  // it was asked for this one
    exercise = next;
    watch = std::make_unique<FileWatch>(exercise);
  } while (watch->wait(typed));
  return 0;
}

}  // namespace

void declare_student_commands(CLI::App& app, Chosen& chosen) {
  const auto add = [&](const char* name, const char* what, int (*run)(const std::string&)) {
    CLI::App* const command = app.add_subcommand(name, what);
    const auto word = std::make_shared<std::string>();
    CLI::Option* const option =
        command->add_option("exercise", *word, "Its number or name")->type_name("EXERCISE");
    command->callback([word, run, &chosen] { chosen = [word, run] { return run(*word); }; });
    return option;
  };
  add("watch", "Grade an exercise whenever its file is saved", run_watch);
  add("hint", "Tell one hint more at each call", run_hint);
  add("reset", "Put an exercise's starter back; what was there is kept beside it", run_reset)
      ->required();
  app.add_subcommand("progress", "Show the points so far, and what is next")->callback([&chosen] {
    chosen = [] {
      Narrator out{stdout};
      print(out, progress_lines(Progress{}));
      return 0;
    };
  });
}

}  // namespace unblock::grade
