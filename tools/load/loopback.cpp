#include "tools/load/loopback.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

constexpr std::size_t source_addresses = 16;  // 127.0.0.1 to 127.0.0.16

sockaddr_in loopback(std::uint32_t host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl((127U << 24) | host);
  return address;
}

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

UniqueFd start_connecting(std::uint16_t port, std::size_t index) {
  UniqueFd fd{check("socket", ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))};
  set_no_delay(fd.get());
  // Leaves the choice of the port to connect(2), which may use one anew for another server (ip(7)).
  const int on = 1;
  check("setsockopt", ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on));
  const sockaddr_in source = loopback(static_cast<std::uint32_t>(1 + index % source_addresses), 0);
  check("bind", ::bind(fd.get(), generic(source), sizeof source));
  const sockaddr_in server = loopback(1, port);
  if (::connect(fd.get(), generic(server), sizeof server) < 0 && errno != EINPROGRESS) {
    if (errno != ECONNREFUSED) throw_errno("connect");
    return UniqueFd{};
  }
  return fd;
}

}  // namespace unblock
