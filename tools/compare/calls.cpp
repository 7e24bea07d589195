#include "tools/compare/calls.hpp"

#include <signal.h>

#include <algorithm>
#include <exception>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "core/observe.hpp"
#include "tools/compare/tracer.hpp"

namespace unblock {
namespace {

constexpr std::size_t requests_of_each = 5;
constexpr std::size_t requests_at_least = 200;
constexpr std::chrono::seconds at_most{2};  // it is the requests that end a stretch, mostly

// Waits until the server has done all that it was asked, and makes no call any more; false for one
// that never sleeps.
bool settles(const Tracer& tracer) {
  std::size_t calls = tracer.calls();
  for (int look = 0; look < 20; ++look) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    if (std::exchange(calls, tracer.calls()) == calls) return true;
  }
  return false;
}

CallCount drive(const LoadOptions& load, const Tracer& tracer) {
  LoadClient client{load};
  client.connect();
  LoadWindow window;
  if (client.greeted() > 0) window = client.drive(at_most, load.connections);
  settles(tracer);
  const std::size_t before = tracer.calls();
  if (window.requests > 0) {
    window =
        client.drive(at_most, std::max(requests_at_least, requests_of_each * load.connections));
  }
  std::size_t after = tracer.calls();
  if (settles(tracer)) after = tracer.calls();
  if (client.interrupted()) return {};
  if (window.requests == 0) return {.per_request = {}, .missing = "no answer while it was traced"};
  return {.per_request = static_cast<double>(after - before) / static_cast<double>(window.requests),
          .missing = {}};
}

LoadOptions counted_load(const LoadOptions& load) {
  LoadOptions counted = load;
  counted.connections = std::min<std::size_t>(load.connections, 64);
  counted.idle = std::min<std::size_t>(load.idle, 256);
  counted.slow = std::min<std::size_t>(load.slow, 64);
  counted.rate = 0;
  return counted;
}

}  // namespace

CallCount count_calls(const Contender& contender, const RoundOptions& options,
                      const Interrupt& interrupt) {
  // Server, tracer and client on one CPU: a switch to another one would cost ten times as much.
  const PinnedToCpu pinned{*places_for(Pinning::same).client};
  std::optional<ServerProcess> server;
  CallCount result;
  try {
    server.emplace(contender, Pinning::none, interrupt);
    const auto port = server->await_port(options.start_deadline, result.missing);
    if (!port) return result;
    LoadOptions load = counted_load(options.load);
    load.port = *port;
    load.interrupt_fd = interrupt.fd();
    load.beside = server->talk();
    Tracer tracer{server->pid()};
    std::exception_ptr failure;
    std::jthread driver{[&] {
      try {
        result = drive(load, tracer);
      } catch (...) {
        failure = std::current_exception();
      }
      ::kill(-server->pid(), SIGKILL);
    }};
    tracer.run();
    driver.join();
    if (failure) std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    result.missing = fmt::format("system calls cannot be counted here ({})", error.what());
  }
  return result;
}

}  // namespace unblock
