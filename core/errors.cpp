#include "core/errors.hpp"

#include <algorithm>
#include <numeric>
#include <system_error>
#include <vector>

namespace unblock {

void throw_errno(const char* call) {
  throw std::system_error{errno, std::generic_category(), call};
}

std::string explain(const std::exception& error) {
  std::string line = error.what();
  if (const auto* failed_call = dynamic_cast<const std::system_error*>(&error)) {
    if (failed_call->code() == std::errc::too_many_files_open) {
      line += ": raise the limit of open descriptors, for example with `ulimit -n 4096`";
    } else if (failed_call->code() == std::errc::too_many_files_open_in_system) {
      line += ": the whole system is out of descriptors; see /proc/sys/fs/file-max";
    } else if (failed_call->code() == std::errc::resource_unavailable_try_again) {
      line += ": the limit of threads or processes is reached; see `ulimit -u`";
    }
  }
  return line;
}

namespace {

// The last row of the Wagner-Fischer table: element j is the distance of `a` from the first j
// characters of `b`. It keeps one row at a time.
std::vector<std::size_t> distances(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row;
}

}  // namespace

std::size_t edit_distance(const std::string& a, const std::string& b) {
  return distances(a, b).back();
}

std::size_t distance_to_beginning(const std::string& word, const std::string& whole) {
  const std::vector<std::size_t> row = distances(word, whole);
  return *std::min_element(row.begin(), row.end());
}

}  // namespace unblock
