#pragma once

#include <filesystem>
#include <string>

#include "tools/grade/exercise.hpp"

namespace unblock::grade {

/// The text of the student's file for an exercise, found below `folder`: at exercises/NN-name/FILE,
/// NN-name/FILE, FILE, or wherever there is one file of that name. Throws UserError where there is
/// none or more than one, where it is no regular file (a link may lead anywhere), and where it is
/// larger than a file that a person writes.
std::string read_submission(const Exercise& exercise, const std::filesystem::path& folder);

/// A name as it may be printed: what is no visible ASCII or UTF-8 letter becomes '?'.
std::string printable(const std::string& name);

}  // namespace unblock::grade
