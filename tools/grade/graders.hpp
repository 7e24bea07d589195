#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tools/grade/exercise.hpp"

/// Graders are graded: right solutions must get full marks, wrong ones must lose what they say.
namespace unblock::grade {

struct GradersOptions {
  std::size_t repeat = 1;  ///< how often the right ones are looked at
  std::size_t jobs = 2;
  bool busy = false;  ///< every CPU has something else to do meanwhile
};

/// One file of instructor/NN-name, and what came of it.
struct TrialResult {
  std::string file;  ///< "wrong/one_read.cpp"
  std::set<std::string> should_lose;
  std::set<std::string> lost;  ///< in any of the runs
  /// What came where a check was lost that should not be: a line for each such check.
  std::vector<std::string> surprises;
  int points = 0;  ///< the fewest of all runs
  int possible = 0;
  std::string problem;  ///< it does not compile, say
  double seconds = 0;   ///< of the slowest run
  bool as_it_should_be = false;
};

/// What is wrong with the exercise's own files: a check without points, a section that is no
/// heading, too few wrong submissions, a starter that does not compile or has all points ... One
/// line each.
std::vector<std::string> mistakes_in(const Exercise& exercise);

/// Grades every file of the exercise's instructor folder; tells each result when it is there.
std::vector<TrialResult> try_graders(const Exercise& exercise, const GradersOptions& options,
                                     const std::function<void(const TrialResult&)>& tell);

/// What a wrong submission says in its first lines: "// Loses: Suite.Check, Suite.Check". Throws
/// UserError where it does not say so.
std::set<std::string> stated_losses(const std::filesystem::path& file);

}  // namespace unblock::grade
