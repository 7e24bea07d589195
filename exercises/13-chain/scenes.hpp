#pragma once

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "exercises/kit/subject.hpp"

/// What the checks of this exercise have in common.
namespace unblock::kit {

/// A stage of subject.cpp: what it does, and its argument.
using StageSpec = std::pair<std::string, std::string>;

/// The chains of a subject. Each order stands in the story.
class Chains {
 public:
  explicit Chains(const SubjectOptions& options = {}) : subject_{options} {}

  Subject& subject() { return subject_; }

  /// What the last of them comes to: "done", "wrong type", "used up".
  std::string then(const std::string& name, const std::vector<StageSpec>& stages) {
    std::vector<std::string> kinds;
    std::vector<std::string> arguments;
    std::vector<std::string> shown;
    for (const auto& [kind, argument] : stages) {
      kinds.push_back(kind);
      arguments.push_back(argument);
      if (shown.size() == most_shown) continue;
      shown.push_back(argument.empty() ? kind : fmt::format("{} {}", kind, argument));
    }
    step("to chain {} it adds {} stages: {}", name, stages.size(), fmt::join(shown, ", "));
    return subject_.call<std::string>("then", name, kinds, arguments);
  }
  std::string append(const std::string& name, const std::string& other) {
    step("to chain {} it adds chain {}", name, other);
    return subject_.call<std::string>("append", name, other);
  }

  void run(const std::string& name, int given, const std::vector<std::size_t>& pauses = {}) {
    run(name, "int", std::to_string(given), pauses);
  }
  void run(const std::string& name, const std::string& type, const std::string& text,
           const std::vector<std::size_t>& pauses = {}) {
    order_ = fmt::format("run() of chain {}", name);
    step("it runs chain {} with the {} {}, to suspend before [{}]", name, type, text,
         fmt::join(pauses, ", "));
    told_ = subject_.call<Told>("run", name, type, text, pauses);
  }
  void resume(const std::string& name, const std::vector<std::size_t>& pauses = {}) {
    step("it resumes chain {}, to suspend before [{}]", name, fmt::join(pauses, ", "));
    resume(name, "resume", pauses);
  }
  void resume_on_another_thread(const std::string& name) {
    step("it resumes chain {} on another thread", name);
    resume(name, "resume_on_another_thread", {});
  }
  void drop(const std::string& name) {
    step("it destroys chain {}", name);
    subject_.call("drop", name);
  }

  // How the last run() or resume() ended.
  void expect_finished(const std::string& value) { expect_told("finished", 0, value); }
  void expect_suspended(std::size_t next_stage, const std::string& value) {
    expect_told("suspended", next_stage, value);
  }
  void expect_told(const std::string& how) { expect_told(how, 0, ""); }

  /// How what has been noted since the last look begins.
  void expect_events(const std::vector<std::string>& expected) {
    auto all = events();
    all.resize(std::min(all.size(), expected.size()));
    expect_equal_lists(all, expected);
  }
  void expect_stages_run(const std::vector<std::string>& expected) {
    auto all = events();
    std::erase_if(all, [](const std::string& event) {
      return event.starts_with("asked ") || event.starts_with("destroyed ") || event == "caught";
    });
    expect_equal_lists(all, expected);
  }
  void expect_asked(const std::vector<std::string>& expected) {
    auto all = events();
    std::erase_if(all, [](const std::string& event) { return !event.starts_with("asked "); });
    expect_equal_lists(all, expected);
  }
  void expect_asked_among_others(const std::vector<std::string>& expected) {
    const auto all = events();
    for (const std::string& question : expected) {
      expect(std::find(all.begin(), all.end(), question) != all.end(), "pause was not " + question);
    }
  }
  void expect_not_run(const std::string& stage) {
    const auto all = events();
    expect(std::find(all.begin(), all.end(), stage) == all.end(),
           "a stage has run that should not have: " + stage);
  }
  std::vector<std::string> events() { return subject_.call<std::vector<std::string>>("events"); }

 private:
  using Told = std::tuple<std::string, std::size_t, std::string>;
  static constexpr std::size_t most_shown = 8;

  void resume(const std::string& name, const char* command,
              const std::vector<std::size_t>& pauses) {
    order_ = fmt::format("resume() of chain {}", name);
    told_ = subject_.call<Told>(command, name, pauses);
  }

  void expect_told(const std::string& how, std::size_t next_stage, const std::string& value) {
    const auto& [its_how, its_next, its_value] = told_;
    expect_text("how " + order_ + " ended", its_how, how);
    expect_equal("the next stage of the suspended chain", its_next, next_stage);
    expect_text("the value after " + order_, its_value, value);
  }
  static void expect_text(const std::string& what, const std::string& came,
                          const std::string& expected) {
    if (came != expected) fail({.what = what, .expected = expected, .came = came});
  }
  static void expect_equal_lists(const std::vector<std::string>& came,
                                 const std::vector<std::string>& expected) {
    if (came == expected) return;
    fail({.what = "what happened is not what should have happened",
          .expected = fmt::format("{}", fmt::join(expected, ", ")),
          .came = came.empty() ? "nothing" : fmt::format("{}", fmt::join(came, ", "))});
  }

  Subject subject_;
  std::string order_;
  Told told_;
};

}  // namespace unblock::kit
