#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

#include <fmt/core.h>

namespace unblock {

/// A line on standard error that says what is going on; on a terminal only. It wipes itself out.
class ProgressLine {
 public:
  ProgressLine() : shown_{::isatty(STDERR_FILENO) == 1} {}
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() { show(""); }

  void show(const std::string& text) const {
    if (shown_) fmt::print(stderr, "\r\x1b[K{}", text);
  }

 private:
  bool shown_;
};

}  // namespace unblock
