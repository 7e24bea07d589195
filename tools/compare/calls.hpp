#pragma once

#include <optional>
#include <string>

#include "tools/compare/round.hpp"

namespace unblock {

/// System calls that a server makes for each request.
struct CallCount {
  std::optional<double> per_request;
  std::string missing;  ///< why there is no number; empty where there is one, or was an interrupt
};

/// Counts them by tracing every thread of the server (ptrace(2)) under a smaller load of the same
/// kind: at most 64 connections and 256 idle ones, in a closed loop. It takes a tenth of a second
/// or two. Since a traced server is slow, it finds more requests ready at a time than it would
/// otherwise.
CallCount count_calls(const Contender& contender, const RoundOptions& options,
                      const Interrupt& interrupt);

}  // namespace unblock
