// The main() of every exercise's checks: a GoogleTest program over the subject that --subject
// names. The grader runs one check at a time and reads what came of it from a pipe that nobody else
// has.

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "exercises/kit/failure.hpp"
#include "exercises/kit/subject.hpp"

namespace unblock::kit {
namespace {

using nlohmann::json;

int result_fd = -1;
json to_json(const Failure& failure) {
  return {
      {"kind", to_string(failure.kind)}, {"at_start", failure.at_start}, {"what", failure.what},
      {"expected", failure.expected},    {"came", failure.came},         {"cause", failure.cause},
      {"report", failure.report},        {"story", failure.story}};
}

// Tells the grader what came of each check: one line of JSON each.
class Recorder : public testing::EmptyTestEventListener {
 public:
  void OnTestStart(const testing::TestInfo& /*test*/) override { forget_story(); }

  void OnTestEnd(const testing::TestInfo& test) override {
    json result{{"check", fmt::format("{}.{}", test.test_suite_name(), test.name())},
                {"passed", test.result()->Passed()},
                {"skipped", test.result()->Skipped()},
                {"seed", seed()},
                {"not_enforced", containment_notes()}};
    for (int i = 0; i < test.result()->total_part_count(); ++i) {
      const auto& part = test.result()->GetTestPartResult(i);
      if (part.skipped()) result["why"] = part.message();
      if (part.failed() && !result.contains("failure")) {
        result["failure"] =
            last_failure() ? to_json(*last_failure()) : json{{"what", part.message()}};
      }
    }
    send(result.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
  }

 private:
  static void send(std::string_view text) {
    while (result_fd >= 0 && !text.empty()) {
      const ssize_t put = ::write(result_fd, text.data(), text.size());
      if (put < 0 && errno != EINTR) std::_Exit(EXIT_FAILURE);  // nobody wants to know any more
      if (put > 0) text.remove_prefix(static_cast<std::size_t>(put));
    }
  }
};

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The grader reads standard output; what GoogleTest and others print is of no use to it.
void report_on_stdout() {
  result_fd = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
  if (std::freopen("/dev/null", "w", stdout) == nullptr) std::_Exit(EXIT_FAILURE);
}

// --name=value; GoogleTest has taken its own away.
void take_flag(std::string_view name, const std::string& value) {
  Settings& known = settings();
  const auto count = static_cast<std::size_t>(number(value));
  if (name == "--subject") known.subject = value;
  if (name == "--threads-subject") known.threads_subject = value;
  if (name == "--sandbox") known.sandbox = value;
  if (name == "--student-file") known.student_file = value;
  if (name == "--cpu-s") known.limits.cpu_s = count;
  if (name == "--memory-mb") known.limits.memory_mb = count;
  if (name == "--processes") known.limits.processes = count;
  if (name == "--descriptors") known.limits.descriptors = count;
  if (name == "--io-uring") known.io_uring = value == "yes";
  if (name == "--deny") known.denied_calls.push_back(value);
  if (name == "--seed") set_seed(number(value));
  if (name == "--report-on-stdout") report_on_stdout();
}

}  // namespace

}  // namespace unblock::kit

int main(int argc, char** argv) {
  using namespace unblock::kit;
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag{argv[i]};
    const auto equals = flag.find('=');
    take_flag(flag.substr(0, equals),
              equals == std::string_view::npos ? "" : std::string{flag.substr(equals + 1)});
  }
  if (settings().sandbox.empty() || settings().subject.empty()) {
    fmt::print(stderr, "These checks need a submission to look at: `unblock grade` runs them.\n");
    if (!testing::GTEST_FLAG(list_tests)) return EXIT_FAILURE;
    return RUN_ALL_TESTS();
  }
  ::signal(SIGPIPE, SIG_IGN);
  note_not_enforced(enter_own_network());
  testing::UnitTest::GetInstance()->listeners().Append(new Recorder);
  // Nobody of the same user reads or writes this process' memory, where the sandbox may not hide
  // it.
  ::prctl(PR_SET_DUMPABLE, 0);
  return RUN_ALL_TESTS();
}
