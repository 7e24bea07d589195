#pragma once

#include <cstddef>
#include <cstdint>

#include "core/unique_fd.hpp"

namespace unblock {

/// A non-blocking socket on the way to 127.0.0.1:`port`, Nagle's delay off; empty where it was
/// refused at once. It starts from one of several loopback addresses, which `index` chooses: an
/// address has some 28,000 ephemeral ports, and all of 127/8 is this machine's (ip(7)). Throws
/// std::system_error where there are no descriptors or ports.
UniqueFd start_connecting(std::uint16_t port, std::size_t index);

}  // namespace unblock
