#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/experiment.hpp"
#include "core/observe.hpp"
#include "tools/cli/declare.hpp"
#include "tools/grade/build.hpp"
#include "tools/grade/class.hpp"
#include "tools/grade/commands.hpp"
#include "tools/grade/exercise.hpp"
#include "tools/grade/formats.hpp"
#include "tools/grade/grade.hpp"
#include "tools/grade/progress.hpp"
#include "tools/grade/terminal.hpp"

namespace unblock::grade {
namespace {

namespace fs = std::filesystem;

struct GradeFlags {
  std::vector<std::string> exercises;
  std::string submission;
  std::string whole_class;
  std::string csv = "grades.csv";
  std::string reports;
  bool json = false;
  bool public_only = false;
  std::string junit;
  std::string gradescope;
  std::string classroom;
  std::size_t jobs = available_cpus();
  std::uint64_t seed = 0;

  [[nodiscard]] GradeOptions options() const {
    GradeOptions options{.jobs = jobs, .hidden = !public_only};
    if (seed != 0) options.seed = seed;
    return options;
  }
};

void write_file(const fs::path& path, const std::string& text, std::ios::openmode mode = {}) {
  std::ofstream file{path, std::ios::binary | mode};
  if (!(file << text << std::flush)) {
    throw UserError{fmt::format("{} cannot be written: name another file", path.string())};
  }
}

// That a file cannot be written is better known before than after the work. What is in it stays.
void expect_writable(const std::string& path) {
  if (!path.empty()) write_file(path, "", std::ios::app);
}

void write_formats(const GradeFlags& flags, const std::vector<ExerciseResult>& results) {
  if (!flags.junit.empty()) write_file(flags.junit, to_junit(results));
  if (!flags.gradescope.empty()) write_file(flags.gradescope, to_gradescope(results));
  if (!flags.classroom.empty()) write_file(flags.classroom, to_classroom(results), std::ios::app);
}

std::string left_out_line(const std::string& name, const std::string& why) {
  return fmt::format("{}\n  left out: {}\n", name, why);
}

int run_grade(const GradeFlags& flags) {
  const bool own = flags.submission.empty();
  if (!own && !fs::is_directory(flags.submission)) {
    throw UserError{fmt::format("{} is no folder: --submission takes the one that was handed in",
                                flags.submission)};
  }
  Narrator out{flags.json ? nullptr : stdout};
  for (const std::string& file : {flags.junit, flags.gradescope, flags.classroom}) {
    expect_writable(file);
  }
  std::vector<ExerciseResult> results;
  int points = 0;
  int possible = 0;
  bool in_order = true;
  Progress progress;
  for (const std::string& name : chosen_exercises(flags.exercises)) {
    try {
      if (const std::string why = left_out(name); !why.empty()) {
        (flags.json ? Narrator{stderr} : out).line(left_out_line(name, why));
        continue;
      }
      const Exercise exercise = exercise_named(name);
      const fs::path folder = own ? exercise.folder : fs::path{flags.submission};
      results.push_back(grade_folder(exercise, folder, flags.options()));
      if (own) progress.graded(results.back());
      for (const std::string& line : terminal_lines(results.back(), out.colour())) out.line(line);
      points += results.back().points();
      possible += results.back().possible();
    } catch (const UserError& error) {  // of this exercise: the others go on
      (flags.json ? Narrator{stderr} : out).line(fmt::format("{}\n  {}", name, error.what()));
      in_order = false;
    }
    out.line("");
  }
  for (const std::string& line : not_enforced_lines(results)) out.line(line);
  if (results.size() > 1) out.line("Together: " + points_text(points, possible));
  if (flags.json) Narrator{stdout}.line(to_json(results));
  write_formats(flags, results);
  return in_order && points == possible ? 0 : 1;
}

void write_report(const fs::path& folder, const StudentResult& student) {
  std::string text;
  for (const ExerciseResult& result : student.results) {
    for (const std::string& line : terminal_lines(result, false)) text += line + "\n";
    text += "\n";
  }
  for (const std::string& line : not_enforced_lines(student.results)) text += line + "\n";
  fs::create_directories(folder);
  write_file(folder / (student.name + ".txt"), text);
}

int run_class(const GradeFlags& flags) {
  Narrator out{stdout};
  std::vector<Exercise> exercises;
  for (const std::string& name : chosen_exercises(flags.exercises)) {
    if (const std::string why = left_out(name); !why.empty()) {
      out.line(left_out_line(name, why));
      continue;
    }
    exercises.push_back(exercise_named(name));
    checks_of(exercises.back());  // that they are built is not each student's affair
  }
  const std::vector<fs::path> folders = student_folders(flags.whole_class);
  expect_writable(flags.csv);
  const auto tell = [&](const StudentResult& student) {
    std::string line =
        fmt::format("{:<32} {}", student.name, points_text(student.points(), student.possible()));
    for (const ExerciseResult& result : student.results) {
      if (!result.problem.empty()) line += fmt::format("  ({})", result.problem);
    }
    out.line(line);
    if (!flags.reports.empty()) write_report(flags.reports, student);
  };
  const auto students = grade_class(exercises, folders, flags.jobs, flags.options(), tell);
  write_file(flags.csv, to_csv(students));
  out.line("");
  for (const std::string& line : summary_lines(students)) out.line(line);
  out.line(fmt::format("The points are in {}.", flags.csv));
  return 0;
}

}  // namespace

void declare_grade(CLI::App& app, Chosen& chosen) {
  CLI::App* const command = app.add_subcommand("grade", "Grade solutions of the exercises");
  const auto flags = std::make_shared<GradeFlags>();
  command->add_option("exercise", flags->exercises, "Their numbers or names; all by default")
      ->type_name("EXERCISE");
  auto* const submission = command
                               ->add_option("--submission", flags->submission,
                                            "A folder that was handed in, instead of exercises/")
                               ->type_name("FOLDER");
  command
      ->add_option("--class", flags->whole_class,
                   "A folder of such folders: the points of each go to --csv")
      ->type_name("FOLDER")
      ->excludes(submission);
  command->add_option("--csv", flags->csv, "With --class: the file for the points")
      ->type_name("FILE")
      ->capture_default_str();
  command
      ->add_option("--reports", flags->reports,
                   "With --class: a folder for a text for each student")
      ->type_name("FOLDER");
  command->add_option("--jobs", flags->jobs, "Checks, or with --class submissions, at once")
      ->type_name("N")
      ->check(cli::between(1, 1'000));
  command
      ->add_option("--seed", flags->seed,
                   "Repeat the checks' random inputs: the seed that --json tells")
      ->type_name("N");
  command->add_flag("--public", flags->public_only, "Without the instructor's checks");
  command->add_flag("--json", flags->json, "Print the result as JSON, for programs");
  command->add_option("--junit", flags->junit, "Write JUnit's XML to this file")->type_name("FILE");
  command->add_option("--gradescope", flags->gradescope, "Write Gradescope's results.json there")
      ->type_name("FILE");
  command
      ->add_option("--classroom", flags->classroom,
                   "Append the result for GitHub Classroom's reporter ($GITHUB_OUTPUT)")
      ->type_name("FILE");
  command->callback([flags, &chosen] {
    chosen = [flags] { return flags->whole_class.empty() ? run_grade(*flags) : run_class(*flags); };
  });
}

}  // namespace unblock::grade
