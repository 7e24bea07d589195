#pragma once

#include <functional>
#include <string>

#include "core/unique_fd.hpp"
#include "tools/grade/exercise.hpp"

namespace unblock::grade {

/// Tells when the student's file of an exercise is saved, however an editor does that: by writing
/// or by renaming (inotify(7)). A save between two waits is not lost.
class FileWatch {
 public:
  explicit FileWatch(const Exercise& exercise);

  /// Waits until the file is saved: true. Lines on standard input go to `typed` meanwhile; false
  /// where that returns false.
  bool wait(const std::function<bool(const std::string&)>& typed);

 private:
  UniqueFd events_;
  std::string file_;
};

}  // namespace unblock::grade
