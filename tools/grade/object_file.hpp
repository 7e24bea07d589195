#pragma once

#include <span>
#include <string>
#include <vector>

namespace unblock::grade {

/// The symbols that an object file (ELF, 64 bits) defines for others: global, weak or unique ones.
/// The file is a submission's and may be anything: throws std::runtime_error where it is no object.
std::vector<std::string> defined_symbols(std::span<const std::byte> object);

/// Those among them that are not a submission's to define: what is not C++ (main, read, __asan_...)
/// and operator new and delete. They would stand in for the grader's, the system's or the
/// sanitizers' own. In the form that a person reads.
std::vector<std::string> refused_symbols(const std::vector<std::string>& symbols);

}  // namespace unblock::grade
