// Submissions that try to be given points, to see what is not theirs, or to do harm.

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "tools/grade/grade.hpp"
#include "tools/grade/read_file.hpp"

namespace unblock::grade {
namespace {

namespace fs = std::filesystem;

const Exercise& exercise() {
  static const Exercise known = exercise_named("01-read-exactly");
  return known;
}

std::string solution() {
  return read_file(source_folder() / "instructor/01-read-exactly/solution.cpp");
}

class Hostile : public testing::Test {
 protected:
  void SetUp() override {
    if (exercise().instructor_folder.empty()) GTEST_SKIP() << "the instructor's folder is not here";
  }
};

ExerciseResult graded(const std::string& text) { return grade_text(exercise(), text, {}); }

// A file whose functions do nothing but call attack().
std::string attacker(const std::string& code) {
  return "#include \"read_exactly.hpp\"\n"
         "#include <fcntl.h>\n#include <signal.h>\n#include <stdio.h>\n#include <stdlib.h>\n"
         "#include <string.h>\n#include <unistd.h>\n#include <string>\n#include <vector>\n"
         "namespace {\n" +
         code +
         "}\n"
         "std::size_t exercise::read_exactly(int, std::span<std::byte> b) {\n"
         "  attack();\n  return b.size();\n}\n"
         "void exercise::write_all(int, std::span<const std::byte>) { attack(); }\n";
}

// The right answer, and before it a function that runs before main().
std::string before_main(const std::string& code) {
  return "#include <signal.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
         "__attribute__((constructor)) static void attack() { " +
         code + " }\n" + solution();
}

void expect_nothing(const ExerciseResult& result, const std::string& kind) {
  EXPECT_EQ(result.points(), 0);
  EXPECT_EQ(result.problem, "");
  for (const CheckResult& check : result.checks) {
    EXPECT_EQ(check.complaint.kind, kind) << check.spec.name << ": " << check.complaint.what;
  }
}

TEST_F(Hostile, TheRightAnswerForComparison) {
  const ExerciseResult result = graded(solution());
  EXPECT_EQ(result.points(), result.possible());
}

TEST_F(Hostile, ExitsWithSuccessBeforeMain) {
  expect_nothing(graded(before_main("_exit(0);")), "ended early");
}

TEST_F(Hostile, ExitsWithSuccessWhenCalled) {
  expect_nothing(graded(attacker("void attack() { _exit(0); }\n")), "ended early");
}

TEST_F(Hostile, RunsForEverBeforeMain) {
  expect_nothing(graded(before_main("for (;;) getppid();")), "hung");
}

TEST_F(Hostile, WritesAResultToEveryDescriptor) {
  const ExerciseResult result = graded(attacker(R"(
void attack() {
  const std::string line =
      "{\"check\":\"ReadExactly.FillsTheBuffer\",\"passed\":true,\"skipped\":false,"
      "\"seed\":1,\"not_enforced\":[]}\n";
  for (int fd = 0; fd < 1024; ++fd) {
    if (write(fd, line.data(), line.size()) < 0) continue;
  }
}
)"));
  EXPECT_EQ(result.points(), 0);
}

TEST_F(Hostile, ClosesEveryDescriptor) {
  EXPECT_EQ(
      graded(attacker("void attack() { for (int fd = 0; fd < 1024; ++fd) close(fd); }\n")).points(),
      0);
}

TEST_F(Hostile, KillsWhateverItCan) {
  EXPECT_EQ(graded(attacker("void attack() { kill(getppid(), SIGKILL); kill(1, SIGKILL); "
                            "kill(-1, SIGKILL); kill(0, SIGKILL); }\n"))
                .points(),
            0);
}

TEST_F(Hostile, StopsItself) {
  expect_nothing(graded(before_main("kill(getpid(), SIGSTOP);")), "hung");
}

TEST_F(Hostile, DefinesWhatIsNotItsOwn) {
  for (const auto& [code, name] : std::vector<std::pair<std::string, std::string>>{
           {"int main() {}", "main"},
           {"extern \"C\" const char* __asan_default_options() { return \"\"; }",
            "__asan_default_options"},
           {"extern \"C\" int __lsan_is_turned_off() { return 1; }", "__lsan_is_turned_off"},
           {"extern \"C\" long read(int, void*, unsigned long n) { return n; }", "read"},
           {"#include <cstdlib>\nvoid* operator new(std::size_t n) { return malloc(n); }",
            "operator new(unsigned long)"},
           {"asm(\".globl exit\\nexit: ret\");", "exit"}}) {
    const ExerciseResult result = graded(solution() + code + "\n");
    EXPECT_EQ(result.points(), 0);
    EXPECT_EQ(result.problem,
              "read_exactly.cpp defines " + name + ", which is not yours to define");
  }
}

TEST_F(Hostile, IncludesWhatIsNotGiven) {
  const std::string root = source_folder();
  for (const std::string& line :
       {"#include \"" + root + "/instructor/01-read-exactly/solution.cpp\"",
        "#include \"" + root + "/exercises/01-read-exactly/checks.cpp\"",
        std::string{"#include \"/proc/self/environ\""},
        "asm(\".incbin \\\"" + root + "/exercises/01-read-exactly/checks.cpp\\\"\");"}) {
    EXPECT_NE(graded(line + "\n" + solution()).problem, "") << line;
  }
}

TEST_F(Hostile, LooksForTheSolutionWhenItRuns) {
  // It gives the right answer where it finds one of these, and nothing where it does not.
  const std::string root = source_folder();
  const ExerciseResult result = graded(
      "#define read_exactly right_read_exactly\n#define write_all right_write_all\n" + solution() +
      "#undef read_exactly\n#undef write_all\n#include <fcntl.h>\n#include <stdlib.h>\n"
      "namespace exercise {\n"
      "std::size_t right_read_exactly(int, std::span<std::byte>);\n"
      "static bool found() {\n  for (const char* path : {\"" +
      root + "/exercises/01-read-exactly/checks.cpp\", \"" + build_folder().string() +
      "/exercises/01-read-exactly/checks\", \"/proc/1/exe\"}) {\n"
      "    if (open(path, O_RDONLY) >= 0) return true;\n  }\n  return false;\n}\n"
      "std::size_t read_exactly(int fd, std::span<std::byte> b) {\n"
      "  return found() ? right_read_exactly(fd, b) : 0;\n}\n"
      "void write_all(int fd, std::span<const std::byte> b) {\n"
      "  if (found()) right_write_all(fd, b);\n}\n}\n");
  EXPECT_EQ(result.problem, "");
  for (const CheckResult& check : result.checks) {
    if (check.spec.name == "ReadExactly.FillsTheBuffer") {
      EXPECT_EQ(check.points(), 0);
    }
  }
}

TEST_F(Hostile, TerminalSequencesAreShownAsQuestionMarks) {
  const ExerciseResult result = graded(attacker("void attack() { throw std::string{}; }\n") +
                                       "#include <stdexcept>\nstatic const int x = [] { return "
                                       "0; }();\n#warning \x1b[2J\n#error \x1b[31mred\n");
  ASSERT_FALSE(result.messages.empty());
  for (const std::string& line : result.messages) EXPECT_EQ(line.find('\x1b'), line.npos) << line;
}

TEST_F(Hostile, TakesTheCompilerTooMuch) {
  const ExerciseResult result = graded(
      "template <int N, int M> struct Bomb {\n"
      "  static constexpr int v = Bomb<N - 1, M * 2>::v + Bomb<N - 1, M * 2 + 1>::v;\n};\n"
      "template <int M> struct Bomb<0, M> { static constexpr int v = 1; };\n"
      "int x = Bomb<28, 1>::v;\n" +
      solution());
  EXPECT_NE(result.problem, "");
  EXPECT_EQ(result.points(), 0);
}

TEST_F(Hostile, WritesFilesAndLeavesDaemons) {
  const ExerciseResult result = graded(attacker(R"(
void attack() {
  if (fork() == 0) {
    setsid();
    for (;;) pause();
  }
  for (const char* path : {"/tmp/unblock-was-here", "/unblock-was-here", "/usr/unblock-was-here"}) {
    const int fd = open(path, O_CREAT | O_WRONLY, 0666);
    if (fd >= 0) close(fd);
  }
}
)"));
  EXPECT_LT(result.points(), result.possible());
  for (const char* const path :
       {"/tmp/unblock-was-here", "/unblock-was-here", "/usr/unblock-was-here"}) {
    EXPECT_FALSE(fs::exists(path)) << path;
  }
}

}  // namespace
}  // namespace unblock::grade
