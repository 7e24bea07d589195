#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/unique_fd.hpp"

namespace unblock {

/// A resolved address, in the form that bind(2) and connect(2) take.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] int family() const noexcept { return storage.ss_family; }
  [[nodiscard]] const sockaddr* get() const noexcept {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
};

/// The TCP addresses of `host`: a name, or an IPv4 or IPv6 address in text ("::1", with or without
/// brackets). May block on a name server. Throws UserError where the name does not resolve.
std::vector<SocketAddress> resolve(const std::string& host, std::uint16_t port);

/// Tells that `call` failed to listen on HOST:PORT, for the present errno: UserError with the way
/// out where there is one (port in use, not allowed, address of another machine), else
/// std::system_error.
[[noreturn]] void throw_listen_error(const char* call, const std::string& host, std::uint16_t port);

/// A listening TCP socket, as lesson 01 spells it out. `flags`: 0 or SOCK_NONBLOCK.
UniqueFd listen_tcp(const std::string& host, std::uint16_t port, int flags = 0);

/// A connected, blocking TCP socket with Nagle's delay off. Blocks until connected or refused.
UniqueFd connect_tcp(const std::string& host, std::uint16_t port);

/// A TCP connection of this process with itself, over loopback: both ends blocking, Nagle's delay
/// off.
struct ConnectedPair {
  UniqueFd client;
  UniqueFd server;
};
ConnectedPair connected_pair();

/// The port that `fd` is bound to.
std::uint16_t local_port(int fd);

/// "127.0.0.1:8080", "[::1]:8080".
std::string to_string(const std::string& host, std::uint16_t port);

/// Whether `error`, from accept(2), belongs to one client alone: it gave up while it was still in
/// the queue, or its network failed (accept(2), "Error handling"). The listener is in order.
bool concerns_one_client(int error) noexcept;

/// Whether `error`, from accept(2), tells that there is no descriptor or no memory for one more
/// connection. The connection stays in the kernel's queue, and the listener stays readable.
bool is_out_of_resources(int error) noexcept;

/// Sets O_NONBLOCK on the open file description behind `fd` (lesson 02).
void set_nonblocking(int fd);

/// Sends small segments at once instead of waiting to fill them (TCP_NODELAY, tcp(7)).
void set_no_delay(int fd);

}  // namespace unblock
