#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace unblock {

/// How a connection can fail; each does so at most once, and is not replaced.
enum class Failure : std::uint8_t {
  refused,       ///< connect(2) failed
  closed_early,  ///< end-of-stream before the client had finished
  reset,         ///< an error of the connection
  wrong_bytes,   ///< other bytes came back than were sent, or more of them
  unanswered,    ///< the end was reached and patience is over
};
constexpr std::size_t failure_kinds = 5;

/// "wrong bytes", "closed early", ...
std::string to_string(Failure failure);

using Failures = std::array<std::size_t, failure_kinds>;  ///< connections, by kind

std::size_t total(const Failures& failures) noexcept;

/// "3 reset, 1 wrong bytes"; empty where there is none.
std::string to_string(const Failures& failures);

}  // namespace unblock
