#include "tools/compare/scale.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "tools/compare/metrics.hpp"
#include "tools/compare/text.hpp"

namespace unblock {
namespace {

Load load_at(const std::string& kind, std::size_t connections, const LoadOptions& options) {
  Load load{.name = kind, .options = options};
  const bool active = kind == "active";
  load.options.connections = active ? connections : busy_among_idle;
  load.options.idle = active ? 0 : connections;
  return load;
}

// Why an entry goes no further; empty where it does.
std::string end_of(const Entry& entry, const LoadOptions& load) {
  if (!entry.problem.empty()) return entry.problem;
  if (total(failures_of(entry)) == 0) return {};
  std::size_t served = LoadClient::connections_of(load);
  for (const Round& round : entry.rounds) served = std::min(served, round.served);
  std::string reason = fmt::format("served {} of {} ({})", grouped(served),
                                   plural(LoadClient::connections_of(load), "connection"),
                                   to_string(failures_of(entry)));
  if (!entry.contender.limit.empty()) reason += ": " + entry.contender.limit;
  return reason;
}

Sweep sweep_one(Sweep sweep, std::vector<Contender> contenders,
                const std::vector<std::size_t>& numbers, const RoundOptions& options,
                std::size_t rounds, const Interrupt& interrupt, const Progress& progress) {
  for (const std::size_t connections : numbers) {
    const Load load = load_at(sweep.name, connections, options.load);
    if (interrupt.requested() || contenders.empty() || lack_of_descriptors_for(load.options)) break;
    allow_descriptors_for(load.options);
    RoundOptions here = options;
    here.load = load.options;
    sweep.points.push_back(
        {.connections = connections,
         .comparison = compare(
             contenders, load, here, rounds, false, interrupt, [&](const std::string& what) {
               progress(fmt::format("{} {}, {}", grouped(connections), sweep.name, what));
             })});
    for (const Entry& entry : sweep.points.back().comparison.entries) {
      const std::string reason = end_of(entry, here.load);
      if (reason.empty()) continue;
      sweep.ends.push_back({entry.contender.name, connections, reason});
      std::erase_if(contenders, [&](const Contender& contender) {
        return contender.name == entry.contender.name;
      });
    }
  }
  return sweep;
}

}  // namespace

const std::vector<std::size_t>& scale_connections() {
  static const std::vector<std::size_t> connections{1, 10, 100, 1'000, 10'000};
  return connections;
}

Scale sweep(const std::vector<Contender>& contenders, const std::vector<std::size_t>& connections,
            const RoundOptions& options, std::size_t rounds, const Interrupt& interrupt,
            const Progress& progress) {
  Scale scale{.connections = connections, .sweeps = {}};
  for (const auto& [name, summary] :
       {std::pair{"active", std::string{"every connection sends"}},
        std::pair{"idle",
                  fmt::format("{} connections send, all others are silent", busy_among_idle)}}) {
    scale.sweeps.push_back(sweep_one({.name = name, .summary = summary, .points = {}, .ends = {}},
                                     contenders, connections, options, rounds, interrupt,
                                     progress));
    for (const std::size_t number : connections) {
      const auto lack = lack_of_descriptors_for(load_at(name, number, options.load).options);
      if (!lack || !scale.left_out.empty()) continue;
      scale.left_out =
          fmt::format("{} and more are left out: {}", plural(number, "connection"), *lack);
    }
  }
  scale.interrupted = interrupt.requested();
  return scale;
}

}  // namespace unblock
