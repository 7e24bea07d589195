#include "engine.hpp"

#include "aio_engine.hpp"
#include "core/errors.hpp"
#include "select_engine.hpp"
#if UNBLOCK_HAVE_LIBURING
#include "uring_engine.hpp"
#endif

namespace unblock {

std::unique_ptr<Engine> make_engine(EngineKind kind, std::size_t threads) {
  switch (kind) {
    case EngineKind::select:
      return std::make_unique<SelectEngine>(threads);
    case EngineKind::aio_signal:
      return std::make_unique<AioEngine>(threads, AioEngine::Notice::signal);
    case EngineKind::aio_thread:
      return std::make_unique<AioEngine>(threads, AioEngine::Notice::thread);
    case EngineKind::uring:
#if UNBLOCK_HAVE_LIBURING
      return std::make_unique<UringEngine>(threads);
#else
      throw UserError{
          "this build has no io_uring: install liburing (Debian: liburing-dev, Fedora: "
          "liburing-devel, Arch: liburing; 2.3 or newer) and build again, or use another model"};
#endif
  }
  throw std::logic_error{"no such engine"};
}

}  // namespace unblock
