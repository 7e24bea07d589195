#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tools/compare/comparison.hpp"

namespace unblock {

/// All contenders at one number of connections.
struct ScalePoint {
  std::size_t connections = 0;
  Comparison comparison;  ///< of those that had not ended before
};

/// A contender that went no further.
struct ScaleEnd {
  std::string name;
  std::size_t connections = 0;
  std::string reason;
};

/// One way of adding connections, and what each number of them has cost.
struct Sweep {
  std::string name;     ///< "active", "idle"
  std::string summary;  ///< "every connection sends"
  std::vector<ScalePoint> points;
  std::vector<ScaleEnd> ends;
};

struct Scale {
  std::vector<std::size_t> connections;  ///< planned
  std::vector<Sweep> sweeps;
  bool interrupted = false;  ///< the last point may lack some, and further ones are missing
  std::string left_out;      ///< why there are fewer points than planned; empty where there are all
};

/// Whether the contender's line ends at this number of connections, so that what was measured there
/// does not count.
bool has_ended_at(const Sweep& sweep, const std::string& name, std::size_t connections);

/// The connections at which models are measured: 1 to 10,000.
const std::vector<std::size_t>& scale_connections();
constexpr std::size_t busy_among_idle = 10;

/// Measures the contenders at each number of `connections`: all of them active, then all of them
/// silent with a few active ones besides. A contender that cannot serve them all ends there.
/// `options` gives the messages, `rounds` the rounds at each point. After an interrupt it holds
/// what was measured before.
Scale sweep(const std::vector<Contender>& contenders, const std::vector<std::size_t>& connections,
            const RoundOptions& options, std::size_t rounds, const Interrupt& interrupt,
            const Progress& progress);

/// The tables, and below them who ended where, and why.
std::vector<std::string> report(const Scale& scale, bool colour, std::size_t width);

}  // namespace unblock
