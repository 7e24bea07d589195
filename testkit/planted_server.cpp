#include "testkit/planted_server.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "core/errors.hpp"
#include "core/tcp.hpp"

namespace unblock {

PlantedServer::PlantedServer(const ServerOptions& options, Bug bug)
    : bug_{bug},
      listen_fd_{listen_tcp(options.host, options.port, SOCK_NONBLOCK)},
      port_{local_port(listen_fd_.get())},
      max_connections_{options.max_connections} {}

void PlantedServer::stop() noexcept {
  stopping_ = true;
  wake_.signal();
}

void PlantedServer::run() {
  if (bug_ == Bug::loses_an_early_stop) {
    stopping_ = false;
    wake_.clear();
  }
  while (!stopping_) {
    const bool full = full_ || connections_.size() >= max_connections_;
    std::vector<pollfd> watched{{wake_.fd(), POLLIN, 0}};
    watched.push_back({full ? -1 : listen_fd_.get(), POLLIN, 0});
    for (const auto& [fd, connection] : connections_) {
      const bool reads = connection.output.empty() || bug_ == Bug::buffers_without_bound ||
                         bug_ == Bug::hangs_up_with_data_left;
      const int events = (reads ? POLLIN : 0) | (connection.output.empty() ? 0 : POLLOUT);
      watched.push_back({fd, static_cast<short>(events), 0});
    }
    while (::poll(watched.data(), watched.size(), -1) < 0 && errno == EINTR) {
    }
    for (std::size_t i = 2; i < watched.size(); ++i) {
      if (watched[i].revents == 0) continue;
      Connection& connection = connections_.at(watched[i].fd);
      bool keep = flush(connection) && !(connection.finished && connection.output.empty());
      if (keep && (watched[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        keep = on_readable(connection);
      }
      if (keep) continue;
      if (bug_ == Bug::leaks_descriptors) (void)connection.fd.release();
      connections_.erase(watched[i].fd);
      full_ = false;
    }
    if (watched[1].revents != 0) on_acceptable();
  }
  connections_.clear();
}

void PlantedServer::on_acceptable() {
  UniqueFd conn_fd{::accept4(listen_fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
  if (!conn_fd) {
    const bool out_of_descriptors = errno == EMFILE;
    if (out_of_descriptors && bug_ == Bug::turns_clients_away) {
      spare_fd_.reset();  // a place for just as long as it takes to hang up on the client
      conn_fd.reset(::accept(listen_fd_.get(), nullptr, nullptr));
      conn_fd.reset();
      spare_fd_.reset(::dup(wake_.fd()));
    } else {
      full_ = out_of_descriptors && bug_ != Bug::spins_when_full;
    }
    return;
  }
  const int fd = conn_fd.get();
  connections_[fd].fd = std::move(conn_fd);
}

bool PlantedServer::on_readable(Connection& connection) {
  std::array<std::byte, 16 * 1024> buffer;
  const ssize_t got = ::recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) {
    connection.finished = true;
    return !connection.output.empty() && bug_ != Bug::hangs_up_with_data_left;
  }
  connection.output.append(std::span{buffer}.first(static_cast<std::size_t>(got)));
  return flush(connection);
}

bool PlantedServer::flush(Connection& connection) {
  while (!connection.output.empty()) {
    const auto bytes = connection.output.front();
    const ssize_t put = ::send(connection.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return true;
    if (put < 0 && bug_ == Bug::dies_of_a_broken_pipe) throw_errno("send");
    if (put < 0) return false;
    connection.output.consume(bug_ == Bug::ignores_short_writes ? bytes.size()
                                                                : static_cast<std::size_t>(put));
  }
  return true;
}

}  // namespace unblock
