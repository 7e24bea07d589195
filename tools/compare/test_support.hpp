#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/child_process.hpp"
#include "tools/compare/round.hpp"

namespace unblock {

/// For the tests of `unblock`: the command as a person starts it, and servers that misbehave.

testing::AssertionResult contains(const std::string& text, const std::string& part);
testing::AssertionResult matches(const std::string& text, const std::string& pattern);

/// A round of 50 ms with 4 connections.
RoundOptions short_round();

/// The server of misbehaving_server.cpp, in one of its modes.
Contender misbehaving(const std::string& mode);

/// The same for a command line: "MODE=PROGRAM MODE".
std::string with(const std::string& mode);

struct Outcome {
  std::optional<int> status;
  std::string output;
  std::string errors;
};
Outcome outcome_of(ChildProcess& command);
Outcome run_program(std::vector<std::string> words);

/// `unblock` with these arguments.
std::vector<std::string> command(std::vector<std::string> arguments);
Outcome run_command(std::vector<std::string> arguments);

/// The first row of that name in a table; empty where there is none.
std::string row(const std::string& output, const std::string& name);

std::vector<pid_t> children_of(pid_t pid);

/// A path for a file that does not exist yet.
std::string scratch_path(const std::string& name);

}  // namespace unblock
