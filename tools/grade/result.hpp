#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/grade/exercise.hpp"

namespace unblock::grade {

/// Why a check failed, as it told: exercises/kit/failure.hpp.
struct Complaint {
  std::string kind;  ///< "wrong", "crashed", "hung", "leaked", "limit", "ended early", "not built"
  std::string what;
  std::string expected;
  std::string came;
  std::string cause;
  std::string report;
  std::vector<std::string> story;
  bool at_start = false;  ///< the program did not begin, so no other check can do better
};

struct CheckResult {
  enum class Outcome { passed, failed, skipped };

  CheckSpec spec;
  Outcome outcome = Outcome::failed;
  Complaint complaint;  ///< where it failed
  std::string skipped;  ///< why, where it was: a program that this machine lacks
  double seconds = 0;
  std::uint64_t seed = 0;

  [[nodiscard]] int points() const { return outcome == Outcome::passed ? spec.points : 0; }
};

/// One submission of one exercise, graded.
struct ExerciseResult {
  std::string exercise;  ///< "01-read-exactly"
  std::string title;
  std::string file;     ///< the student's
  std::string readme;   ///< where to read on
  std::string problem;  ///< why no check could run: it does not compile, it is not there
  std::vector<std::string> messages;  ///< of the compiler
  std::vector<CheckResult> checks;
  std::vector<std::string> not_enforced;  ///< by the sandbox, on this machine
  int points_elsewhere = 0;  ///< for the instructor's checks, where they did not run here
  double seconds = 0;

  [[nodiscard]] int points() const;
  /// Of the checks that could run here.
  [[nodiscard]] int possible() const;
  [[nodiscard]] bool full_marks() const { return points() == possible(); }
};

}  // namespace unblock::grade
