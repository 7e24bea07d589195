#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "exercises/kit/sandbox/options.hpp"

namespace unblock::sandbox {

/// The folders that hold the system's programs, libraries and settings: what any program may read.
/// Only those that exist.
std::vector<std::filesystem::path> system_folders();

/// Where the program starts and may write, inside a file system of its own.
extern const std::filesystem::path box_folder;

/// Gives the calling process, which must be the first one of a new mount and PID namespace, a file
/// system of its own: the system's folders and the options' paths (read-only), the options'
/// writable paths, a small /dev, /proc of the new namespace, and an empty box. Nothing else can be
/// named any more. Throws std::system_error; the process is then of no further use.
void enter_own_file_system(const Options& options);

}  // namespace unblock::sandbox
