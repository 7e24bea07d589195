#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/compare/comparison.hpp"
#include "tools/compare/scale.hpp"

namespace unblock {

/// All that one run of `unblock compare` has brought.
struct Results {
  std::vector<std::string> command;  ///< the words that repeat it
  std::chrono::system_clock::time_point started;
  std::chrono::nanoseconds elapsed{};
  Pinning pinning = Pinning::same;
  std::vector<Contender> contenders;
  std::vector<Comparison> comparisons;  ///< one for each load
  std::optional<Scale> scale;           ///< of --scale, instead of them
  bool interrupted = false;
};

/// As docs/compare-json.md describes it.
nlohmann::ordered_json to_json(const Results& results);

/// The words as one line for a shell.
std::string shell_line(const std::vector<std::string>& words);

}  // namespace unblock
