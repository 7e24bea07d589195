#include "tools/grade/terminal.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace unblock::grade {
namespace {

constexpr std::size_t told_steps = 8;
constexpr std::size_t width = 98;

class Page {
 public:
  explicit Page(bool colour) : colour_{colour} {}

  void line(std::string text = {}) { lines_.push_back(std::move(text)); }
  // Text broken at spaces, `indent` columns from the left; the first line begins with `label`.
  void paragraph(std::size_t indent, const std::string& label, const std::string& text) {
    std::string current = std::string(indent, ' ') + label;
    const std::size_t start = current.size();
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find(' ', at), text.size());
      const std::string word = text.substr(at, end - at);
      if (current.size() > start && current.size() + 1 + word.size() > width) {
        line(current);
        current = std::string(start, ' ');
      }
      if (current.size() > start) current += ' ';
      current += word;
      at = end + 1;
    }
    line(current);
  }
  [[nodiscard]] std::string green(const std::string& text) const { return paint("32", text); }
  [[nodiscard]] std::string red(const std::string& text) const { return paint("31", text); }
  [[nodiscard]] std::string bold(const std::string& text) const { return paint("1", text); }

  std::vector<std::string> take() { return std::move(lines_); }

 private:
  [[nodiscard]] std::string paint(const char* code, const std::string& text) const {
    return colour_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
  }

  bool colour_;
  std::vector<std::string> lines_;
};

constexpr std::size_t detail = 9;  // where the text below a check's name begins

void tell_complaint(Page& page, const ExerciseResult& result, const CheckResult& check) {
  const Complaint& complaint = check.complaint;
  const std::string kind = complaint.kind == "wrong" || complaint.kind == "check"
                               ? ""
                               : fmt::format("[{}] ", complaint.kind);
  page.paragraph(detail, kind, complaint.what);
  if (!complaint.report.empty()) page.paragraph(detail, "at         ", complaint.report);
  if (!complaint.expected.empty()) page.paragraph(detail, "expected   ", complaint.expected);
  if (!complaint.came.empty()) page.paragraph(detail, "came back  ", complaint.came);
  if (!complaint.story.empty()) {
    const std::size_t first =
        complaint.story.size() > told_steps ? complaint.story.size() - told_steps : 0;
    for (std::size_t i = first; i < complaint.story.size(); ++i) {
      page.paragraph(detail, i == first ? "before it  " : "           ", complaint.story[i]);
    }
  }
  if (!complaint.cause.empty()) page.paragraph(detail, "likely     ", complaint.cause);
  page.paragraph(detail, "read on    ",
                 fmt::format("{}, \"{}\"", result.readme, check.spec.section));
}

void tell_check(Page& page, const ExerciseResult& result, const CheckResult& check) {
  const std::string name = check.spec.name + (check.spec.hidden ? "  (the instructor's)" : "");
  switch (check.outcome) {
    case CheckResult::Outcome::passed:
      page.line(fmt::format("  {}  {:>2} of {:<2}  {}", page.green("ok  "), check.spec.points,
                            check.spec.points, name));
      break;
    case CheckResult::Outcome::skipped:
      page.line(fmt::format("  --    not here  {}: {}", name, check.skipped));
      break;
    case CheckResult::Outcome::failed:
      page.line(fmt::format("  {}   0 of {:<2}  {}", page.red("FAIL"), check.spec.points,
                            page.bold(name)));
      tell_complaint(page, result, check);
      break;
  }
}

}  // namespace

std::string points_text(int points, int possible) {
  return fmt::format("{} of {} point{}", points, possible, possible == 1 ? "" : "s");
}

std::vector<std::string> terminal_lines(const ExerciseResult& result, bool colour) {
  Page page{colour};
  page.line(page.bold(fmt::format("{}  {}", result.exercise, result.title)));
  if (!result.problem.empty()) {
    page.line("  " + page.red(result.problem));
    for (const std::string& line : result.messages) page.line("    " + line);
  } else {
    for (const CheckResult& check : result.checks) tell_check(page, result, check);
  }
  const std::string total = points_text(result.points(), result.possible());
  page.line(fmt::format("  {}  ({:.1f} s)",
                        result.full_marks() ? page.green(total) : page.bold(total),
                        result.seconds));
  if (result.points_elsewhere > 0) {
    page.line(
        fmt::format("  {} more points are for your instructor's checks.", result.points_elsewhere));
  }
  return page.take();
}

std::vector<std::string> not_enforced_lines(const std::vector<ExerciseResult>& results) {
  std::set<std::string> notes;
  for (const ExerciseResult& result : results) {
    notes.insert(result.not_enforced.begin(), result.not_enforced.end());
  }
  if (notes.empty()) return {};
  Page page{false};
  page.paragraph(
      0, "",
      fmt::format("This machine does not let the sandbox bound {}.", fmt::join(notes, "; ")));
  return page.take();
}

}  // namespace unblock::grade
