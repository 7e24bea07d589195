#pragma once

#include <string>
#include <vector>

namespace unblock::grade {

/// What a compiler or linker said, reduced to what a student needs: the errors in the student's own
/// file first, those that only come of them left out. `folder` is where the file was compiled; its
/// name is taken away. At most some 20 lines.
std::vector<std::string> reduce_messages(const std::string& printed, const std::string& file,
                                         const std::string& folder);

}  // namespace unblock::grade
