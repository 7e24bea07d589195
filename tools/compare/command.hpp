#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tools/compare/contender.hpp"
#include "tools/compare/loads.hpp"

namespace CLI {
class App;
}

namespace unblock {

/// The command line of `unblock compare`. What is not given is the load's own.
struct CompareFlags {
  std::vector<std::string> models;
  std::vector<std::string> with;
  std::vector<std::string> loads;
  std::optional<std::size_t> connections;
  std::optional<std::size_t> idle;
  std::optional<std::size_t> slow;
  std::optional<std::size_t> size;
  std::optional<std::size_t> pipeline;
  std::optional<double> rate;
  bool reconnect = false;
  std::optional<std::size_t> rounds;
  std::optional<double> seconds;
  Pinning pinning = Pinning::same;
  bool lists_loads = false;
  bool scales = false;
  std::string json;  ///< a file; "-" for standard output
  std::string html;  ///< a file
};

/// Adds the subcommand; `flags` must outlive `app`.
CLI::App* declare_compare(CLI::App& app, CompareFlags& flags);

/// Does what they say. `words`: the command line, to be repeated. Returns the exit status: 0, 1
/// where nothing could be measured, 130 after Ctrl-C. Throws UserError.
int run_compare(const CompareFlags& flags, const std::vector<std::string>& words);

/// The named load with what the flags change of it. Throws UserError where they do not go together.
Load chosen_load(const std::string& name, const CompareFlags& flags);

/// Seconds of a round, so that a run of that many rounds of that many servers stays under half a
/// minute: a quarter of a second, or less.
double seconds_of_a_round(std::size_t rounds, std::size_t contenders);

}  // namespace unblock
