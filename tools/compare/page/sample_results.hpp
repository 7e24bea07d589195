#pragma once

#include <cstddef>
#include <string>

#include "tools/compare/results.hpp"

namespace unblock::page {

/// Results as a run brings them, for the tests of the page; nothing is measured.

/// A model that answered that many requests in each of two rounds.
Entry sample_entry(const Contender& contender, std::size_t requests);

/// `servers` beside one another under each of `loads` loads; the first ones are the known models.
/// The last one is dead, and what it is called and says is meant to break out of the page.
Results sample_results(std::size_t servers, std::size_t loads);

/// At 1 and 10 connections; select ends at 10.
Results sample_scale();

extern const char* const hostile_name;
extern const char* const hostile_words;

}  // namespace unblock::page
