#include "core/tcp.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cstring>
#include <memory>

#include <fmt/format.h>

#include "core/errors.hpp"

namespace unblock {
namespace {

std::string without_brackets(const std::string& host) {
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  return bracketed ? host.substr(1, host.size() - 2) : host;
}

}  // namespace

std::vector<SocketAddress> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  const int status =
      ::getaddrinfo(without_brackets(host).c_str(), std::to_string(port).c_str(), &hints, &raw);
  if (status != 0) {
    throw UserError{fmt::format(
        "host '{}' does not resolve ({}): give a name or an address of this machine, such as "
        "127.0.0.1 or ::1",
        host, status == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(status))};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list{raw, &::freeaddrinfo};
  std::vector<SocketAddress> addresses;
  for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.length = entry->ai_addrlen;
    addresses.push_back(address);
  }
  return addresses;
}

void throw_listen_error(const char* call, const std::string& host, std::uint16_t port) {
  const std::string where = to_string(host, port);
  switch (errno) {
    case EADDRINUSE:
      throw UserError{fmt::format(
          "{} is in use: choose another port with --port, or --port 0 for any free one", where)};
    case EACCES:
      throw UserError{fmt::format(
          "no permission to listen on {}: choose a port above 1023 with --port", where)};
    case EADDRNOTAVAIL:
      throw UserError{fmt::format(
          "{} is not an address of this machine: give one with --host, such as 127.0.0.1 or ::1",
          where)};
    default:
      throw_errno(call);
  }
}

UniqueFd listen_tcp(const std::string& host, std::uint16_t port, int flags) {
  const SocketAddress address = resolve(host, port).front();
  UniqueFd listen_fd{::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | flags, 0)};
  if (!listen_fd) throw_listen_error("socket", host, port);
  const int on = 1;
  check("setsockopt", ::setsockopt(listen_fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
  set_no_delay(listen_fd.get());  // what is accepted from it inherits the option
  if (::bind(listen_fd.get(), address.get(), address.length) < 0) {
    throw_listen_error("bind", host, port);
  }
  if (::listen(listen_fd.get(), SOMAXCONN) < 0) throw_listen_error("listen", host, port);
  return listen_fd;
}

UniqueFd connect_tcp(const std::string& host, std::uint16_t port) {
  int last_error = 0;
  for (const SocketAddress& address : resolve(host, port)) {
    UniqueFd fd{check("socket", ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0))};
    if (::connect(fd.get(), address.get(), address.length) == 0) {
      set_no_delay(fd.get());
      return fd;
    }
    last_error = errno;
  }
  if (last_error == ECONNREFUSED) {
    throw UserError{
        fmt::format("nobody listens on {}: start a server there first", to_string(host, port))};
  }
  errno = last_error;
  throw_errno("connect");
}

ConnectedPair connected_pair() {
  const UniqueFd listen_fd = listen_tcp("127.0.0.1", 0);
  ConnectedPair pair;
  pair.client = connect_tcp("127.0.0.1", local_port(listen_fd.get()));
  pair.server.reset(check("accept", ::accept4(listen_fd.get(), nullptr, nullptr, SOCK_CLOEXEC)));
  return pair;
}

std::uint16_t local_port(int fd) {
  SocketAddress address;
  address.length = sizeof address.storage;
  check("getsockname",
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length));
  // sin_port and sin6_port lie at the same place, after the family.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_port);
}

std::string to_string(const std::string& host, std::uint16_t port) {
  const std::string bare = without_brackets(host);
  const bool is_ipv6 = bare.find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", bare, port) : fmt::format("{}:{}", bare, port);
}

bool concerns_one_client(int error) noexcept {
  return error == ECONNABORTED || error == EINTR || error == EPROTO || error == ENETDOWN ||
         error == EHOSTDOWN || error == EHOSTUNREACH || error == ENETUNREACH || error == EPERM;
}

bool is_out_of_resources(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

void set_nonblocking(int fd) {
  const int flags = check("fcntl", ::fcntl(fd, F_GETFL));
  check("fcntl", ::fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

void set_no_delay(int fd) {
  const int on = 1;
  check("setsockopt", ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
}

}  // namespace unblock
