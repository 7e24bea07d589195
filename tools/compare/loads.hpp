#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tools/load/load_client.hpp"

namespace unblock {

/// A load by name. Each can also be had by flags.
struct Load {
  std::string name = "few-busy";
  std::string summary = {};  ///< what it is, and what it teaches
  LoadOptions options = {};
  std::size_t rounds = 5;
  std::vector<std::string> changes = {};  ///< flags that made it another one: "--size 1024"
};

const std::vector<Load>& known_loads();

/// The load of that name; throws UserError, with the nearest name, where there is none.
const Load& find_load(const std::string& name);

/// "few-busy", "few-busy with --size 1024"
std::string title_of(const Load& load);

/// The flags that make this load: "--connections 10 --idle 5000".
std::string flags_of(const LoadOptions& options);

/// "64 connections, messages of 64 bytes, one request at a time on each"
std::string describe(const LoadOptions& options);

}  // namespace unblock
