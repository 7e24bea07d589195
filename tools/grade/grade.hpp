#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "tools/grade/build.hpp"
#include "tools/grade/result.hpp"

namespace unblock::grade {

struct GradeOptions {
  std::size_t jobs = 2;               ///< checks at once
  std::optional<std::uint64_t> seed;  ///< of the checks' random inputs; another one each time
  bool hidden = true;                 ///< the instructor's checks, too, where they are here
};

/// Builds the text of a student's file and runs every check on it. What is wrong with the
/// submission is a result; throws UserError where the exercise itself is not in order.
ExerciseResult grade_text(const Exercise& exercise, const std::string& text,
                          const GradeOptions& options);

/// Runs every check on a submission that is built.
ExerciseResult grade_built(const Exercise& exercise, const BuiltSubject& subject,
                           const GradeOptions& options);

/// The same as grade_text() for the file in a folder; one that cannot be read is a result, too.
ExerciseResult grade_folder(const Exercise& exercise, const std::filesystem::path& folder,
                            const GradeOptions& options);

}  // namespace unblock::grade
