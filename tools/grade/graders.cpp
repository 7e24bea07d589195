#include "tools/grade/graders.hpp"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include <fmt/format.h>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "tools/grade/grade.hpp"
#include "tools/grade/read_file.hpp"

namespace unblock::grade {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t fewest_wrong = 8;
constexpr std::size_t fewest_hints = 3;

std::vector<fs::path> wrong_files(const Exercise& exercise) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator{exercise.instructor_folder / "wrong", none}) {
    if (entry.path().extension() == ".cpp") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// "Suite.Test" for each test of a GoogleTest program.
std::set<std::string> tests_in(const fs::path& program) {
  ChildProcess child{{.command = {program, "--gtest_list_tests"}}};
  std::set<std::string> tests;
  std::string suite;
  while (const auto line = child.read_line()) {
    if (line->empty()) continue;
    const std::string name = line->substr(line->find_first_not_of(' '));
    if (line->front() != ' ') {
      suite = name;
    } else {
      tests.insert(suite + name);
    }
  }
  return tests;
}

// Something for every CPU to do.
class Load {
 public:
  explicit Load(bool wanted) {
    if (!wanted) return;
    for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) {
      threads_.emplace_back([this] {
        while (!stop_) turns_.fetch_add(1, std::memory_order_relaxed);
      });
    }
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() { stop_ = true; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> turns_{0};
  std::vector<std::jthread> threads_;
};

// What a failed check says, in one line; its seed repeats it.
std::string told(const CheckResult& check) {
  const Complaint& complaint = check.complaint;
  std::string line = fmt::format("{} ({}, seed {}): {}", check.spec.name, complaint.kind,
                                 check.seed, complaint.what);
  if (!complaint.expected.empty()) line += "; expected: " + complaint.expected;
  if (!complaint.came.empty()) line += "; came: " + complaint.came;
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

TrialResult try_file(const Exercise& exercise, const fs::path& file,
                     const std::set<std::string>& should_lose, std::size_t repeat,
                     std::size_t jobs) {
  TrialResult trial{.file = file.lexically_relative(exercise.instructor_folder),
                    .should_lose = should_lose,
                    .points = exercise.points()};
  const TemporaryFolder folder;
  const BuiltSubject subject = build_subject(exercise, read_file(file), folder.path());
  trial.problem = subject.problem;
  int should_have = 0;
  for (std::size_t run = 0; run < repeat && subject.problem.empty(); ++run) {
    const ExerciseResult result = grade_built(exercise, subject, {.jobs = jobs});
    trial.points = std::min(trial.points, result.points());
    trial.possible = result.possible();
    trial.seconds = std::max(trial.seconds, result.seconds);
    should_have = trial.possible;
    for (const CheckResult& check : result.checks) {
      if (check.outcome == CheckResult::Outcome::failed) {
        const bool is_new = trial.lost.insert(check.spec.name).second;
        if (is_new && !should_lose.contains(check.spec.name)) {
          trial.surprises.push_back(told(check));
        }
      }
      const bool counts = check.outcome != CheckResult::Outcome::skipped;
      if (counts && should_lose.contains(check.spec.name)) should_have -= check.spec.points;
      // A check that cannot run here takes nothing from anybody.
      if (!counts) trial.should_lose.erase(check.spec.name);
    }
  }
  trial.as_it_should_be =
      trial.problem.empty() && trial.lost == trial.should_lose && trial.points == should_have;
  return trial;
}

void compare_checks(const Exercise& exercise, std::vector<std::string>& mistakes) {
  const std::set<std::string> tests = tests_in(checks_of(exercise));
  const auto titles = headings(exercise.folder / "README.md");
  std::set<std::string> known;
  for (const CheckSpec& check : exercise.checks) {
    known.insert(check.name);
    if (!tests.contains(check.name)) {
      mistakes.push_back(fmt::format("{} has points, and no test of that name", check.name));
    }
    if (check.points == 0) mistakes.push_back(check.name + " is worth nothing");
    if (std::find(titles.begin(), titles.end(), check.section) == titles.end()) {
      mistakes.push_back(fmt::format("{} names the section '{}', which README.md has not",
                                     check.name, check.section));
    }
  }
  for (const std::string& test : tests) {
    if (!known.contains(test)) mistakes.push_back(test + " is worth no points");
  }
}

}  // namespace

std::set<std::string> stated_losses(const fs::path& file) {
  std::ifstream in{file};
  std::string list;
  bool within = false;
  for (std::string line; std::getline(in, line) && line.starts_with("//");) {
    constexpr std::string_view start = "// Loses:";
    if (line.starts_with(start)) within = true;
    if (within) list += line.substr(line.starts_with(start) ? start.size() : 2);
  }
  std::set<std::string> names;
  std::istringstream words{list};
  for (std::string word; words >> word;) {
    if (word.ends_with(',')) word.pop_back();
    names.insert(word);
  }
  if (names.empty()) {
    throw UserError{
        fmt::format("{} does not begin with `// Mistake: ...` and `// Loses: ...`", file.string())};
  }
  return names;
}

std::vector<std::string> mistakes_in(const Exercise& exercise) {
  std::vector<std::string> mistakes;
  compare_checks(exercise, mistakes);
  const bool empty_hint = std::any_of(exercise.hints.begin(), exercise.hints.end(),
                                      [](const std::string& hint) { return hint.empty(); });
  if (exercise.hints.size() < fewest_hints || empty_hint) {
    mistakes.push_back(fmt::format("fewer than {} hints, or an empty one", fewest_hints));
  }
  for (const char* const name : {"solution.cpp", "second_solution.cpp"}) {
    if (!fs::exists(exercise.instructor_folder / name)) {
      mistakes.push_back(std::string{name} + " is missing");
    }
  }
  const auto wrong = wrong_files(exercise);
  if (wrong.size() < fewest_wrong) {
    mistakes.push_back(
        fmt::format("{} wrong submissions are fewer than {}", wrong.size(), fewest_wrong));
  }
  for (const fs::path& file : wrong) {
    for (const std::string& name : stated_losses(file)) {
      const bool known = std::any_of(exercise.checks.begin(), exercise.checks.end(),
                                     [&](const CheckSpec& check) { return check.name == name; });
      if (!known) {
        mistakes.push_back(
            fmt::format("{} loses {}, which is no check", file.filename().string(), name));
      }
    }
  }
  const ExerciseResult starter = grade_folder(exercise, exercise.folder, {});
  if (!starter.problem.empty()) mistakes.emplace_back("the starter: " + starter.problem);
  if (starter.full_marks()) mistakes.emplace_back("the starter has full marks");
  return mistakes;
}

std::vector<TrialResult> try_graders(const Exercise& exercise, const GradersOptions& options,
                                     const std::function<void(const TrialResult&)>& tell) {
  const Load load{options.busy};
  std::vector<TrialResult> results;
  const auto add = [&](TrialResult result) {
    tell(result);
    results.push_back(std::move(result));
  };
  for (const char* const name : {"solution.cpp", "second_solution.cpp"}) {
    const fs::path file = exercise.instructor_folder / name;
    if (fs::exists(file)) add(try_file(exercise, file, {}, options.repeat, options.jobs));
  }
  for (const fs::path& file : wrong_files(exercise)) {
    add(try_file(exercise, file, stated_losses(file), 1, options.jobs));
  }
  return results;
}

}  // namespace unblock::grade
