#include "scene.hpp"

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <fmt/ranges.h>

#include "core/errors.hpp"
#include "core/observe.hpp"

namespace unblock {
namespace {

constexpr int deadline_ms = 10'000;

std::vector<epoll_event> wait_for(int epoll_fd, int timeout_ms) {
  std::vector<epoll_event> events(64);
  const int count = check("epoll_wait", ::epoll_wait(epoll_fd, events.data(),
                                                     static_cast<int>(events.size()), timeout_ms));
  events.resize(static_cast<std::size_t>(count));
  return events;
}

}  // namespace

ConnectedPair client_and_server() {
  ConnectedPair pair = connected_pair();
  set_nonblocking(pair.server.get());
  return pair;
}

ConnectedPair local_client_and_server() {
  std::array<int, 2> ends{};
  check("socketpair", ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()));
  ConnectedPair pair{.client = UniqueFd{ends[0]}, .server = UniqueFd{ends[1]}};
  set_nonblocking(pair.server.get());
  return pair;
}

UniqueFd create_epoll() { return UniqueFd{check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))}; }

std::vector<epoll_event> ready_now(int epoll_fd) { return wait_for(epoll_fd, 0); }

std::vector<epoll_event> await_ready(int epoll_fd) {
  auto events = wait_for(epoll_fd, deadline_ms);
  if (events.empty()) throw std::runtime_error{"no descriptor has become ready"};
  return events;
}

void control(int epoll_fd, int operation, int fd, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.fd = fd}};
  check("epoll_ctl", ::epoll_ctl(epoll_fd, operation, fd, &event));
}

std::string names_of(std::uint32_t events) {
  static constexpr std::array<std::pair<std::uint32_t, const char*>, 6> names{
      {{EPOLLIN, "EPOLLIN"},
       {EPOLLPRI, "EPOLLPRI"},
       {EPOLLOUT, "EPOLLOUT"},
       {EPOLLRDHUP, "EPOLLRDHUP"},
       {EPOLLHUP, "EPOLLHUP"},
       {EPOLLERR, "EPOLLERR"}}};
  std::vector<std::string> found;
  for (const auto& [bit, name] : names) {
    if (events & bit) found.emplace_back(name);
  }
  return found.empty() ? "nothing" : fmt::format("{}", fmt::join(found, " | "));
}

std::string describe(const std::vector<epoll_event>& events) {
  if (events.empty()) return "nothing";
  std::vector<std::string> each;
  for (const epoll_event& event : events) each.push_back(names_of(event.events));
  return fmt::format("{} {}: {}", events.size(), events.size() == 1 ? "event" : "events",
                     fmt::join(each, "; "));
}

void send_text(const UniqueFd& fd, const std::string& text, int flags) {
  const ssize_t sent =
      check("send", ::send(fd.get(), text.data(), text.size(), flags | MSG_NOSIGNAL));
  if (static_cast<std::size_t>(sent) != text.size()) throw std::runtime_error{"a short send"};
}

std::string read_text(const UniqueFd& fd, std::size_t size) {
  std::string text(size, '\0');
  const ssize_t got = ::recv(fd.get(), text.data(), text.size(), MSG_DONTWAIT);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

std::string describe_read(ssize_t result, int error) {
  if (result < 0) return fmt::format("-1 ({})", ::strerrorname_np(error));
  return result == 0 ? "0 (end-of-stream)" : fmt::format("{}", result);
}

int unread(const UniqueFd& fd) {
  int count = 0;
  check("ioctl", ::ioctl(fd.get(), FIONREAD, &count));
  return count;
}

void await_delivered(const UniqueFd& fd) {
  const bool delivered = await([&] {
    int on_its_way = 0;
    check("ioctl", ::ioctl(fd.get(), SIOCOUTQ, &on_its_way));
    return on_its_way == 0;
  });
  if (!delivered) throw std::runtime_error{"what was sent has not arrived"};
}

void await_poll(const UniqueFd& fd, short events) {
  pollfd watched{fd.get(), events, 0};
  if (check("poll", ::poll(&watched, 1, deadline_ms)) == 0) {
    throw std::runtime_error{"what was waited for has not come"};
  }
}

void reset_connection(UniqueFd& fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  check("setsockopt", ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
  fd.reset();
}

std::string receive(const UniqueFd& fd, std::size_t size) {
  await_poll(fd, POLLIN);
  std::string text(size, '\0');
  const ssize_t got = ::recv(fd.get(), text.data(), text.size(), MSG_WAITALL);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

ManyDescriptors::ManyDescriptors() {
  check("getrlimit", ::getrlimit(RLIMIT_NOFILE, &before_));
  const rlimit most{.rlim_cur = before_.rlim_max, .rlim_max = before_.rlim_max};
  limit_ = ::setrlimit(RLIMIT_NOFILE, &most) == 0 ? most.rlim_cur : before_.rlim_cur;
}

ManyDescriptors::~ManyDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

std::size_t ManyDescriptors::left() const {
  const std::size_t open = open_descriptors();
  return open < limit_ ? static_cast<std::size_t>(limit_) - open : 0;
}

}  // namespace unblock
