#pragma once

#include <string>
#include <vector>

#include "tools/grade/result.hpp"

/// Results for other programs. Texts of a submission are in them as they were printed: visible
/// characters only.
namespace unblock::grade {

/// Our own: everything that is known.
std::string to_json(const std::vector<ExerciseResult>& results);

/// JUnit's XML, as CI services read it: a testsuite for each exercise, a testcase for each check.
std::string to_junit(const std::vector<ExerciseResult>& results);

/// Gradescope's results.json: gradescope-autograders.readthedocs.io, "Autograder Specifications".
/// The instructor's checks are shown when the grades are.
std::string to_gradescope(const std::vector<ExerciseResult>& results);

/// One line for $GITHUB_OUTPUT, `result=` and the JSON in Base64 that the actions of GitHub
/// Classroom hand to classroom-resources/autograding-grading-reporter.
std::string to_classroom(const std::vector<ExerciseResult>& results);

/// A complaint in a few lines, without colour, for the formats that show a text for each check.
std::string plain_text(const ExerciseResult& result, const CheckResult& check);

std::string base64(const std::string& bytes);

}  // namespace unblock::grade
