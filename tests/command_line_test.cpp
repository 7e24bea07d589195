// Every lesson's program, called as a person may call it by mistake: one line on standard error
// that says what, where and what to do; the exit status that DESIGN promises; nothing left running.

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/child_process.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

struct Outcome {
  int status = -1;
  std::string output;
  std::string errors;
};

Outcome outcome_of(const ChildOptions& options) {
  ChildProcess child{options};
  Outcome outcome;
  outcome.output = child.read_rest();
  outcome.errors = child.read_errors();
  outcome.status = child.wait().value_or(-1);
  return outcome;
}

class CommandLine : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] ChildOptions command(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), std::string{UNBLOCK_PROGRAMS} + "/" + GetParam());
    return {.command = std::move(arguments)};
  }
  [[nodiscard]] Outcome run(std::vector<std::string> arguments) const {
    return outcome_of(command(std::move(arguments)));
  }

  // One line that begins with the program's name and holds each of the words.
  static void expect_refusal(const Outcome& outcome, int status,
                             const std::vector<std::string>& words) {
    EXPECT_EQ(outcome.status, status);
    EXPECT_EQ(outcome.output, "");
    EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1) << outcome.errors;
    EXPECT_EQ(outcome.errors.rfind(GetParam() + ": ", 0), 0U) << outcome.errors;
    for (const std::string& word : words) {
      EXPECT_NE(outcome.errors.find(word), std::string::npos)
          << "'" << word << "' is missing in: " << outcome.errors;
    }
  }
};

TEST_P(CommandLine, TellsWhatTheLessonIsAndHowToRunIt) {
  const Outcome outcome = run({});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.errors, "");
  for (const char* const word : {"Lesson ", "Models:", "Experiments:", "Run:", " serve --port"}) {
    EXPECT_NE(outcome.output.find(word), std::string::npos) << outcome.output;
  }
  std::istringstream lines{outcome.output};
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 90U) << line;
}

TEST_P(CommandLine, TellsProgramsWhatTheLessonIs) {
  const Outcome outcome = run({"--json"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output.substr(0, 2), "{\n");
  for (const char* const member : {"lesson", "name", "title", "idea", "models", "experiments"}) {
    EXPECT_NE(outcome.output.find(std::string{"\n  \""} + member + "\": "), std::string::npos)
        << outcome.output;
  }
}

TEST_P(CommandLine, HelpsOnRequest) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"--help"}, {"serve", "--help"}, {"demo", "--help"}}) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.errors, "");
    EXPECT_NE(outcome.output.find("--help"), std::string::npos) << outcome.output;
  }
}

TEST_P(CommandLine, SuggestsTheNearModelAndExperiment) {
  // The first model's name, as the overview has it, with one letter doubled.
  const std::string overview = run({}).output;
  const auto first_word_below = [&](const std::string& heading) {
    std::istringstream below{overview.substr(overview.find(heading) + heading.size())};
    std::string word;
    below >> word;
    return word;
  };
  const std::string model = first_word_below("Models:");
  expect_refusal(run({"serve", "--port", "0", "--model", model + model.back()}), 1,
                 {"no model '" + model + model.back() + "'", "did you mean '" + model + "'"});
  const std::string experiment = first_word_below("Experiments:");
  expect_refusal(run({"demo", experiment + "x"}), 1, {"did you mean '" + experiment + "'"});
  expect_refusal(run({"demo", "quite-another-thing"}), 1, {"it has", experiment});
}

TEST_P(CommandLine, RefusesWrongFlagsAndValuesWithStatus2) {
  expect_refusal(run({"--bogus"}), 2, {"--bogus", "--help"});
  expect_refusal(run({"serve", "--bogus"}), 2, {"--bogus", "--help"});
  expect_refusal(run({"sevre"}), 2, {"sevre", "--help"});
  expect_refusal(run({"serve", "--port", "70000"}), 2, {"--port", "70000"});
  expect_refusal(run({"serve", "--port", "http"}), 2, {"--port", "http"});
  expect_refusal(run({"serve", "--max-connections", "0"}), 2, {"--max-connections", "1 or more"});
  expect_refusal(run({"serve", "--port", "-1"}), 2, {"--port", "-1"});
  expect_refusal(run({"serve", "--max-connections", "-1"}), 2, {"--max-connections", "-1"});
}

TEST_P(CommandLine, RefusesAnAddressThatItCannotListenOn) {
  const UniqueFd taken = listen_tcp("127.0.0.1", 0);
  const std::string port = std::to_string(local_port(taken.get()));
  expect_refusal(run({"serve", "--port", port}), 1, {port, "in use", "--port"});
  expect_refusal(run({"serve", "--port", "0", "--host", "192.0.2.1"}), 1, {"192.0.2.1", "--host"});
  expect_refusal(run({"serve", "--port", "0", "--host", "no.such.host.invalid"}), 1,
                 {"no.such.host.invalid", "does not resolve"});
}

TEST_P(CommandLine, RefusesAPortThatItMayNotHave) {
  ChildOptions options = command({"serve", "--port", "1"});
  if (::geteuid() == 0) {  // root without the capability that it takes (capabilities(7))
    const std::vector<std::string> less{"/usr/bin/setpriv", "--bounding-set=-net_bind_service"};
    options.command.insert(options.command.begin(), less.begin(), less.end());
  }
  expect_refusal(outcome_of(options), 1, {"127.0.0.1:1", "permission", "--port"});
}

TEST_P(CommandLine, SaysThatStandardOutputIsClosed) {
  for (const char* const what : {"serve", "demo"}) {
    ChildOptions options = command({what});
    if (what == std::string{"serve"})
      options.command.insert(options.command.end(), {"--port", "0"});
    options.close_standard_output = true;
    expect_refusal(outcome_of(options), 1, {"standard output is closed"});
  }
}

TEST_P(CommandLine, SaysThatStandardOutputTakesNothing) {
  ChildOptions options{.command = {"/bin/sh", "-c", "exec \"$0\" serve --port 0 > /dev/full",
                                   std::string{UNBLOCK_PROGRAMS} + "/" + GetParam()}};
  expect_refusal(outcome_of(options), 1, {"standard output cannot be written"});
}

TEST_P(CommandLine, SaysThatThereAreTooFewDescriptors) {
  ChildOptions options = command({"serve", "--port", "0"});
  options.limits = {{RLIMIT_NOFILE, 5}};
  expect_refusal(outcome_of(options), 1, {"Too many open files", "ulimit -n"});
}

std::vector<std::string> lessons() {
  std::vector<std::string> names;
  std::istringstream list{UNBLOCK_LESSONS};
  for (std::string name; std::getline(list, name, ',');) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Lesson, CommandLine, testing::ValuesIn(lessons()),
                         [](const auto& lesson) { return lesson.param; });

}  // namespace
}  // namespace unblock
