#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tools/compare/comparison.hpp"

namespace unblock {

/// What is going to be measured: "few-busy: 64 connections, ...; 5 rounds of 0.25 s, ...".
std::string describe_plan(const Load& load, const RoundOptions& options, std::size_t rounds);

/// "server and client share one CPU (--pin same, ...)"
std::string describe_pinning(Pinning pinning);

/// The entry's requests per second as a ratio to the reference's of the same rounds, and how far it
/// may be off: "0.73 ±0.04"; "-" where there is none.
std::string describe_ratio(const Entry& entry, const Entry& reference);

/// What is known of one comparison and stands in no column: why an entry failed clients, which
/// ones cannot be told apart, that it was interrupted; the noise; the client's share.
std::vector<std::string> remarks_on(const Comparison& comparison);
std::string describe_noise(const Comparison& comparison);
std::string describe_client(const Comparison& comparison);

/// The table, and below it what was remarkable.
std::vector<std::string> report(const Comparison& comparison, bool colour, std::size_t width);

/// What one must know to read the tables; once, behind the last one. `explains_columns`: of
/// report(), too.
std::vector<std::string> legend(Pinning pinning, bool explains_columns, std::size_t width);

}  // namespace unblock
