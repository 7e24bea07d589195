#include "tools/grade/class.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "tools/grade/submission.hpp"
#include "tools/grade/terminal.hpp"

namespace unblock::grade {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t told_checks = 8;

ExerciseResult grade_one(const Exercise& exercise, const fs::path& folder,
                         const GradeOptions& options) {
  try {
    return grade_folder(exercise, folder, options);
  } catch (const std::exception& error) {
    // Of this machine or of ours, not of the submission: it is told, and the others go on.
    ExerciseResult result{.exercise = exercise.name, .title = exercise.title};
    result.problem = std::string{"could not be graded: "} + error.what();
    for (const CheckSpec& spec : exercise.checks) result.checks.push_back({.spec = spec});
    return result;
  }
}

std::string csv_field(std::string text) {
  if (!text.empty() && std::string_view{"=+-@"}.find(text.front()) != std::string_view::npos) {
    text.insert(text.begin(), '\'');
  }
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string{"\"\""} : std::string{c};
  return quoted + "\"";
}

}  // namespace

std::vector<fs::path> student_folders(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> folders;
  for (fs::directory_iterator at{folder, error}, end; !error && at != end; at.increment(error)) {
    // A link may lead to another student's folder, or anywhere.
    if (at->symlink_status().type() == fs::file_type::directory) folders.push_back(at->path());
  }
  if (error) {
    throw UserError{fmt::format("{} cannot be read: {}", folder.string(), error.message())};
  }
  if (folders.empty()) {
    throw UserError{
        fmt::format("there is no folder below {}: each student's is one", folder.string())};
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

int StudentResult::points() const {
  return std::accumulate(
      results.begin(), results.end(), 0,
      [](int sum, const ExerciseResult& result) { return sum + result.points(); });
}

int StudentResult::possible() const {
  return std::accumulate(
      results.begin(), results.end(), 0,
      [](int sum, const ExerciseResult& result) { return sum + result.possible(); });
}

std::vector<StudentResult> grade_class(const std::vector<Exercise>& exercises,
                                       const std::vector<fs::path>& folders, std::size_t jobs,
                                       const GradeOptions& options,
                                       const std::function<void(const StudentResult&)>& tell) {
  std::vector<StudentResult> students(folders.size());
  std::vector<std::size_t> left(folders.size(), exercises.size());
  for (std::size_t i = 0; i < folders.size(); ++i) {
    students[i].name = printable(folders[i].filename().string());
    students[i].results.resize(exercises.size());
  }
  GradeOptions each = options;
  each.jobs = 1;  // the students are what goes on at the same time
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::vector<std::jthread> workers;
  for (std::size_t i = 0; i < std::max<std::size_t>(jobs, 1); ++i) {
    workers.emplace_back([&] {
      for (std::size_t at = next++; at < folders.size() * exercises.size(); at = next++) {
        const std::size_t student = at / exercises.size();
        const std::size_t exercise = at % exercises.size();
        students[student].results[exercise] =
            grade_one(exercises[exercise], folders[student], each);
        const std::lock_guard lock{mutex};
        if (--left[student] == 0) tell(students[student]);
      }
    });
  }
  workers.clear();  // joins
  return students;
}

std::string to_csv(const std::vector<StudentResult>& students) {
  std::string text = "student";
  if (!students.empty()) {
    for (const ExerciseResult& result : students.front().results) {
      text += "," + csv_field(result.exercise);
    }
  }
  text += ",total,possible,remarks\r\n";
  for (const StudentResult& student : students) {
    text += csv_field(student.name);
    std::string remarks;
    for (const ExerciseResult& result : student.results) {
      text += fmt::format(",{}", result.points());
      if (result.problem.empty()) continue;
      remarks += (remarks.empty() ? "" : "; ") + result.exercise + ": " + result.problem;
    }
    text += fmt::format(",{},{},{}\r\n", student.points(), student.possible(), csv_field(remarks));
  }
  return text;
}

std::vector<std::string> summary_lines(const std::vector<StudentResult>& students) {
  std::map<std::string, std::size_t> failures;
  double points = 0;
  int possible = 0;
  std::size_t not_graded = 0;
  std::vector<ExerciseResult> results;
  for (const StudentResult& student : students) {
    points += student.points();
    possible = std::max(possible, student.possible());
    results.insert(results.end(), student.results.begin(), student.results.end());
    for (const ExerciseResult& result : student.results) {
      not_graded += result.problem.empty() ? 0 : 1;
      for (const CheckResult& check : result.checks) {
        if (result.problem.empty() && check.outcome == CheckResult::Outcome::failed) {
          ++failures[result.exercise + " " + check.spec.name];
        }
      }
    }
  }
  std::vector<std::string> lines{fmt::format(
      "{} submissions; mean {:.1f} of {} points; files that could not be graded: {}",
      students.size(), students.empty() ? 0.0 : points / static_cast<double>(students.size()),
      possible, not_graded)};
  std::vector<std::pair<std::string, std::size_t>> most{failures.begin(), failures.end()};
  std::stable_sort(most.begin(), most.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (most.size() > told_checks) most.resize(told_checks);
  if (!most.empty()) lines.emplace_back("Failed most:");
  for (const auto& [name, number] : most) lines.push_back(fmt::format("  {:>4}  {}", number, name));
  const std::vector<std::string> not_enforced = not_enforced_lines(results);
  lines.insert(lines.end(), not_enforced.begin(), not_enforced.end());
  return lines;
}

}  // namespace unblock::grade
