#pragma once

#include <string>
#include <vector>

namespace unblock::sandbox {

/// From now on, in this process and all that it starts, the system calls fail with EPERM by which a
/// program without rights reaches deep into the kernel and out of its own affairs: mounts,
/// namespaces, keys, kernel modules, performance events, BPF, userfaultfd, packet sockets ... and
/// io_uring unless it is wanted. Those named in `denied` fail with ENOSYS. no_new_privs must be set
/// before. Returns what could not be enforced, as a part of a sentence; empty where all was.
std::string restrict_system_calls(const std::vector<std::string>& denied, bool io_uring);

}  // namespace unblock::sandbox
