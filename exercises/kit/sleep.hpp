#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace unblock::kit {

/// The system call that a thread sleeps in.
struct SleepingCall {
  std::string text;  ///< "read() of descriptor 5", "futex() (a lock, or a wait for a thread)"
  bool is_command_channel = false;  ///< it waits for the check's next command
};

/// Nothing where the thread runs, is gone, or may not be looked at.
std::optional<SleepingCall> sleeping_call(pid_t thread);

}  // namespace unblock::kit
