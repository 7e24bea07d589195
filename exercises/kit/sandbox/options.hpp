#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace unblock::sandbox {

/// What the sandbox program is told, as arguments of the form name=value before `--`. Whoever
/// starts it is trusted (exercises/kit/sandboxed.cpp, and its tests): a mistake in them ends it.
struct Options {
  std::vector<std::filesystem::path> readable;  ///< read=PATH: besides the system's own folders
  std::vector<std::filesystem::path> writable;  ///< write=PATH: and what is made there
  std::vector<std::filesystem::path> covered;   ///< cover=PATH: not to be seen, wherever it is
  std::vector<std::string> environment;         ///< env=NAME=VALUE; there is no other
  std::vector<std::string> denied_calls;        ///< deny=NAME: this system call fails with ENOSYS
  std::size_t cpu_s = 10;                       ///< of all its processes together
  std::size_t memory_mb = 512;                  ///< resident, of all its processes together
  std::size_t address_space_mb = 0;             ///< of each process; 0: no limit (sanitizers)
  std::size_t processes = 16;                   ///< and threads
  std::size_t descriptors = 256;
  std::size_t file_mb = 1;  ///< the largest file, and so the longest output
  std::size_t box_mb = 16;  ///< all files in its own folder together
  bool network = true;      ///< no: not even loopback
  bool namespaces = true;   ///< no: as on a machine that has none
  bool io_uring = false;    ///< whether io_uring_setup(2) is let through
  std::vector<std::string> command;
};

/// Throws std::invalid_argument.
Options parse(int argc, char** argv);

}  // namespace unblock::sandbox
