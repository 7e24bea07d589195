// Right too, in another manner: one list of descriptors that is kept and changed; members in a map
// by descriptor; what waits is a queue of lines that all members share.

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "poll_chat.hpp"

namespace exercise {
namespace {

using Line = std::shared_ptr<const std::string>;

struct Talker {
  std::string half;
  std::deque<Line> lines;
  std::size_t sent_of_first = 0;
  std::size_t waiting = 0;
  bool leaving = false;
  bool broken = false;
};

void push(Talker& talker, const Line& line) {
  if (talker.leaving || talker.broken) return;
  talker.lines.push_back(line);
  talker.waiting += line->size();
}

bool later() { return errno == EAGAIN || errno == EINTR; }

void flush(int fd, Talker& talker) {
  while (!talker.lines.empty()) {
    const std::string& line = *talker.lines.front();
    const ssize_t put =
        ::write(fd, line.data() + talker.sent_of_first, line.size() - talker.sent_of_first);
    if (put < 0) {
      talker.broken = !later();
      return;
    }
    talker.waiting -= static_cast<std::size_t>(put);
    talker.sent_of_first += static_cast<std::size_t>(put);
    if (talker.sent_of_first < line.size()) return;
    talker.lines.pop_front();
    talker.sent_of_first = 0;
  }
}

void listen_to(int fd, Talker& talker, std::vector<Line>& said) {
  char piece[2048];
  const ssize_t got = ::recv(fd, piece, sizeof piece, 0);
  if (got < 0) {
    talker.broken = talker.broken || !later();
    return;
  }
  if (got == 0) talker.leaving = true;
  if (got == 0 && !talker.half.empty()) talker.half += '\n';
  talker.half.append(piece, static_cast<std::size_t>(got));
  for (auto end = talker.half.find('\n'); end != std::string::npos; end = talker.half.find('\n')) {
    said.push_back(std::make_shared<const std::string>(talker.half, 0, end + 1));
    talker.half.erase(0, end + 1);
  }
}

struct Room {
  std::map<int, Talker> talkers;
  ~Room() {
    for (const auto& [fd, talker] : talkers) ::close(fd);
  }
};

}  // namespace

void serve(int listen_fd, int stop_fd) {
  constexpr std::size_t limit = 64 * 1024;
  Room room;
  std::vector<pollfd> list{{stop_fd, POLLIN, 0}, {listen_fd, POLLIN, 0}};
  for (;;) {
    bool quiet = true;
    for (const auto& [fd, talker] : room.talkers) quiet = quiet && talker.waiting <= limit;
    for (std::size_t i = 2; i < list.size(); ++i) {
      const Talker& talker = room.talkers.at(list[i].fd);
      const bool hears = quiet && !talker.leaving;
      list[i].events =
          static_cast<short>((hears ? POLLIN : 0) | (talker.lines.empty() ? 0 : POLLOUT));
    }
    if (::poll(list.data(), list.size(), -1) < 0) {
      if (errno == EINTR) continue;
      throw std::system_error{errno, std::generic_category(), "poll"};
    }
    if (list[0].revents) return;
    for (std::size_t i = 2; i < list.size(); ++i) {
      if (!(list[i].revents & list[i].events & POLLIN)) continue;
      std::vector<Line> said;
      listen_to(list[i].fd, room.talkers.at(list[i].fd), said);
      for (const Line& line : said) {
        for (auto& [fd, talker] : room.talkers) {
          if (fd != list[i].fd) push(talker, line);
        }
      }
    }
    for (std::size_t i = list.size(); i-- > 2;) {
      Talker& talker = room.talkers.at(list[i].fd);
      flush(list[i].fd, talker);
      const bool gone = list[i].revents & POLLERR;
      if (!gone && !talker.broken && !(talker.leaving && talker.lines.empty())) continue;
      ::close(list[i].fd);
      room.talkers.erase(list[i].fd);
      list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (list[1].revents & POLLIN) {
      const int fd = ::accept(listen_fd, nullptr, nullptr);
      if (fd < 0) continue;
      ::fcntl(fd, F_SETFL, O_NONBLOCK);
      list.push_back({fd, 0, 0});
      push(room.talkers[fd], std::make_shared<const std::string>("welcome\n"));
      flush(fd, room.talkers[fd]);
    }
  }
}

}  // namespace exercise
