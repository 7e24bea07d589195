#include "tools/compare/loads.hpp"

#include <algorithm>

#include <fmt/ranges.h>

#include "core/errors.hpp"
#include "tools/compare/text.hpp"

namespace unblock {

const std::vector<Load>& known_loads() {
  static const std::vector<Load> loads{
      {.name = "few-busy",
       .summary = "64 clients, each sends its next 64 bytes when the answer is there: the models "
                  "at their everyday work"},
      {.name = "all-busy",
       .summary = "1,000 clients, all of them busy: what a thread or a list for each costs",
       .options = {.connections = 1'000}},
      {.name = "many-idle",
       .summary = "10 busy clients among 5,000 that are silent: who pays for those who say nothing",
       .options = {.connections = 10, .idle = 5'000},
       .rounds = 3},
      {.name = "slow-client",
       .summary = "8 clients send one byte of a request and stall: how are the other 64 served? "
                  "(with `one-thread`, not at all)",
       .options = {.connections = 64, .slow = 8}},
      {.name = "big-messages",
       .summary = "16 clients, messages of 64 KiB: copying outweighs waiting, and a write takes "
                  "only a part",
       .options = {.connections = 16, .message_bytes = 64 * 1024}},
      {.name = "fan-in",
       .summary = "64 clients at a time connect, send one request and close: what a connection "
                  "costs",
       .options = {.connections = 64, .reconnect = true}},
      {.name = "c10k",
       .summary = "10,000 clients, all of them busy; takes 10,064 descriptors, and says so where "
                  "the limit is lower",
       .options = {.connections = 10'000},
       .rounds = 3},
  };
  return loads;
}

const Load& find_load(const std::string& name) {
  const auto& loads = known_loads();
  const auto found =
      std::find_if(loads.begin(), loads.end(), [&](const Load& load) { return load.name == name; });
  if (found != loads.end()) return *found;
  std::vector<std::string> names;
  for (const Load& load : loads) names.push_back(load.name);
  const std::string near = nearest(name, names);
  throw UserError{
      near.empty()
          ? fmt::format("no load is called '{}': there are {}", name, fmt::join(names, ", "))
          : fmt::format("no load is called '{}': did you mean '{}'? There are {}", name, near,
                        fmt::join(names, ", "))};
}

std::string title_of(const Load& load) {
  return load.changes.empty() ? load.name
                              : fmt::format("{} with {}", load.name, fmt::join(load.changes, " "));
}

std::string flags_of(const LoadOptions& options) {
  std::string flags = fmt::format("--connections {}", options.connections);
  if (options.idle > 0) flags += fmt::format(" --idle {}", options.idle);
  if (options.slow > 0) flags += fmt::format(" --slow {}", options.slow);
  flags += fmt::format(" --size {}", options.message_bytes);
  if (options.pipeline > 1) flags += fmt::format(" --pipeline {}", options.pipeline);
  if (options.rate > 0) flags += fmt::format(" --rate {:g}", options.rate);
  if (options.reconnect) flags += " --reconnect";
  return flags;
}

std::string describe(const LoadOptions& options) {
  std::string text = plural(options.connections, "connection");
  if (options.idle > 0) text += fmt::format(" and {} that are silent", grouped(options.idle));
  if (options.slow > 0) {
    text += fmt::format(" and {} that stall after one byte", grouped(options.slow));
  }
  text += fmt::format(", messages of {}, ", plural(options.message_bytes, "byte"));
  if (options.reconnect) {
    text += "each on a connection of its own";
  } else if (options.pipeline == 1) {
    text += "one request at a time on each";
  } else {
    text += fmt::format("{} requests at a time on each", options.pipeline);
  }
  if (options.rate > 0) text += fmt::format(", {:g} requests per second in all", options.rate);
  return text;
}

}  // namespace unblock
