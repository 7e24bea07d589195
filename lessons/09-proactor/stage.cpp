#include "stage.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <fstream>

#include <fmt/format.h>

#include "core/errors.hpp"

namespace unblock {

void Notebook::on_completion(CompletionEvent event) {
  const auto bytes = event.data.bytes();
  const std::lock_guard lock{mutex_};
  entries_.push_back({.thread = this_thread_id(),
                      .kind = event.operation->kind,
                      .error = event.error,
                      .text = {reinterpret_cast<const char*>(bytes.data()), bytes.size()}});
}

std::vector<Notebook::Entry> Notebook::entries() const {
  const std::lock_guard lock{mutex_};
  return entries_;
}

void Notebook::await_entries(std::size_t count) const {
  if (!await([&] { return entries().size() >= count; })) {
    throw UserError{
        fmt::format("{} of {} completions came in ten seconds: is this machine very "
                    "busy?",
                    entries().size(), count)};
  }
}

RunningProactor::RunningProactor(Engine& engine)
    : engine_{engine}, keep_alive_{engine, nobody_, UniqueFd{}} {
  keep_alive_.start_delay(std::chrono::hours{1});
  thread_ = std::jthread{[this] {
    thread_id_ = this_thread_id();
    thread_id_.notify_all();
    Proactor{engine_}.run();
  }};
}

RunningProactor::~RunningProactor() {
  engine_.cancel_all();
  thread_.join();
}

pid_t RunningProactor::thread_id() const {
  thread_id_.wait(0);  // until the thread has begun
  return thread_id_;
}

std::optional<SleepsIn> sleeps_in(pid_t thread) {
  // "0 0x5 0x7ffc..." where it sleeps in a call, "running" where it does not.
  std::ifstream file{fmt::format("/proc/self/task/{}/syscall", thread)};
  SleepsIn call;
  if (!(file >> call.number >> std::hex >> call.first_argument)) {
    return std::nullopt;
  }
  return call;
}

std::size_t threads_reading(const std::set<int>& fds) {
  std::size_t count = 0;
  for (const pid_t thread : thread_ids()) {
    const auto call = sleeps_in(thread);
    if (call && call->number == SYS_read && fds.contains(static_cast<int>(call->first_argument)))
      ++count;
  }
  return count;
}

void send_text(int fd, std::string_view text) {
  while (!text.empty()) {
    text.remove_prefix(static_cast<std::size_t>(
        check("send", ::send(fd, text.data(), text.size(), MSG_NOSIGNAL))));
  }
}

std::string receive_text(int fd, std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t got = 0; got < size;) {
    const auto count = check("read", ::read(fd, text.data() + got, size - got));
    if (count == 0) throw UserError{"the connection ended before all had come"};
    got += static_cast<std::size_t>(count);
  }
  return text;
}

bool has_something(int fd) {
  pollfd watched{fd, POLLIN, 0};
  return check("poll", ::poll(&watched, 1, 0)) == 1;
}

std::vector<NamedEngine> engines_here() {
  std::vector<NamedEngine> here;
  for (const auto& [name, kind] : {std::pair{"proactor-select", EngineKind::select},
                                   std::pair{"proactor-aio", EngineKind::aio_signal},
                                   std::pair{"proactor-uring", EngineKind::uring}}) {
    try {
      make_engine(kind);
      here.push_back({name, kind});
    } catch (const UserError&) {
    }
  }
  return here;
}

}  // namespace unblock
