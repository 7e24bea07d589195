#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace unblock::sandbox {

/// From now on this process and all that it starts read and execute only what is below `readable`,
/// write only below `writable`, send signals only to one another, and trace nobody else (Landlock,
/// landlock(7)). Returns what could not be enforced, as a part of a sentence; empty where all was.
std::string restrict_with_landlock(const std::vector<std::filesystem::path>& readable,
                                   const std::vector<std::filesystem::path>& writable);

}  // namespace unblock::sandbox
