#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace unblock {

/// System calls that a server makes for each request of 64 bytes, over `requests` requests on each
/// of `connections` connections, one at a time on each; counted by tracing every thread of the
/// program (ptrace(2)). `command` starts a server that prints its "listening on" line. At one
/// connection the number is the same from run to run. Nothing where this machine does not allow
/// tracing, and under ThreadSanitizer, which makes calls of its own.
std::optional<double> syscalls_per_request(const std::vector<std::string>& command,
                                           std::size_t connections = 1, std::size_t requests = 500);

}  // namespace unblock
