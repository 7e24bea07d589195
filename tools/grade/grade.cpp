#include "tools/grade/grade.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include <fmt/format.h>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "tools/grade/submission.hpp"

namespace unblock::grade {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using std::chrono::steady_clock;

// The checks find by themselves that there is nothing to wait for; this is for a check that is
// wrong.
constexpr std::chrono::seconds check_deadline{240};
constexpr rlim_t check_cpu_s = 120;

double seconds_since(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

std::string text(const json& object, const char* key) {
  return object.contains(key) ? printable(object.at(key).get<std::string>()) : "";
}

Complaint complaint_in(const json& failure) {
  Complaint complaint{.kind = text(failure, "kind"),
                      .what = text(failure, "what"),
                      .expected = text(failure, "expected"),
                      .came = text(failure, "came"),
                      .cause = text(failure, "cause"),
                      .report = text(failure, "report")};
  complaint.at_start = failure.value("at_start", false);
  if (complaint.kind.empty()) complaint.kind = "wrong";
  if (failure.contains("story")) {
    for (const json& line : failure.at("story")) {
      complaint.story.push_back(printable(line.get<std::string>()));
    }
  }
  return complaint;
}

// What one check needs to be told.
struct CheckProgram {
  fs::path program;
  std::vector<std::string> flags;
};

CheckProgram check_program(const Exercise& exercise, const BuiltSubject& subject,
                           const GradeOptions& options) {
  const kit::Limits& limits = exercise.limits;
  CheckProgram program{
      .program = checks_of(exercise),
      .flags = {
          "--subject=" + subject.address.string(), "--threads-subject=" + subject.thread.string(),
          "--sandbox=" + sandbox_program().string(), "--student-file=" + exercise.file,
          fmt::format("--cpu-s={}", limits.cpu_s), fmt::format("--memory-mb={}", limits.memory_mb),
          fmt::format("--processes={}", limits.processes),
          fmt::format("--descriptors={}", limits.descriptors),
          fmt::format("--io-uring={}", exercise.io_uring ? "yes" : "no"), "--report-on-stdout"}};
  for (const std::string& call : exercise.denied_calls) program.flags.push_back("--deny=" + call);
  if (options.seed) program.flags.push_back(fmt::format("--seed={}", *options.seed));
  return program;
}

// Runs one check in a process of its own, and believes only what it says on a pipe that no one else
// has.
CheckResult run_check(const CheckProgram& program, const CheckSpec& spec,
                      std::vector<std::string>& not_enforced) {
  CheckResult result{.spec = spec};
  const auto start = steady_clock::now();
  ChildOptions options{.command = {program.program, "--gtest_filter=" + spec.name},
                       .limits = {{RLIMIT_CPU, check_cpu_s}, {RLIMIT_CORE, 0}}};
  options.command.insert(options.command.end(), program.flags.begin(), program.flags.end());
  ChildProcess child{options};
  const auto line = child.read_line(check_deadline);
  result.seconds = seconds_since(start);
  const json said = line ? json::parse(*line, nullptr, false) : json{};
  if (!said.is_object() || text(said, "check") != spec.name) {
    const auto status = child.wait(std::chrono::seconds{1});
    child.signal(SIGKILL);
    result.complaint = {
        .kind = "check",
        .what = "the check itself gave no result; this is no fault of yours",
        .came = fmt::format("{}; {}",
                            status ? fmt::format("exit status {}", *status) : "it does not end",
                            printable(child.read_errors().substr(0, 500)))};
    return result;
  }
  child.wait(check_deadline);
  result.seed = said.value("seed", std::uint64_t{0});
  for (const json& note : said.at("not_enforced")) not_enforced.push_back(note);
  if (said.value("skipped", false)) {
    result.outcome = CheckResult::Outcome::skipped;
    result.skipped = text(said, "why");
  } else if (said.value("passed", false)) {
    result.outcome = CheckResult::Outcome::passed;
  } else if (said.contains("failure")) {
    result.complaint = complaint_in(said.at("failure"));
  }
  // What a check is about explains nothing about a program that does not begin.
  if (result.complaint.cause.empty() && !result.complaint.at_start) {
    result.complaint.cause = spec.cause;
  }
  return result;
}

void run_checks(const Exercise& exercise, const BuiltSubject& subject, const GradeOptions& options,
                ExerciseResult& result) {
  const CheckProgram program = check_program(exercise, subject, options);
  std::vector<std::vector<std::string>> notes(result.checks.size());
  std::vector<std::exception_ptr> errors(result.checks.size());
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::optional<Complaint> did_not_begin;
  const auto look = [&](std::size_t at) {
    {
      const std::lock_guard lock{mutex};
      if (did_not_begin) result.checks[at].complaint = *did_not_begin;
      if (did_not_begin) return;
    }
    result.checks[at] = run_check(program, result.checks[at].spec, notes[at]);
    const std::lock_guard lock{mutex};
    if (result.checks[at].complaint.at_start) did_not_begin = result.checks[at].complaint;
  };
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < std::max<std::size_t>(options.jobs, 1); ++i) {
      workers.emplace_back([&] {
        for (std::size_t at = next++; at < result.checks.size(); at = next++) {
          try {
            look(at);
          } catch (...) {
            errors[at] = std::current_exception();
          }
        }
      });
    }
  }
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  for (const auto& some : notes) {
    result.not_enforced.insert(result.not_enforced.end(), some.begin(), some.end());
  }
}

}  // namespace

