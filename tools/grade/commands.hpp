#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace unblock::grade {

/// The command that was given: calling it returns the exit status.
using Chosen = std::function<int()>;

/// Adds the exercises' commands to the `unblock` command line; the one that is given is put into
/// `chosen`.
void declare_commands(CLI::App& app, Chosen& chosen);

// Its parts: commands_grade.cpp, commands_student.cpp, commands_instructor.cpp.
void declare_grade(CLI::App& app, Chosen& chosen);
void declare_student_commands(CLI::App& app, Chosen& chosen);
void declare_instructor_commands(CLI::App& app, Chosen& chosen);

}  // namespace unblock::grade
