#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/core.h>

namespace unblock {

/// What an experiment says about the statement that it tests.
enum class Verdict {
  holds,
  holds_with_condition,
  fails,
  not_shown,  ///< this machine lacks what it takes; the conclusion says what
};

/// "holds", "holds, with a condition", "fails", "not shown here".
std::string to_string(Verdict verdict);

/// The outcome of an experiment: a verdict computed from what was observed, a sentence for people,
/// and the observations by name, for tests and for --json.
struct Finding {
  using Value = std::variant<bool, std::int64_t, double, std::string>;

  Verdict verdict = Verdict::not_shown;
  std::string conclusion;
  std::vector<std::pair<std::string, Value>> facts;

  /// One observation; throws std::out_of_range where there is none of that name, and
  /// std::bad_variant_access where it is of another type. number() takes both kinds of number.
  [[nodiscard]] bool flag(const std::string& name) const;
  [[nodiscard]] double number(const std::string& name) const;
  [[nodiscard]] const std::string& text(const std::string& name) const;
};

/// Prints an experiment's transcript as it happens: numbered steps, tables, plain remarks. Every
/// line is flushed, so that it stands before whatever the next system call does. Throws UserError
/// where the output cannot be written. One thread at a time.
class Narrator {
 public:
  /// Prints to `out`, which stays the caller's; nullptr prints nothing.
  explicit Narrator(std::FILE* out) noexcept : out_{out} {}

  /// A numbered step: what is done, or what was seen. Present tense, one line.
  template <typename... Args>
  void step(fmt::format_string<Args...> text, Args&&... args) {
    numbered(fmt::format(text, std::forward<Args>(args)...));
  }

  /// A remark below the step before it.
  template <typename... Args>
  void note(fmt::format_string<Args...> text, Args&&... args) {
    indented(fmt::format(text, std::forward<Args>(args)...));
  }

  /// A table: the first row holds the headings. Columns are aligned, numbers to the right.
  void table(const std::vector<std::vector<std::string>>& rows);

  /// Text, broken into lines of at most 80 columns; those after the first are indented.
  void paragraph(const std::string& text, std::size_t indent = 0);

  /// One line as it is, and the end of it.
  void line(const std::string& text);

  [[nodiscard]] bool colour() const noexcept;

 private:
  void numbered(const std::string& text);
  void indented(const std::string& text);

  std::FILE* out_;
  int steps_ = 0;
};

/// One thing a lecture states, and the function that puts it to the test.
struct Experiment {
  std::string name;        ///< on the command line: lower case, with hyphens
  std::string statements;  ///< the ids in the syllabus: "N1", "N8 N9"
  std::string claim;       ///< the statement, in one sentence
  std::function<Finding(Narrator&)> run;
};

}  // namespace unblock
