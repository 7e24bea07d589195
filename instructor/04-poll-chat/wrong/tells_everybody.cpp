// Mistake: passes a line on to its own speaker, too
// Loses: Room.TellsNobodyItsOwnLines, Room.KeepsLinesWhole, Room.PassesLinesOn,
//        BackPressure.LosesNothing, BackPressure.EndsWithTheSleeper

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/output_buffer.hpp"
#include "core/unique_fd.hpp"
#include "poll_chat.hpp"

namespace exercise {
namespace {

using unblock::check;
using unblock::OutputBuffer;
using unblock::UniqueFd;

constexpr std::size_t most_waiting = 64 * 1024;

struct Member {
  UniqueFd fd;
  std::string unfinished;  // what it has said since its last newline
  OutputBuffer out;
  bool has_finished = false;
  bool is_gone = false;
};

class Room {
 public:
  Room(int listen_fd, int stop_fd) : listen_fd_{listen_fd}, stop_fd_{stop_fd} {}

  void run() {
    for (;;) {
      std::vector<pollfd> watched{{stop_fd_, POLLIN, 0}, {listen_fd_, POLLIN, 0}};
      const bool listens = !is_full();
      for (const Member& member : members_) watched.push_back({member.fd.get(), 0, 0});
      auto entry = watched.begin() + 2;
      for (const Member& member : members_) {
        if (listens && !member.has_finished) entry->events |= POLLIN;
        if (!member.out.empty()) entry->events |= POLLOUT;
        ++entry;
      }
      const int ready = ::poll(watched.data(), watched.size(), -1);
      if (ready < 0 && errno == EINTR) continue;
      check("poll", ready);
      if (watched[0].revents != 0) return;
      entry = watched.begin() + 2;
      for (Member& member : members_) {
        const short events = (entry++)->revents;
        if (events & POLLERR) member.is_gone = true;  // reported unasked, and again and again
        if (events & POLLOUT) send_waiting(member);
        if (events & POLLIN) hear(member);
      }
      members_.remove_if([](const Member& member) {
        return member.is_gone || (member.has_finished && member.out.empty());
      });
      if (watched[1].revents != 0) welcome();
    }
  }

 private:
  [[nodiscard]] bool is_full() const {
    return std::any_of(members_.begin(), members_.end(),
                       [](const Member& member) { return member.out.size() > most_waiting; });
  }

  void welcome() {
    UniqueFd fd{::accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!fd) return;  // it has gone again
    members_.push_back({std::move(fd)});
    say(members_.back(), "welcome\n");
  }

  void hear(Member& member) {
    if (member.has_finished || member.is_gone || is_full()) return;
    const ssize_t got = ::read(member.fd.get(), buffer_.data(), buffer_.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got < 0) {
      member.is_gone = true;
      return;
    }
    member.unfinished.append(buffer_.data(), static_cast<std::size_t>(got));
    if (got == 0) {
      member.has_finished = true;
      if (!member.unfinished.empty()) member.unfinished += '\n';
    }
    const std::size_t end = member.unfinished.rfind('\n') + 1;  // 0 where there is none
    for (Member& other : members_) {
      say(other, std::string_view{member.unfinished}.substr(0, end));
    }
    member.unfinished.erase(0, end);
  }

  void say(Member& member, std::string_view lines) {
    if (member.has_finished || member.is_gone || lines.empty()) return;
    member.out.append(std::as_bytes(std::span{lines}));
    send_waiting(member);
  }

  void send_waiting(Member& member) {
    if (member.is_gone || member.out.empty()) return;
    const auto bytes = member.out.front();
    const ssize_t sent = ::send(member.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) member.is_gone = true;
    if (sent > 0) member.out.consume(static_cast<std::size_t>(sent));
  }

  int listen_fd_;
  int stop_fd_;
  std::list<Member> members_;
  std::array<char, 16 * 1024> buffer_;
};

}  // namespace

void serve(int listen_fd, int stop_fd) { Room{listen_fd, stop_fd}.run(); }

}  // namespace exercise
