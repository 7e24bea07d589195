#pragma once

#include <string>

#include "tools/compare/metrics.hpp"
#include "tools/compare/results.hpp"

namespace unblock::page {

/// All numbers of a comparison. `id` is the table's.
std::string table_of(const Comparison& comparison, const Results& results, const std::string& id);

/// One metric at each number of connections.
std::string table_of(const Sweep& sweep, const Metric& metric, const Results& results,
                     const std::string& id);

}  // namespace unblock::page
