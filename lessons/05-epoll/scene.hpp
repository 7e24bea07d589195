#pragma once

#include <sys/epoll.h>
#include <sys/resource.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/server.hpp"
#include "core/tcp.hpp"
#include "core/unique_fd.hpp"

// What this lesson's experiments have in common. epoll's own calls are not wrapped, but for
// waiting.

namespace unblock {

/// A client and the server's end of the connection to it, which is non-blocking. TCP over loopback.
ConnectedPair client_and_server();

/// The same as a pair of local sockets, where what is sent has arrived when send returns.
ConnectedPair local_client_and_server();

/// An epoll instance.
UniqueFd create_epoll();

/// What is ready now: epoll_wait with a timeout of 0, which does not sleep.
std::vector<epoll_event> ready_now(int epoll_fd);

/// Sleeps until at least one descriptor is ready; throws where none is within ten seconds.
std::vector<epoll_event> await_ready(int epoll_fd);

/// Registers or changes (EPOLL_CTL_ADD, EPOLL_CTL_MOD) with data.fd = `fd`; throws where it fails.
void control(int epoll_fd, int operation, int fd, std::uint32_t events);

/// "EPOLLIN | EPOLLRDHUP"; "nothing" for 0.
std::string names_of(std::uint32_t events);
/// "nothing", "1 event: EPOLLIN", "2 events: EPOLLIN; EPOLLIN".
std::string describe(const std::vector<epoll_event>& events);

/// Sends all of it, with `flags` besides MSG_NOSIGNAL.
void send_text(const UniqueFd& fd, const std::string& text, int flags = 0);
/// Up to `size` bytes that can be read now; reads once. "" where there is nothing, or the end.
std::string read_text(const UniqueFd& fd, std::size_t size);
/// What read returned: "5", "0 (end-of-stream)", "-1 (EAGAIN)".
std::string describe_read(ssize_t result, int error);
/// Bytes that have arrived and have not been read (FIONREAD).
int unread(const UniqueFd& fd);
/// Waits until the other end's kernel has all that was sent from here (tcp(7), SIOCOUTQ).
void await_delivered(const UniqueFd& fd);
/// Waits until one of `events` (poll(2)) is there; throws where it is not within ten seconds.
void await_poll(const UniqueFd& fd, short events);
/// Closes the connection with a reset (socket(7), SO_LINGER).
void reset_connection(UniqueFd& fd);

/// Waits for all of `size` bytes, and reads them; throws where nothing comes within ten seconds.
std::string receive(const UniqueFd& fd, std::size_t size);

/// A server of the lesson, running in a thread; stopped and joined by the destructor.
template <typename Server>
class Running {
 public:
  Running() : thread_{[this] { server_.run(); }} {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { server_.stop(); }

  [[nodiscard]] std::uint16_t port() const { return server_.port(); }

 private:
  Server server_{ServerOptions{}};
  std::jthread thread_;
};

/// As many descriptors as the administrator allows (RLIMIT_NOFILE), until the destructor runs.
class ManyDescriptors {
 public:
  ManyDescriptors();
  ManyDescriptors(const ManyDescriptors&) = delete;
  ManyDescriptors& operator=(const ManyDescriptors&) = delete;
  ~ManyDescriptors();

  /// How many more can be opened now.
  [[nodiscard]] std::size_t left() const;

 private:
  rlimit before_{};
  rlim_t limit_ = 0;
};

}  // namespace unblock
