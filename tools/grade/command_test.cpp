// `unblock grade` and its family, used as a person uses them.

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/child_process.hpp"
#include "tools/grade/build.hpp"
#include "tools/grade/exercise.hpp"
#include "tools/grade/graders.hpp"
#include "tools/grade/read_file.hpp"

namespace unblock::grade {
namespace {

namespace fs = std::filesystem;

struct Finished {
  int status = -1;
  std::string output;
  std::string errors;
};

Finished finished(const std::vector<std::string>& command) {
  ChildProcess child{{.command = command}};
  Finished run;
  run.output = child.read_rest(std::chrono::minutes{5});
  run.errors = child.read_errors();
  run.status = child.wait().value_or(-1);
  return run;
}

Finished unblock(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), UNBLOCK_COMMAND);
  return finished(arguments);
}

class GradeCommand : public testing::Test {
 protected:
  void SetUp() override {
    if (exercise_named("01-read-exactly").instructor_folder.empty()) {
      GTEST_SKIP() << "the instructor's folder is not here";
    }
  }

  void hand_in(const std::string& student, const std::string& text) const {
    const fs::path file = folder_.path() / "class" / student / "read_exactly.cpp";
    fs::create_directories(file.parent_path());
    std::ofstream{file, std::ios::binary} << text;
  }

  static fs::path instructor() { return source_folder() / "instructor/01-read-exactly"; }
  static std::string submission(const fs::path& name) { return read_file(instructor() / name); }

  static int points_of(const std::set<std::string>& names) {
    int points = 0;
    for (const CheckSpec& check : exercise_named("01-read-exactly").checks) {
      if (names.contains(check.name)) points += check.points;
    }
    return points;
  }

  // A file whose functions only do this.
  static std::string doing(const std::string& code) {
    return "#include \"read_exactly.hpp\"\n#include <unistd.h>\n"
           "std::size_t exercise::read_exactly(int, std::span<std::byte>) { " +
           code +
           " }\n"
           "void exercise::write_all(int, std::span<const std::byte>) { " +
           code + " }\n";
  }

  TemporaryFolder folder_;
};

// There, root may neither make namespaces nor look at every process: the checks look as the
// subject's user. Who has another root directory is refused a namespace of users, see clone(2).
TEST_F(GradeCommand, GradesInAContainer) {
  for (const char* const tool : {"/usr/bin/unshare", "/usr/bin/setpriv", "/usr/sbin/chroot"}) {
    if (::geteuid() != 0 || !fs::exists(tool)) GTEST_SKIP() << "this takes root, and " << tool;
  }
  if (finished({"/usr/bin/unshare", "--mount", "/bin/true"}).status != 0) {
    GTEST_SKIP() << "here, root may make no namespace of mounts";
  }
  const fs::path root = folder_.path() / "root";
  const fs::path submission = folder_.path() / "submission";
  fs::create_directories(root);
  fs::create_directories(submission);
  // The checks look at a system call, at descriptors, and at what one of those watches.
  fs::copy_file(instructor() / "solution.cpp", submission / "read_exactly.cpp");
  fs::copy_file(source_folder() / "instructor/05-edge-echo/solution.cpp",
                submission / "edge_echo.cpp");
  const Finished run = finished(
      {"/usr/bin/unshare", "--mount", "/bin/sh", "-c",
       "mount --rbind / \"$0\" && exec /usr/sbin/chroot \"$0\" /usr/bin/setpriv "
       "--bounding-set=-sys_admin,-sys_ptrace \"$@\"",
       root, UNBLOCK_COMMAND, "grade", "read-exactly", "edge-echo", "--submission", submission});
  EXPECT_EQ(run.status, 0) << run.output << run.errors;
  // It has been such a place, and not one that the sandbox gets along with by namespaces.
  EXPECT_NE(run.output.find("does not let the sandbox bound files"), std::string::npos)
      << run.output;
}

