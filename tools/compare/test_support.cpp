#include "tools/compare/test_support.hpp"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <utility>

namespace unblock {

testing::AssertionResult contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "no \"" << part << "\" in:\n" << text;
}

testing::AssertionResult matches(const std::string& text, const std::string& pattern) {
  if (std::regex_match(text, std::regex{pattern})) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "not of the form " << pattern << ":\n" << text;
}

RoundOptions short_round() {
  RoundOptions options;
  options.load = {.connections = 4, .patience = std::chrono::milliseconds{500}};
  options.warm_up = std::chrono::milliseconds{0};
  options.duration = std::chrono::milliseconds{50};
  options.pinning = Pinning::none;
  return options;
}

Contender misbehaving(const std::string& mode) {
  return {.name = mode, .command = {MISBEHAVING_SERVER, mode}};
}

std::string with(const std::string& mode) {
  return mode + "=" + std::string{MISBEHAVING_SERVER} + " " + mode;
}

Outcome outcome_of(ChildProcess& command) {
  Outcome outcome;
  outcome.output = command.read_rest(std::chrono::seconds{100});
  outcome.errors = command.read_errors();
  outcome.status = command.wait();
  return outcome;
}

Outcome run_program(std::vector<std::string> words) {
  ChildProcess program{{.command = std::move(words)}};
  return outcome_of(program);
}

std::vector<std::string> command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), UNBLOCK_COMMAND);
  return arguments;
}

Outcome run_command(std::vector<std::string> arguments) {
  return run_program(command(std::move(arguments)));
}

std::string row(const std::string& output, const std::string& name) {
  std::istringstream lines{output};
  for (std::string line; std::getline(lines, line);) {
    if (line.compare(0, name.size() + 1, name + " ") == 0) return line;
  }
  return "";
}

std::vector<pid_t> children_of(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children"};
  return {std::istream_iterator<pid_t>{file}, {}};
}

std::string scratch_path(const std::string& name) {
  static int number = 0;
  return testing::TempDir() + "unblock_" + std::to_string(::getpid()) + "_" +
         std::to_string(number++) + "_" + name;
}

}  // namespace unblock
