#pragma once

#include <cstddef>
#include <cstdio>
#include <string>

namespace unblock {

/// The columns of the terminal that `out` goes to; of another file, what COLUMNS says, else 80.
std::size_t width_of(std::FILE* out);

/// A line on standard error that says what is going on; on a terminal only. It wipes itself out.
class ProgressLine {
 public:
  ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() { show(""); }

  void show(const std::string& text) const;

 private:
  bool shown_;
};

}  // namespace unblock
