#pragma once

#include <sys/types.h>

namespace unblock::kit {

/// While it lives, the calling thread looks at files as the user of a process.
///
/// What /proc tells of a process' system calls and descriptors it tells its own user, and whoever
/// has CAP_SYS_PTRACE (proc(5), ptrace(2), "Ptrace access mode checking"). The sandbox gives a
/// subject a user of its own where it may, and root in a container often has no CAP_SYS_PTRACE.
/// Without the right to change it stays the user that it is, and so does the subject.
class AsUserOf {
 public:
  explicit AsUserOf(pid_t process) noexcept;
  ~AsUserOf();
  AsUserOf(const AsUserOf&) = delete;
  AsUserOf& operator=(const AsUserOf&) = delete;

 private:
  uid_t user_before_;
  gid_t group_before_;
};

}  // namespace unblock::kit
