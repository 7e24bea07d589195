#include "stage.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <fstream>

#include <fmt/format.h>

#include "aio_engine.hpp"
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

std::chrono::nanoseconds time_awake(pid_t thread) {
  std::ifstream file{fmt::format("/proc/self/task/{}/schedstat", thread)};
  long long on_a_cpu = 0;
  long long waiting_for_one = 0;
  file >> on_a_cpu >> waiting_for_one;
  return std::chrono::nanoseconds{on_a_cpu + waiting_for_one};
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

std::vector<NamedEngine> all_engines() {
  std::vector<NamedEngine> engines{{"proactor-select", EngineKind::select, ""},
                                   {"proactor-aio", EngineKind::aio_signal, ""},
                                   {"proactor-uring", EngineKind::uring, ""}};
  for (NamedEngine& engine : engines) {
    try {
      make_engine(engine.kind);
    } catch (const UserError& error) {
      engine.missing = error.what();
    }
  }
  return engines;
}

std::vector<NamedEngine> engines_here() {
  std::vector<NamedEngine> engines = all_engines();
  std::erase_if(engines, [](const NamedEngine& engine) { return !engine.missing.empty(); });
  return engines;
}

std::optional<Finding> without_posix_aio() {
  try {
    AioEngine::prepare_process();
  } catch (const UserError& error) {
    return Finding{.conclusion = error.what()};
  }
  return std::nullopt;
}

void table_of_engines(
    Narrator& out, std::vector<std::vector<std::string>> rows,
    const std::function<void(const NamedEngine&, std::vector<std::vector<std::string>>&)>& add) {
  const std::vector<NamedEngine> engines = all_engines();
  for (const NamedEngine& engine : engines) {
    if (engine.missing.empty()) {
      add(engine, rows);
    } else {
      rows.push_back({engine.name, "not shown here"});
    }
  }
  out.table(rows);
  for (const NamedEngine& engine : engines) {
    if (!engine.missing.empty()) out.note("{}: {}.", engine.name, engine.missing);
  }
}

}  // namespace unblock
