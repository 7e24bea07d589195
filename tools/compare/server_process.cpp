#include "tools/compare/server_process.hpp"

#include <signal.h>

#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "tools/compare/models.hpp"

namespace unblock {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds slice{20};  // between looks at the interrupt

// A number of /proc/PID/status, in the unit that stands there; 0 where the process is gone.
std::size_t status_number(pid_t pid, const std::string& name) {
  std::ifstream file{fmt::format("/proc/{}/status", pid)};
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, name.size(), name) == 0) {
      return std::strtoul(line.c_str() + name.size(), nullptr, 10);
    }
  }
  return 0;
}

std::string last_line(const std::string& text) {
  std::istringstream lines{text};
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) last = line;
  }
  return last;
}

std::string describe_status(int status) {
  return status > 128 ? fmt::format("signal {}", status - 128) : fmt::format("status {}", status);
}

ChildProcess start(const Contender& contender, Pinning pinning) {
  std::optional<PinnedToCpu> pinned;  // what is started inherits it
  if (const auto cpu = places_for(pinning).server) pinned.emplace(*cpu);
  return ChildProcess{{.command = contender.command, .limits = {}, .cpu = {}}};
}

}  // namespace

Places places_for(Pinning pinning) {
  if (pinning == Pinning::none) return {};
  // The last ones, since a system's interrupts and its first processes tend to live on the first.
  const std::size_t cpus = available_cpus();
  if (pinning == Pinning::same) return {cpus - 1, cpus - 1};
  if (cpus < 2) throw UserError{"there is one CPU only, which cannot be split: use --pin same"};
  return {cpus - 1, cpus - 2};
}

Contender contender_for_model(const std::string& name) {
  const KnownModel& model = find_model(name);
  return {.name = model.name,
          .command = {program_path(model.program), "serve", "--model", model.name, "--port", "0"}};
}

Contender contender_for_command(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == 0 || equals == std::string::npos || equals + 1 == text.size()) {
    throw UserError{fmt::format(
        "--with takes NAME=COMMAND, not '{}': for example --with mine='./server --port 0'", text)};
  }
  // The shell becomes the command: its process is the server's.
  return {.name = text.substr(0, equals),
          .command = {"/bin/sh", "-c", "exec " + text.substr(equals + 1)}};
}

ServerProcess::ServerProcess(const Contender& contender, Pinning pinning,
                             const Interrupt& interrupt)
    : interrupt_{interrupt}, child_{start(contender, pinning)} {}

std::optional<std::uint16_t> ServerProcess::await_port(milliseconds deadline,
                                                       std::string& problem) {
  const auto end = steady_clock::now() + deadline;
  while (!interrupt_.requested()) {
    if (const auto line = child_.read_line(slice)) {
      if (const auto port = parse_listening_line(*line)) return port;
      continue;
    }
    if (const auto status = child_.wait(slice)) {
      if (interrupt_.requested()) break;  // the same Ctrl-C ended it
      problem = fmt::format("did not start ({}){}", describe_status(*status), last_words());
      return std::nullopt;
    }
    if (steady_clock::now() >= end) {
      stop(milliseconds{500});
      problem = fmt::format("did not start: no line \"listening on HOST:PORT\" within {} s{}",
                            deadline.count() / 1000, last_words());
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<std::string> ServerProcess::death(milliseconds deadline) {
  const auto status = child_.wait(deadline);
  if (!status) return std::nullopt;
  return fmt::format("died in the middle ({}){}", describe_status(*status), last_words());
}

bool ServerProcess::stop(milliseconds deadline) {
  child_.signal(SIGTERM);
  if (child_.wait(deadline)) return true;
  child_.signal(SIGKILL);
  child_.wait();
  return false;
}

std::string ServerProcess::last_words() {
  const std::string words = last_line(child_.read_errors(milliseconds{200}));
  return words.empty() ? "" : ": " + words;
}

std::size_t ServerProcess::threads() const { return status_number(pid(), "Threads:"); }

std::size_t ServerProcess::peak_memory() const { return status_number(pid(), "VmHWM:") * 1024; }

}  // namespace unblock
