#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/grade/result.hpp"

namespace unblock::grade {

/// What is known of the student's way through the exercises: exercises/.progress.json. It is read
/// when it is made and written by each change; one that cannot be read begins anew.
class Progress {
 public:
  struct Entry {
    int points = 0;  ///< of the last grading
    int possible = 0;
    std::size_t hints = 0;  ///< told so far
  };

  explicit Progress(std::filesystem::path file = source_folder() / "exercises/.progress.json");

  [[nodiscard]] std::optional<Entry> of(const std::string& exercise) const;
  void graded(const ExerciseResult& result);
  void told_hint(const std::string& exercise);
  void forget(const std::string& exercise);

  /// The first of `exercises` that has not all its points yet, of those that can be done here;
  /// empty where all have.
  [[nodiscard]] std::string next(const std::vector<std::string>& exercises) const;

 private:
  void save() const;

  std::filesystem::path file_;
  std::map<std::string, Entry> entries_;
};

/// The table of all exercises, and what is next.
std::vector<std::string> progress_lines(const Progress& progress);

/// One hint more than the time before, and how many there are.
std::vector<std::string> next_hint(const Exercise& exercise, Progress& progress);

/// Puts the starter back; what was there is kept beside it, as FILE.1 (or .2 ...). Returns what to
/// tell. Throws UserError where the starter cannot be had.
std::string reset_exercise(const Exercise& exercise);

/// The student's file as the last commit has it; nothing where there is no git or no such commit.
std::optional<std::string> committed_file(const Exercise& exercise);

/// Where a handout keeps a starter.
std::filesystem::path kept_starter(const Exercise& exercise);

}  // namespace unblock::grade
