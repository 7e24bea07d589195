#include "tools/grade/watch.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>

#include "core/errors.hpp"

namespace unblock::grade {
namespace {

// An editor that saves makes several events within a moment; they are one save.
constexpr int one_save_ms = 100;

// Takes what has happened; true where the file was among it.
bool take_events(int fd, const std::string& file) {
  alignas(inotify_event) std::array<char, 4096> buffer{};
  const ssize_t got = ::read(fd, buffer.data(), buffer.size());
  bool found = false;
  for (ssize_t at = 0; at < got;) {
    const auto* const event =
        reinterpret_cast<const inotify_event*>(buffer.data() + static_cast<std::size_t>(at));
    if (event->len > 0 && file == event->name) found = true;
    at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
  }
  return found;
}

bool saved_within(int fd, const std::string& file) {
  bool found = false;
  pollfd watched{fd, POLLIN, 0};
  do {
    found = take_events(fd, file) || found;
  } while (::poll(&watched, 1, one_save_ms) > 0);
  return found;
}

}  // namespace

FileWatch::FileWatch(const Exercise& exercise)
    : events_{check("inotify_init1", ::inotify_init1(IN_CLOEXEC))}, file_{exercise.file} {
  // The folder, not the file: what an editor puts in the file's place is another file.
  check("inotify_add_watch",
        ::inotify_add_watch(events_.get(), exercise.folder.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO));
}

bool FileWatch::wait(const std::function<bool(const std::string&)>& typed) {
  std::array<pollfd, 2> watched{{{events_.get(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
  for (;;) {
    if (::poll(watched.data(), watched.size(), -1) < 0) {
      if (errno == EINTR) continue;
      throw_errno("poll");
    }
    if (watched[1].revents != 0) {
      std::array<char, 256> line{};
      const ssize_t got = ::read(STDIN_FILENO, line.data(), line.size());
      if (got <= 0) {
        watched[1].fd = -1;  // nobody types here; the file is watched on
      } else if (!typed(std::string{line.data(), static_cast<std::size_t>(got)})) {
        return false;
      }
    }
    if (watched[0].revents != 0 && saved_within(events_.get(), file_)) return true;
  }
}

}  // namespace unblock::grade
