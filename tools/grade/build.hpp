#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/grade/exercise.hpp"

namespace unblock::grade {

/// A folder below the system's temporary one, that goes with its owner.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

/// A submission that was compiled and linked, or why it was not.
struct BuiltSubject {
  std::filesystem::path address;          ///< with AddressSanitizer and UBSan
  std::filesystem::path thread;           ///< with ThreadSanitizer, where the exercise has threads
  std::string problem;                    ///< one line; empty where it is built
  std::vector<std::string> messages;      ///< of the compiler, the student's own lines first
  std::vector<std::string> not_enforced;  ///< by the sandbox
};

/// Compiles and links the text of a student's file, in the sandbox, into `folder`. Nothing of the
/// tree is to be seen there but the headers that are given. Throws UserError where the exercise
/// itself is not built yet.
BuiltSubject build_subject(const Exercise& exercise, const std::string& text,
                           const std::filesystem::path& folder);

/// Why an exercise cannot be done here: it needs a library that was not there when this was built,
/// or io_uring, and the system has it not. Empty where nothing is missing.
std::string left_out(const std::string& exercise);

/// The checks of an exercise. Throws UserError where they are not built, or older than their
/// sources.
std::filesystem::path checks_of(const Exercise& exercise);
/// The sandbox.
std::filesystem::path sandbox_program();

}  // namespace unblock::grade
