#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "exercises/kit/sandboxed.hpp"

/// The grader: what exercises there are, how a submission is built and looked at, what comes of it.
namespace unblock::grade {

/// Where the tree of this program is, and where it was built.
std::filesystem::path source_folder();
std::filesystem::path build_folder();

/// What one check is worth.
struct CheckSpec {
  std::string name;  ///< "ReadExactly.GathersPieces", as GoogleTest has it
  int points = 0;
  std::string section;  ///< a heading of the exercise's README.md
  std::string cause;    ///< the likely mistake
  bool hidden = false;  ///< the instructor's: students do not have it
};

/// What exercise.toml says, and hidden.toml where there is one.
struct Exercise {
  int number = 0;
  std::string name;  ///< the folder's: "01-read-exactly"
  std::string title;
  int lesson = 0;
  int minutes = 0;
  std::string file;  ///< the only one that a student edits
  std::vector<std::string> hints;
  bool threads = false;
  bool io_uring = false;
  std::vector<std::string> denied_calls;
  kit::Limits limits;
  int hidden_points = 0;  ///< as exercise.toml says, whether the hidden checks are here or not
  std::vector<CheckSpec> checks;
  std::filesystem::path folder;
  std::filesystem::path instructor_folder;  ///< empty where there is none

  [[nodiscard]] int points() const;  ///< of the checks that are here
};

/// Reads the exercise in a folder. Throws UserError: which file, which line, what is wrong.
Exercise read_exercise(const std::filesystem::path& folder,
                       const std::filesystem::path& instructor_folder);

/// The names of all exercises, in the order in which one takes them.
std::vector<std::string> exercise_names();

/// The names that words mean: "1", "01", "read-exactly", "01-read-exactly", a path that ends so;
/// all where there are no words. Throws UserError, with the nearest name, where there is none.
std::vector<std::string> chosen_exercises(const std::vector<std::string>& words);

/// The only one that a word means. Throws UserError where it means none, or several.
std::string one_exercise(const std::string& word);

/// Reads an exercise of this tree by its name.
Exercise exercise_named(const std::string& name);

/// The headings of a text in Markdown.
std::vector<std::string> headings(const std::filesystem::path& markdown);

}  // namespace unblock::grade
