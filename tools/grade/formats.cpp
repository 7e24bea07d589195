#include "tools/grade/formats.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/grade/submission.hpp"

namespace unblock::grade {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using Outcome = CheckResult::Outcome;

std::string dumped(const ordered_json& value, int indent) {
  return value.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

std::string to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::passed:
      return "passed";
    case Outcome::failed:
      return "failed";
    case Outcome::skipped:
      return "skipped";
  }
  return "failed";
}

ordered_json check_json(const CheckResult& check) {
  ordered_json value{{"name", check.spec.name},     {"outcome", to_string(check.outcome)},
                     {"points", check.points()},    {"of", check.spec.points},
                     {"hidden", check.spec.hidden}, {"seconds", check.seconds}};
  if (check.outcome == Outcome::skipped) value["why"] = check.skipped;
  if (check.outcome != Outcome::failed || check.complaint.what.empty()) return value;
  const Complaint& complaint = check.complaint;
  value["kind"] = complaint.kind;
  value["what"] = complaint.what;
  value["expected"] = complaint.expected;
  value["came"] = complaint.came;
  value["at"] = complaint.report;
  value["story"] = complaint.story;
  value["cause"] = complaint.cause;
  value["section"] = check.spec.section;
  value["seed"] = check.seed;
  return value;
}

// The five characters that XML keeps for itself.
std::string xml(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&apos;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string problem_text(const ExerciseResult& result) {
  return fmt::format("{}\n{}", result.problem, fmt::join(result.messages, "\n"));
}

std::string junit_case(const ExerciseResult& result, const CheckResult& check) {
  const auto dot = check.spec.name.find('.');
  std::string text = fmt::format(R"(    <testcase classname="{}.{}" name="{}" time="{:.3f}")",
                                 xml(result.exercise), xml(check.spec.name.substr(0, dot)),
                                 xml(check.spec.name.substr(dot + 1)), check.seconds);
  if (!result.problem.empty()) {
    return text + fmt::format(
                      ">\n      <error type=\"not built\" message=\"{}\">{}</error>\n"
                      "    </testcase>\n",
                      xml(result.problem), xml(problem_text(result)));
  }
  switch (check.outcome) {
    case Outcome::passed:
      return text + "/>\n";
    case Outcome::skipped:
      return text + fmt::format(">\n      <skipped message=\"{}\"/>\n    </testcase>\n",
                                xml(check.skipped));
    case Outcome::failed:
      break;
  }
  return text + fmt::format(
                    ">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n"
                    "    </testcase>\n",
                    xml(check.complaint.kind), xml(check.complaint.what),
                    xml(plain_text(result, check)));
}

std::size_t count(const ExerciseResult& result, Outcome outcome) {
  std::size_t number = 0;
  for (const CheckResult& check : result.checks) number += check.outcome == outcome ? 1 : 0;
  return number;
}

std::string junit_suite(const ExerciseResult& result) {
  const bool built = result.problem.empty();
  std::string text = fmt::format(
      "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" "
      "time=\"{:.3f}\">\n    <properties>\n      <property name=\"points\" value=\"{}\"/>\n"
      "      <property name=\"possible\" value=\"{}\"/>\n    </properties>\n",
      xml(result.exercise), result.checks.size(), built ? count(result, Outcome::failed) : 0,
      built ? 0 : result.checks.size(), count(result, Outcome::skipped), result.seconds,
      result.points(), result.possible());
  for (const CheckResult& check : result.checks) text += junit_case(result, check);
  return text + "  </testsuite>\n";
}

}  // namespace

std::string plain_text(const ExerciseResult& result, const CheckResult& check) {
  if (!result.problem.empty()) return problem_text(result);
  if (check.outcome == Outcome::skipped) return "not checked here: " + check.skipped;
  if (check.outcome == Outcome::passed) return {};
  const Complaint& complaint = check.complaint;
  std::string text = complaint.what + "\n";
  const auto add = [&](const char* label, const std::string& value) {
    if (!value.empty()) text += fmt::format("{:<11}{}\n", label, value);
  };
  add("at", complaint.report);
  add("expected", complaint.expected);
  add("came back", complaint.came);
  for (const std::string& line : complaint.story) add("before it", line);
  add("likely", complaint.cause);
  add("read on", fmt::format("{}, \"{}\"", result.readme, check.spec.section));
  return text;
}

