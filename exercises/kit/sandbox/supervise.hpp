#pragma once

#include <sys/types.h>

#include "exercises/kit/sandbox/options.hpp"
#include "exercises/kit/sandbox/status.hpp"

namespace unblock::sandbox {

/// Waits until `program`, a child of this process, has ended, or used more memory or CPU time with
/// all its children than the options allow, or nobody listens at status_fd any more. Reaps whatever
/// else ends. This process must be the one that orphans below it fall to: the first of a PID
/// namespace, or a subreaper.
End supervise(pid_t program, const Options& options);

/// Kills all processes below this one, until none is left.
void kill_all_below();

}  // namespace unblock::sandbox
