#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace unblock::grade {

/// Adds the exercises' commands (grade, graders, hint ...) to the `unblock` command line. The one that
/// is given is put into `chosen`; calling it returns the exit status.
void declare_commands(CLI::App& app, std::function<int()>& chosen);

}  // namespace unblock::grade
