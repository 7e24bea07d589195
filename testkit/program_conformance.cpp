#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/ranges.h>

#include "core/child_process.hpp"
#include "core/observe.hpp"
#include "core/tcp.hpp"
#include "testkit/client.hpp"
#include "testkit/conformance.hpp"

namespace unblock {
namespace {

using std::chrono::milliseconds;

ChildOptions serve_command(const ModelUnderTest& model, const std::string& port = "0") {
  ChildOptions options{.command = model.command};
  if (options.command.empty()) {
    options.command = {model.program, "serve", "--model", model.model.name};
  }
  options.command.insert(options.command.end(), {"--port", port});
  if (model.threads != 0) {
    options.command.insert(options.command.end(), {"--threads", std::to_string(model.threads)});
  }
  return options;
}

// The program, once it has said where it listens. Skips the test where it says that it cannot serve
// here.
class Program {
 public:
  explicit Program(const ChildOptions& options) : child_{options} {
    const auto line = child_.read_line(test_deadline);
    if (line) port_ = parse_listening_line(*line).value_or(0);
  }
  [[nodiscard]] bool listens() const { return port_ != 0; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  ChildProcess& child() { return child_; }

 private:
  ChildProcess child_;
  std::uint16_t port_ = 0;
};

// Whether the program's threads sleep, but for a moment now and then.
bool becomes_quiet(pid_t pid) {
  return await([pid] { return awake_share(pid, milliseconds{50}) < 0.5; }, test_deadline);
}

std::size_t count_lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

#define START_OR_SKIP(program, options)                         \
  Program program{options};                                     \
  if (!(program).listens()) {                                   \
    const std::string why = (program).child().read_errors();    \
    ASSERT_EQ(count_lines(why), 1U) << why;                     \
    ASSERT_EQ((program).child().wait(test_deadline), 1) << why; \
    GTEST_SKIP() << why;                                        \
  }                                                             \
  static_assert(true, "a semicolon follows")

TEST_P(ProgramConformance, ServesUntilItIsInterrupted) {
  for (const int signal : {SIGINT, SIGTERM}) {
    START_OR_SKIP(program, serve_command(GetParam()));
    Client client{program.port()};
    client.echo();
    program.child().signal(signal);
    EXPECT_EQ(program.child().wait(test_deadline), 0);
    client.expect_end();
    EXPECT_EQ(program.child().read_errors(), "");
  }
}

TEST_P(ProgramConformance, RefusesAPortInUseInOneLine) {
  START_OR_SKIP(program, serve_command(GetParam()));
  const std::string port = std::to_string(program.port());
  ChildProcess second{serve_command(GetParam(), port)};
  EXPECT_EQ(second.wait(test_deadline), 1);
  const std::string said = second.read_errors();
  EXPECT_EQ(count_lines(said), 1U) << said;
  EXPECT_NE(said.find(port), std::string::npos) << said;
  EXPECT_EQ(second.read_rest(), "");
}

// With a low limit of descriptors, accept fails with EMFILE while clients wait in the queue. The
// server must neither spin nor turn them away, and must serve them as soon as others have left.
TEST_P(SeveralAtOnceProgram, SurvivesRunningOutOfDescriptors) {
  ChildOptions options = serve_command(GetParam());
  options.limits = {{RLIMIT_NOFILE, 40}};
  START_OR_SKIP(program, options);

  std::vector<std::unique_ptr<Client>> waiting;
  const Bytes bytes = pattern(8);
  for (int i = 0; i < 60; ++i) {
    waiting.push_back(std::make_unique<Client>(program.port()));
    waiting.back()->send(bytes);
  }
  int rounds = 0;
  while (!waiting.empty()) {
    ++rounds;
    const auto served = [&] {
      return std::partition(waiting.begin(), waiting.end(),
                            [](const auto& client) { return !client->readable(); });
    };
    ASSERT_TRUE(await([&] { return served() != waiting.end(); }, test_deadline))
        << waiting.size() << " of 60 clients are never served";
    if (GetParam().sleeps_when_idle) {
      ASSERT_TRUE(becomes_quiet(program.child().pid()))
          << "the server spins while its house is full";
    }
    const auto first_served = served();
    for (auto client = first_served; client != waiting.end(); ++client) (*client)->expect(bytes);
    waiting.erase(first_served, waiting.end());  // they leave
  }
  EXPECT_GT(rounds, 1) << "the limit was never reached";
  program.child().signal(SIGINT);
  EXPECT_EQ(program.child().wait(test_deadline), 0);
  EXPECT_EQ(program.child().read_errors(), "");
}

TEST_P(ProgramConformance, NeedsBoundedMemoryForClientsThatNeverRead) {
  START_OR_SKIP(program, serve_command(GetParam()));
  {
    Client first{program.port()};
    first.exchange(pattern(1 << 20));  // so that what every client needs is there
  }
  const std::size_t before = resident_bytes(program.child().pid());
  const Bytes bytes = pattern(1 << 20);
  const int count = GetParam().serves_others_while_one_is_stuck ? 8 : 1;
  std::vector<Client> stuck;
  std::vector<std::size_t> sent(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) stuck.emplace_back(program.port());
  const auto push = [&] {
    std::size_t put = 0;
    for (std::size_t i = 0; i < stuck.size(); ++i) {
      if (sent[i] >= (std::size_t{64} << 20U)) continue;
      const std::size_t more = stuck[i].send_some(bytes);
      sent[i] += more;
      put += more;
    }
    return put > 0;
  };
  while (await(push, milliseconds{300})) {
  }
  const std::size_t after = resident_bytes(program.child().pid());
  EXPECT_LT(after, before + (std::size_t{16} << 20U))
      << count << " clients that never read sent " << fmt::format("{}", fmt::join(sent, " "))
      << " bytes";
}

TEST_P(SleepingProgram, SleepsWhenThereIsNothingToDo) {
  START_OR_SKIP(program, serve_command(GetParam()));
  std::vector<Client> idle;
  for (int i = 0; i < 20; ++i) idle.emplace_back(program.port());
  idle.front().echo();
  EXPECT_TRUE(becomes_quiet(program.child().pid()));
}

}  // namespace unblock
