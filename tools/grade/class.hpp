#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tools/grade/grade.hpp"

namespace unblock::grade {

/// One student's folder, graded.
struct StudentResult {
  std::string name;  ///< the folder's, as it may be printed
  std::vector<ExerciseResult> results;

  [[nodiscard]] int points() const;
  [[nodiscard]] int possible() const;
};

/// The folders below `folder`, one for each student, by name. Throws UserError where there are
/// none.
std::vector<std::filesystem::path> student_folders(const std::filesystem::path& folder);

/// Grades each of `folders` as one student's submission, `jobs` at once. One student's
/// submission costs no other anything: each check has processes and limits of its own. `tell` is
/// called for each student when all of the results are there, in no certain order, one call at a
/// time.
std::vector<StudentResult> grade_class(const std::vector<Exercise>& exercises,
                                       const std::vector<std::filesystem::path>& folders,
                                       std::size_t jobs, const GradeOptions& options,
                                       const std::function<void(const StudentResult&)>& tell);

/// One line for each student: points of each exercise, in all, and what was wrong with the files.
/// RFC 4180; a name that a spreadsheet would take for a formula gets an apostrophe.
std::string to_csv(const std::vector<StudentResult>& students);

/// The class at a glance: the mean, and the checks that most have failed.
std::vector<std::string> summary_lines(const std::vector<StudentResult>& students);

}  // namespace unblock::grade
