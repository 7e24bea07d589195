#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tools/cli/description.hpp"

namespace unblock::cli {

/// A list in the manual: names, each with what it stands for.
using Glossary = std::vector<std::pair<std::string, std::string>>;

/// The manual page of `unblock`, in roff with the macros of man(7). What the commands and their
/// options are comes from `program`; the rest of it is told here.
std::string manual(const Command& program, const Glossary& models, const Glossary& loads);

}  // namespace unblock::cli
