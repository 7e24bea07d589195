#pragma once

#include <string>
#include <vector>

#include "tools/grade/result.hpp"

namespace unblock::grade {

/// A result as a student reads it, line by line.
std::vector<std::string> terminal_lines(const ExerciseResult& result, bool colour);

/// What the sandbox could not bound on this machine, in one sentence; nothing where it bounds all.
std::vector<std::string> not_enforced_lines(const std::vector<ExerciseResult>& results);

/// "14 of 20 points".
std::string points_text(int points, int possible);

}  // namespace unblock::grade
