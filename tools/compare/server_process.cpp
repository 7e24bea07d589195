#include "tools/compare/server_process.hpp"

#include <signal.h>

#include <sstream>

#include <fmt/format.h>

#include "core/observe.hpp"

namespace unblock {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds slice{20};  // between looks at the interrupt

std::string last_line(const std::string& text) {
  std::istringstream lines{text};
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) last = line;
  }
  return last;
}

// What a terminal may be shown of a line that somebody else has written.
std::string harmless(std::string line) {
  constexpr std::size_t longest = 200;
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line.size() > longest ? line.substr(0, longest) + "..." : line;
}

std::string describe_status(int status) {
  return status > 128 ? fmt::format("signal {}", status - 128) : fmt::format("status {}", status);
}

ChildProcess start(const Contender& contender, Pinning pinning) {
  std::optional<PinnedToCpu> pinned;  // what is started inherits it
  if (const auto cpu = places_for(pinning).server) pinned.emplace(*cpu);
  return ChildProcess{{.command = contender.command, .limits = {}, .cpu = {}, .own_group = true}};
}

}  // namespace

ServerProcess::ServerProcess(const Contender& contender, Pinning pinning,
                             const Interrupt& interrupt)
    : interrupt_{interrupt}, child_{start(contender, pinning)} {}

ServerProcess::~ServerProcess() { ::kill(-child_.pid(), SIGKILL); }

std::optional<std::uint16_t> ServerProcess::await_port(milliseconds deadline,
                                                       std::string& problem) {
  const auto end = steady_clock::now() + deadline;
  while (!interrupt_.requested()) {
    if (const auto line = child_.read_line(slice)) {
      if (const auto port = parse_listening_line(*line)) return port;
    } else if (const auto status = wait(slice)) {
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

std::vector<Watched> ServerProcess::talk() {
  const auto drain = [this] { child_.drain(); };
  return {{child_.output_fd(), drain}, {child_.errors_fd(), drain}};
}

std::optional<std::string> ServerProcess::death(milliseconds deadline) {
  const auto status = wait(deadline);
  if (!status) return std::nullopt;
  return fmt::format("died in the middle ({}){}", describe_status(*status), last_words());
}

bool ServerProcess::stop(milliseconds deadline) {
  child_.signal(SIGTERM);
  const auto end = steady_clock::now() + deadline;
  do {
    child_.drain();  // it may have a lot to say about its end
    if (wait(slice)) return true;
  } while (steady_clock::now() < end);
  ::kill(-child_.pid(), SIGKILL);
  child_.wait(std::chrono::seconds{20}, &usage_);
  return false;
}

std::string ServerProcess::last_words() {
  const std::string words = harmless(last_line(child_.read_errors(milliseconds{200})));
  return words.empty() ? "" : ": " + words;
}

std::optional<int> ServerProcess::wait(milliseconds deadline) {
  return child_.wait(deadline, &usage_);
}

}  // namespace unblock