TEST_F(GradeCommand, GradesAClassWhoeverIsInIt) {
  hand_in("right", submission("solution.cpp"));
  hand_in("another manner", submission("second_solution.cpp"));
  const fs::path eintr = "wrong/eintr_is_an_error.cpp";
  hand_in("eintr", submission(eintr));
  hand_in("fork bomb", doing("for (;;) fork();"));
  const fs::path slow = "wrong/polls_in_a_loop.cpp";
  hand_in("slow", submission(slow));
  hand_in("crash", doing("__builtin_trap();"));
  hand_in("no code", "this is not C++");
  hand_in("too much", std::string(std::size_t{10} << 20U, ' '));
  hand_in("=odd, \"name\"\x1b[2J", submission("solution.cpp"));
  fs::create_directories(folder_.path() / "class" / "nothing");

  const fs::path csv = folder_.path() / "grades.csv";
  const Finished run = unblock(
      {"grade", "read-exactly", "--class", folder_.path() / "class", "--csv", csv, "--jobs", "2"});
  EXPECT_EQ(run.status, 0) << run.errors;
  EXPECT_NE(run.output.find("10 submissions"), std::string::npos) << run.output;
  EXPECT_EQ(run.output.find('\x1b'), std::string::npos);
  EXPECT_NE(run.output.find("files that could not be graded: 3"), std::string::npos) << run.output;

  const std::string table = read_file(csv);
  const int all = exercise_named("01-read-exactly").points();
  const auto row = [&](const std::string& student, int points, const std::string& remark) {
    const std::string line = student + "," + std::to_string(points) + "," + std::to_string(points) +
                             "," + std::to_string(all) + "," + remark;
    EXPECT_NE(table.find("\n" + line), std::string::npos) << line << " is not in\n" << table;
  };
  row("right", all, "\r");
  row("another manner", all, "\r");
  row("eintr", all - points_of(stated_losses(instructor() / eintr)), "\r");
  row("fork bomb", 0, "\r");
  row("slow", all - points_of(stated_losses(instructor() / slow)), "\r");
  row("crash", 0, "\r");
  row("no code", 0, "01-read-exactly: read_exactly.cpp does not compile");
  row("too much", 0, "\"01-read-exactly: ");
  row("nothing", 0, "01-read-exactly: ");
  row("\"'=odd, \"\"name\"\"?[2J\"", all, "\r");
}

TEST_F(GradeCommand, WritesAHandoutWithoutWhatIsTheInstructors) {
  const fs::path target = folder_.path() / "handout";
  const Finished run = unblock({"handout", target});
  EXPECT_EQ(run.status, 0) << run.errors;
  EXPECT_TRUE(fs::exists(target / "CMakeLists.txt"));
  EXPECT_TRUE(fs::exists(target / "exercises/01-read-exactly/checks.cpp"));
  EXPECT_FALSE(fs::exists(target / "instructor"));
  const std::string starter = read_file(target / "exercises/01-read-exactly/read_exactly.cpp");
  EXPECT_NE(starter, "");
  EXPECT_NE(starter, submission("solution.cpp"));
  EXPECT_EQ(starter, read_file(target / "exercises/01-read-exactly/.starter/read_exactly.cpp"));
  const Finished again = unblock({"handout", target});
  EXPECT_EQ(again.status, 1);
  EXPECT_NE(again.errors.find("exists and is no empty folder"), std::string::npos) << again.errors;
}

TEST_F(GradeCommand, SaysWhatItDoesNotKnow) {
  const Finished near = unblock({"grade", "read-exactl"});
  EXPECT_EQ(near.status, 1);
  EXPECT_NE(near.errors.find("read-exactly"), std::string::npos) << near.errors;
  const fs::path csv = folder_.path() / "grades.csv";
  const Finished nobody =
      unblock({"grade", "read-exactly", "--class", folder_.path() / "none", "--csv", csv});
  EXPECT_FALSE(fs::exists(csv));
  EXPECT_EQ(nobody.status, 1);
  EXPECT_NE(nobody.errors.find("cannot be read"), std::string::npos) << nobody.errors;
  const Finished nothing = unblock({"grade", "--submission", folder_.path() / "none"});
  EXPECT_EQ(nothing.status, 1);
  EXPECT_EQ(nothing.output, "");
  EXPECT_NE(nothing.errors.find("is no folder"), std::string::npos) << nothing.errors;
  const Finished both = unblock({"grade", "--class", "a", "--submission", "b"});
  EXPECT_EQ(both.status, 2);
}

}  // namespace
}  // namespace unblock::grade
