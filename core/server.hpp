#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace unblock {

/// What every server is told. Defaults: any free port on loopback, no limit.
struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0 asks the kernel for a free one
  /// Clients served at once; further ones wait, accepted by the kernel and not yet by the server.
  std::size_t max_connections = std::numeric_limits<std::size_t>::max();
  /// Threads that run handlers or fibers, for the models that have several; 0: the model's default.
  std::size_t threads = 0;
};

/// What every model promises, so that models can be swapped, compared and tested alike:
/// - the constructor binds and listens (a client may connect from then on) and throws where it
/// cannot;
/// - run() serves until stop(), in the calling thread, and is called once; when it returns, every
///   connection is closed and every thread that the server started has ended;
/// - stop() may be called from any thread, at any time, more than once; it does not wait, and it is
/// not
///   lost when it comes before run().
template <typename S>
concept EchoServer = std::constructible_from<S, const ServerOptions&> && !std::copyable<S> &&
                     requires(S server, const S constant) {
  { constant.port() }
  noexcept->std::same_as<std::uint16_t>;
  { server.run() } -> std::same_as<void>;
  { server.stop() }
  noexcept->std::same_as<void>;
};

}  // namespace unblock
