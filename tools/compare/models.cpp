#include "tools/compare/models.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include <fmt/ranges.h>

#include "core/errors.hpp"

namespace unblock {

const std::vector<KnownModel>& known_models() {
  static const std::vector<KnownModel> models{
      {1, "blocking", "thread-per-connection", "a thread for each client, blocked in read", true,
       "each takes a thread: see `ulimit -u`, kernel.threads-max and the control group's pids.max"},
      {1, "blocking", "one-thread", "one thread, one client after another", false,
       "it serves one client at a time"},
      {2, "nonblocking", "polling", "asks every socket in turn, without a pause"},
      {2, "nonblocking", "polling-nap", "the same, with a nap where nothing was ready", false},
      {3, "select", "select", "hands the kernel a set of descriptors each time", true,
       "select takes descriptors below FD_SETSIZE (1,024) only"},
      {4, "poll", "poll", "hands the kernel a list of descriptors each time"},
      {5, "epoll", "epoll-lt", "the kernel keeps the list; told while a socket is ready"},
      {5, "epoll", "epoll-et", "told when a socket becomes ready, and drains it"},
      {5, "epoll", "epoll-oneshot", "told once, until the socket is armed again"},
      {9, "proactor", "proactor-select", "completions, from a select loop in another thread", true,
       "select takes descriptors below FD_SETSIZE (1,024) only"},
      {9, "proactor", "proactor-aio", "completions, from POSIX AIO", true,
       "glibc gives each read that waits a thread, and the lesson allows it 512"},
      {9, "proactor", "proactor-uring", "completions, from io_uring"},
      {13, "fibers", "fibers", "code that looks blocking, on stacks of our own"},
      {13, "fibers", "fibers-ucontext", "the same, switched with swapcontext(3)", false},
  };
  return models;
}

const KnownModel& find_model(const std::string& name) {
  const auto& models = known_models();
  const auto found = std::find_if(models.begin(), models.end(),
                                  [&](const KnownModel& model) { return model.name == name; });
  if (found != models.end()) return *found;
  std::vector<std::string> names;
  for (const KnownModel& model : models) names.push_back(model.name);
  const std::string near = nearest(name, names);
  throw UserError{
      near.empty()
          ? fmt::format("no model is called '{}': there are {}", name, fmt::join(names, ", "))
          : fmt::format("no model is called '{}': did you mean '{}'? There are {}", name, near,
                        fmt::join(names, ", "))};
}

std::string lesson_page(const KnownModel& model) {
  return fmt::format("lessons/{:02}-{}/README.md", model.lesson, model.program);
}

std::string program_path(const std::string& program) {
  namespace fs = std::filesystem;
  const fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
  for (const char* const folder : {UNBLOCK_LIBEXEC, "../bin"}) {
    const fs::path path = (here / folder / program).lexically_normal();
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return here / program;
}

}  // namespace unblock
