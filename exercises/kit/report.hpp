#pragma once

#include <optional>
#include <string>

namespace unblock::kit {

/// A sanitizer's report, reduced to what a student needs.
struct Report {
  bool is_leak = false;
  std::string what;     ///< "heap-buffer-overflow"
  std::string meaning;  ///< one sentence
  std::string where;    ///< "read_exactly.cpp:17, in read_exactly"; empty where no frame is theirs
};

/// The first report in what a program printed; nothing where there is none. `file` is the
/// student's.
std::optional<Report> find_report(const std::string& printed, const std::string& file);

/// Whether the leak checker itself gave up (it cannot trace on this machine).
bool leak_checker_failed(const std::string& printed);

}  // namespace unblock::kit
