// Right too, in another manner: two sets that are kept up to date and copied for each call, a
// buffer for each descriptor, and nothing is sent but what select has found room for.

#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <string>
#include <system_error>

#include "select_echo.hpp"

namespace exercise {
namespace {

class Loop {
 public:
  Loop(int listen_fd, int stop_fd) : listen_fd_(listen_fd), stop_fd_(stop_fd) {
    FD_ZERO(&to_read_);
    FD_ZERO(&to_write_);
    FD_SET(listen_fd, &to_read_);
    FD_SET(stop_fd, &to_read_);
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() {
    for (const auto& [fd, kept] : kept_) ::close(fd);
  }

  // False when it is to end.
  bool turn() {
    fd_set readable = to_read_;
    fd_set writable = to_write_;
    const int ready = ::select(FD_SETSIZE, &readable, &writable, nullptr, nullptr);
    if (ready < 0 && errno == EINTR) return true;
    if (ready < 0) throw std::system_error(errno, std::system_category(), "select");
    if (FD_ISSET(stop_fd_, &readable)) return false;
    if (FD_ISSET(listen_fd_, &readable)) accept_one();
    for (auto at = kept_.begin(); at != kept_.end();) {
      const int fd = (at++)->first;  // what follows may erase it
      if (FD_ISSET(fd, &readable)) receive(fd);
      if (FD_ISSET(fd, &writable)) transmit(fd);
    }
    return true;
  }

 private:
  void accept_one() {
    const int fd = ::accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK);
    if (fd >= FD_SETSIZE) {
      ::close(fd);
    } else if (fd >= 0) {
      kept_[fd];
      FD_SET(fd, &to_read_);
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      throw std::system_error(errno, std::system_category(), "accept");
    }
  }

  void receive(int fd) {
    char block[8192];
    const ssize_t got = ::recv(fd, block, sizeof block, 0);
    if (got > 0) {
      kept_[fd].append(block, static_cast<std::size_t>(got));
      FD_CLR(fd, &to_read_);
      FD_SET(fd, &to_write_);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      close(fd);
    }
  }

  void transmit(int fd) {
    std::string& kept = kept_[fd];
    const ssize_t sent = ::send(fd, kept.data(), kept.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN && errno != EINTR) close(fd);
      return;
    }
    kept.erase(0, static_cast<std::size_t>(sent));
    if (!kept.empty()) return;
    FD_CLR(fd, &to_write_);
    FD_SET(fd, &to_read_);
  }

  void close(int fd) {
    FD_CLR(fd, &to_read_);
    FD_CLR(fd, &to_write_);
    kept_.erase(fd);
    ::close(fd);
  }

  int listen_fd_;
  int stop_fd_;
  fd_set to_read_;
  fd_set to_write_;
  std::map<int, std::string> kept_;  // for each connection, what is to be sent
};

}  // namespace

void serve_echo(int listen_fd, int stop_fd) {
  Loop loop(listen_fd, stop_fd);
  while (loop.turn()) {
  }
}

}  // namespace exercise
