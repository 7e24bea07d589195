#include "testkit/program_server.hpp"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "testkit/client.hpp"

namespace unblock {
namespace {

ChildOptions with_address(std::vector<std::string> command, const ServerOptions& options) {
  command.insert(command.end(), {"--host", options.host, "--port", std::to_string(options.port)});
  return {.command = std::move(command)};
}

// How it ended, and what it said: "" for the end that a server should come to.
std::string complaint(ChildProcess& child) {
  const auto status = child.wait(test_deadline);
  const std::string said = child.read_errors(test_deadline);
  if (status == 0 && said.empty()) return "";
  return fmt::format("{}; it said: {}", status ? fmt::format("status {}", *status) : "no end",
                     said);
}

}  // namespace

ProgramServer::ProgramServer(std::vector<std::string> command, const ServerOptions& options)
    : child_{with_address(std::move(command), options)} {
  const auto line = child_.read_line(test_deadline);
  if (line) port_ = parse_listening_line(*line).value_or(0);
  if (port_ != 0) return;
  std::string said = child_.read_errors(test_deadline);
  if (child_.wait(test_deadline) == 1 && std::count(said.begin(), said.end(), '\n') == 1) {
    said.pop_back();
    throw UserError{said};
  }
  throw std::runtime_error{"the program does not listen: " + said};
}

void ProgramServer::run() {
  // Nothing more comes on its standard output: what is left there is its end.
  std::array<pollfd, 2> watched{{{stop_.fd(), POLLIN, 0}, {child_.output_fd(), POLLIN, 0}}};
  while (::poll(watched.data(), watched.size(), -1) < 0) {
  }  // EINTR
  if (watched[0].revents == 0) {
    throw std::runtime_error{"the program ended by itself: " + complaint(child_)};
  }
  child_.signal(SIGTERM);
  if (const std::string wrong = complaint(child_); !wrong.empty()) {
    throw std::runtime_error{"at SIGTERM the program ended with " + wrong};
  }
}

Model program_model(std::string name, std::vector<std::string> command) {
  return {.name = std::move(name),
          .summary = "",
          .takes_threads = false,
          .make = [command = std::move(command)](const ServerOptions& options) {
            return std::unique_ptr<AnyServer>{std::make_unique<ProgramServer>(command, options)};
          }};
}

}  // namespace unblock
