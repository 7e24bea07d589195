#pragma once

#include "tools/cli/completion.hpp"
#include "tools/cli/description.hpp"
#include "tools/cli/manual.hpp"

namespace unblock {

/// The command line of `unblock`, as it is declared.
cli::Command unblock_command();

/// The models, loads and exercises that there are, for completion.
std::vector<cli::Candidate> values_of(const std::string& value, const std::string& begun);

/// The manual page of `unblock`.
std::string unblock_manual();

/// Does what the words say that follow the program's name, and returns the exit status. Throws
/// UserError, and what else a command throws.
int run_unblock(int argc, char** argv);

}  // namespace unblock
