#pragma once

#include <string>
#include <vector>

#include "tools/grade/result.hpp"

namespace unblock::grade {

/// A result as a student reads it, line by line.
std::vector<std::string> terminal_lines(const ExerciseResult& result, bool colour);

/// "14 of 20 points".
std::string points_text(int points, int possible);

}  // namespace unblock::grade