std::string to_json(const std::vector<ExerciseResult>& results) {
  ordered_json exercises = ordered_json::array();
  int points = 0;
  int possible = 0;
  for (const ExerciseResult& result : results) {
    ordered_json checks = ordered_json::array();
    for (const CheckResult& check : result.checks) checks.push_back(check_json(check));
    exercises.push_back({{"exercise", result.exercise},
                         {"title", result.title},
                         {"points", result.points()},
                         {"possible", result.possible()},
                         {"problem", result.problem},
                         {"messages", result.messages},
                         {"not_enforced", result.not_enforced},
                         {"seconds", result.seconds},
                         {"checks", checks}});
    points += result.points();
    possible += result.possible();
  }
  return dumped(
             {{"version", 1}, {"points", points}, {"possible", possible}, {"exercises", exercises}},
             2) +
         "\n";
}

std::string to_junit(const std::vector<ExerciseResult>& results) {
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"unblock\">\n";
  for (const ExerciseResult& result : results) text += junit_suite(result);
  return text + "</testsuites>\n";
}

std::string to_gradescope(const std::vector<ExerciseResult>& results) {
  ordered_json tests = ordered_json::array();
  std::string output;
  double seconds = 0;
  for (const ExerciseResult& result : results) {
    seconds += result.seconds;
    if (!result.problem.empty()) output += result.exercise + ": " + problem_text(result) + "\n";
    for (const CheckResult& check : result.checks) {
      if (check.outcome == Outcome::skipped) continue;
      const bool passed = check.outcome == Outcome::passed;
      tests.push_back({{"score", check.points()},
                       {"max_score", check.spec.points},
                       {"status", passed ? "passed" : "failed"},
                       {"name", result.exercise + " " + check.spec.name},
                       {"output", plain_text(result, check)},
                       {"output_format", "text"},
                       {"visibility", check.spec.hidden ? "after_published" : "visible"}});
    }
  }
  ordered_json value{{"execution_time", seconds}, {"stdout_visibility", "hidden"}};
  if (!output.empty()) value["output"] = output;
  value["tests"] = tests;
  return dumped(value, 2) + "\n";
}

std::string to_classroom(const std::vector<ExerciseResult>& results) {
  ordered_json tests = ordered_json::array();
  int possible = 0;
  bool all_passed = true;
  for (const ExerciseResult& result : results) {
    possible += result.possible();
    for (const CheckResult& check : result.checks) {
      if (check.outcome == Outcome::skipped) continue;
      const bool passed = check.outcome == Outcome::passed;
      all_passed = all_passed && passed;
      tests.push_back({{"name", result.exercise + " " + check.spec.name},
                       {"status", passed ? "pass" : "fail"},
                       {"score", check.points()},
                       {"message", plain_text(result, check)},
                       {"test_code", check.spec.name},
                       {"filename", result.file},
                       {"line_no", 0},
                       {"execution_time", fmt::format("{:.2f}s", check.seconds)}});
    }
  }
  const ordered_json value{{"version", 1},
                           {"status", all_passed ? "pass" : "fail"},
                           {"max_score", possible},
                           {"tests", tests}};
  return "result=" + base64(dumped(value, -1)) + "\n";
}

std::string base64(const std::string& bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t three = 0;
    const std::size_t present = std::min<std::size_t>(3, bytes.size() - at);
    for (std::size_t i = 0; i < 3; ++i) {
      three <<= 8U;
      if (i < present) three |= static_cast<unsigned char>(bytes[at + i]);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= present ? digits[(three >> (18 - 6 * i)) & 63U] : '=';
    }
  }
  return text;
}

}  // namespace unblock::grade
