#pragma once

#include <cstddef>
#include <memory>

#include "proactor.hpp"

namespace unblock {

/// Which processor carries the operations out, and how it tells that they are complete.
enum class EngineKind {
  select,      ///< a select loop in a thread of its own
  aio_signal,  ///< POSIX AIO; a completion is a signal
  aio_thread,  ///< POSIX AIO; each completion is a call in a thread that glibc makes for it
  uring,       ///< the kernel, through io_uring
};

/// An engine for `threads` threads that run handlers (at least 1). Throws UserError where this
/// machine, or this build, lacks what it takes.
std::unique_ptr<Engine> make_engine(EngineKind kind, std::size_t threads = 1);

}  // namespace unblock
