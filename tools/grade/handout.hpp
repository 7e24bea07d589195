#pragma once

#include <cstddef>
#include <filesystem>

namespace unblock::grade {

/// Writes what students get into `target`, which must not exist or be empty: the tree as git knows
/// it (or, where there is no git, without what is built and hidden), without instructor/, and with
/// a copy of each starter for `unblock reset`. Returns how many files that were. Throws UserError.
std::size_t write_handout(const std::filesystem::path& target);

}  // namespace unblock::grade
