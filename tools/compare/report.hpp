#pragma once

#include <string>
#include <vector>

#include "tools/compare/run.hpp"

namespace unblock {

/// What is going to be measured, in one line: "64 connections, ...".
std::string describe_load(const RoundOptions& options, std::size_t rounds);

/// "AMD EPYC, 2 CPUs, x86_64, Linux 6.18"
std::string describe_machine();

/// The table, and below it what one must know to read it.
std::vector<std::string> report(const Comparison& comparison, bool colour);

}  // namespace unblock