int ExerciseResult::points() const {
  return std::accumulate(checks.begin(), checks.end(), 0,
                         [](int sum, const CheckResult& check) { return sum + check.points(); });
}

int ExerciseResult::possible() const {
  return std::accumulate(checks.begin(), checks.end(), 0, [](int sum, const CheckResult& check) {
    return sum + (check.outcome == CheckResult::Outcome::skipped ? 0 : check.spec.points);
  });
}

namespace {

ExerciseResult empty_result(const Exercise& exercise, const GradeOptions& options) {
  ExerciseResult result{.exercise = exercise.name,
                        .title = exercise.title,
                        .file = exercise.file,
                        .readme = "exercises/" + exercise.name + "/README.md"};
  result.points_elsewhere = exercise.hidden_points;
  for (const CheckSpec& spec : exercise.checks) {
    if (spec.hidden && !options.hidden) continue;
    if (spec.hidden) result.points_elsewhere -= spec.points;
    result.checks.push_back({.spec = spec});
  }
  return result;
}

}  // namespace

ExerciseResult grade_built(const Exercise& exercise, const BuiltSubject& subject,
                           const GradeOptions& options) {
  const auto start = steady_clock::now();
  ExerciseResult result = empty_result(exercise, options);
  result.problem = subject.problem;
  result.messages = subject.messages;
  result.not_enforced = subject.not_enforced;
  if (result.problem.empty()) run_checks(exercise, subject, options, result);
  std::sort(result.not_enforced.begin(), result.not_enforced.end());
  result.not_enforced.erase(std::unique(result.not_enforced.begin(), result.not_enforced.end()),
                            result.not_enforced.end());
  result.seconds = seconds_since(start);
  return result;
}

ExerciseResult grade_text(const Exercise& exercise, const std::string& text,
                          const GradeOptions& options) {
  const auto start = steady_clock::now();
  checks_of(exercise);  // throws now rather than after the compiler
  const TemporaryFolder folder;
  ExerciseResult result =
      grade_built(exercise, build_subject(exercise, text, folder.path()), options);
  result.seconds = seconds_since(start);
  return result;
}

ExerciseResult grade_folder(const Exercise& exercise, const fs::path& folder,
                            const GradeOptions& options) {
  std::string text;
  try {
    text = read_submission(exercise, folder);
  } catch (const UserError& error) {
    ExerciseResult result = empty_result(exercise, options);
    result.problem = error.what();
    return result;
  }
  return grade_text(exercise, text, options);
}

}  // namespace unblock::grade
