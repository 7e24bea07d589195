#include "tools/grade/commands.hpp"

#include <sys/stat.h>

namespace unblock::grade {

void declare_commands(CLI::App& app, Chosen& chosen) {
  // What is made for the sandbox's users is to be readable by them, whoever we are.
  ::umask(022);
  declare_grade(app, chosen);
  declare_student_commands(app, chosen);
  declare_instructor_commands(app, chosen);
}

}  // namespace unblock::grade
