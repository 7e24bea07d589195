#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "tools/grade/build.hpp"
#include "tools/grade/class.hpp"
#include "tools/grade/compiler_messages.hpp"
#include "tools/grade/formats.hpp"
#include "tools/grade/graders.hpp"
#include "tools/grade/progress.hpp"
#include "tools/grade/read_file.hpp"
#include "tools/grade/submission.hpp"

namespace unblock::grade {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::Test;

void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream{path, std::ios::binary} << text;
}

template <typename Function>
std::string complaint_of(Function function) {
  try {
    function();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

// --- exercise.toml ----------------------------------------------------------------------------

const char* const good_toml = R"(id = "sample"
title = "a sample"
lesson = 1
minutes = 10
file = "sample.cpp"
hidden_points = 0
hints = ["one", "two", "three"]

[[check]]
name = "A.B"
points = 2
section = "Title"
cause = "because"
)";

class ExerciseFile : public Test {
 protected:
  [[nodiscard]] std::string complaint(const std::string& toml) const {
    write_file(folder() / "exercise.toml", toml);
    return complaint_of([this] { read_exercise(folder(), {}); });
  }
  [[nodiscard]] std::string with(const std::string& from, const std::string& to) const {
    std::string text = good_toml;
    text.replace(text.find(from), from.size(), to);
    return complaint(text);
  }
  [[nodiscard]] fs::path folder() const { return temporary_.path() / "07-sample"; }

 private:
  TemporaryFolder temporary_;
};

TEST_F(ExerciseFile, IsRead) {
  EXPECT_EQ(complaint(good_toml), "");
  const Exercise exercise = read_exercise(folder(), {});
  EXPECT_EQ(exercise.number, 7);
  EXPECT_EQ(exercise.name, "07-sample");
  EXPECT_EQ(exercise.hints.size(), 3U);
  EXPECT_EQ(exercise.points(), 2);
  EXPECT_FALSE(exercise.threads);
}

TEST_F(ExerciseFile, ThatIsMissingIsTold) {
  EXPECT_NE(complaint_of([this] { read_exercise(folder(), {}); }).find("exercise.toml is missing"),
            std::string::npos);
}

TEST_F(ExerciseFile, IsToldByItsLineWhereItIsBroken) {
  EXPECT_NE(complaint("id = \"sample\"\ntitle = \"a\nb\n").find("exercise.toml:2:"),
            std::string::npos);
  EXPECT_NE(with("points = 2", "points = \"2\"").find(":11: 'points' is to be a number"),
            std::string::npos);
  EXPECT_NE(with("lesson = 1", "lessons = 1").find(":3: 'lessons' is no key here"),
            std::string::npos);
  EXPECT_NE(with("id = \"sample\"", "id = \"simple\"").find("the id is to be 'sample'"),
            std::string::npos);
  EXPECT_NE(with("title = \"a sample\"\n", "").find("'title' is missing"), std::string::npos);
  EXPECT_NE(with("points = 2", "points = -1").find("a number from 0 on"), std::string::npos);
}

TEST_F(ExerciseFile, KnowsTheSumOfTheHiddenPoints) {
  write_file(folder() / "exercise.toml", good_toml);
  write_file(folder() / "i/hidden.toml",
             "[[check]]\nname = \"C.D\"\npoints = 3\nsection = \"Title\"\ncause = \"x\"\n");
  EXPECT_NE(complaint_of([this] {
              read_exercise(folder(), folder() / "i");
            }).find("hidden_points is to be 3"),
            std::string::npos);
}

// compile_commands.json: an editor completes and complains in the file that the student works on.
TEST(ExerciseFiles, AreKnownToEditors) {
  const std::string commands = read_file(build_folder() / "compile_commands.json");
  for (const std::string& name : exercise_names()) {
    if (!left_out(name).empty()) continue;
    const Exercise exercise = exercise_named(name);
    const std::string file = (exercise.folder / exercise.file).string();
    EXPECT_NE(commands.find(fmt::format("\"file\": \"{}\"", file)), std::string::npos) << file;
  }
}

TEST(ExerciseNames, AreUnderstoodInManyForms) {
  for (const char* const word : {"read-exactly", "01-read-exactly", "exercises/01-read-exactly",
                                 "exercises/01-read-exactly/"}) {
    EXPECT_EQ(chosen_exercises({word}), std::vector<std::string>{"01-read-exactly"}) << word;
  }
  EXPECT_NE(
      complaint_of([] { chosen_exercises({"read-exatly"}); }).find("did you mean 'read-exactly'?"),
      std::string::npos);
}

// --- what is handed in ------------------------------------------------------------------------

class Submission : public Test {
 protected:
  [[nodiscard]] fs::path folder() const { return temporary_.path(); }
  [[nodiscard]] std::string complaint() const {
    return complaint_of([this] { read_submission(exercise(), folder()); });
  }
  static Exercise exercise() {
    Exercise exercise;
    exercise.name = "07-sample";
    exercise.file = "sample.cpp";
    return exercise;
  }

 private:
  TemporaryFolder temporary_;
};

TEST_F(Submission, IsFoundWhereverItIs) {
  for (const char* const place :
       {"a/b/sample.cpp", "sample.cpp", "07-sample/sample.cpp", "exercises/07-sample/sample.cpp"}) {
    write_file(folder() / place, place);
    EXPECT_EQ(read_submission(exercise(), folder()), place);
  }
}

TEST_F(Submission, MustBeThere) {
  EXPECT_NE(complaint().find("there is no sample.cpp in"), std::string::npos);
  write_file(folder() / "x/sample.cpp", "");
  write_file(folder() / "y/sample.cpp", "");
  EXPECT_NE(complaint().find("there are 2 files named sample.cpp"), std::string::npos);
}

TEST_F(Submission, MustBeARegularFile) {
  fs::create_symlink("/etc/passwd", folder() / "sample.cpp");
  EXPECT_NE(complaint().find("is a link"), std::string::npos);
  fs::remove(folder() / "sample.cpp");
  ASSERT_EQ(::mkfifo((folder() / "sample.cpp").c_str(), 0666), 0);
  EXPECT_NE(complaint().find("no regular file"), std::string::npos);
  fs::remove(folder() / "sample.cpp");
  fs::create_directory(folder() / "sample.cpp");
  EXPECT_NE(complaint().find("no regular file"), std::string::npos);
}

TEST_F(Submission, MustNotBeHuge) {
  write_file(folder() / "sample.cpp", std::string(10'000'000, '/'));
  EXPECT_NE(complaint().find("has 10000000 bytes, more than the 1048576"), std::string::npos);
}

TEST(Printable, LeavesNothingThatATerminalActsOn) {
  EXPECT_EQ(printable("plain, gr\xC3\xBC\xC3\x9F"), "plain, gr\xC3\xBC\xC3\x9F");
  EXPECT_EQ(printable("\x1b[31mred\n"), "?[31mred?");
  EXPECT_EQ(printable("\xff\xC3(\xC2\x9b"),
            "?"
            "?(?"
            "?");
  EXPECT_EQ(printable("\xC3"), "?");
}

TEST(CompilerMessages, BeginWithTheStudentsOwnFile) {
  const auto lines = reduce_messages(
      "In file included from /usr/include/c++/12/algorithm:61,\n"
      "                 from /tmp/x/in/sample.cpp:3:\n"
      "/usr/include/c++/12/bits/stl_algo.h: In instantiation of 'void f()':\n"
      "/tmp/x/in/sample.cpp:9:12:   required from here\n"
      "/usr/include/c++/12/bits/stl_algo.h:45:23: error: no match for operator<\n"
      "   45 |   *a < *b\n"
      "/tmp/x/in/sample.cpp:12:3: warning: unused variable\n"
      "/tmp/x/in/sample.cpp:16:5: error: expected ';'\n",
      "sample.cpp", "/tmp/x/in");
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0], "sample.cpp:9:12:   required from here");
  EXPECT_EQ(lines[3], "sample.cpp:16:5: error: expected ';'");
}

// --- formats ----------------------------------------------------------------------------------

std::vector<ExerciseResult> sample_results() {
  ExerciseResult result{.exercise = "07-sample", .title = "a sample", .file = "sample.cpp"};
  result.checks.push_back(
      {.spec = {.name = "A.Passes", .points = 2}, .outcome = CheckResult::Outcome::passed});
  CheckResult failed{.spec = {.name = "A.Fails", .points = 3, .hidden = true}};
  failed.complaint = {.kind = "wrong", .what = "a < b & \"c\"", .expected = "1", .came = "2"};
  result.checks.push_back(failed);
  result.checks.push_back({.spec = {.name = "A.Skipped", .points = 4},
                           .outcome = CheckResult::Outcome::skipped,
                           .skipped = "no redis-cli"});
  return {result};
}

TEST(Points, LeaveOutWhatCouldNotBeCheckedHere) {
  EXPECT_EQ(sample_results().front().points(), 2);
  EXPECT_EQ(sample_results().front().possible(), 5);
}

TEST(Json, TellsEverything) {
  const json value = json::parse(to_json(sample_results()));
  EXPECT_EQ(value["points"], 2);
  EXPECT_EQ(value["possible"], 5);
  EXPECT_EQ(value["exercises"][0]["checks"][1]["what"], "a < b & \"c\"");
  EXPECT_EQ(value["exercises"][0]["checks"][2]["why"], "no redis-cli");
}

TEST(Gradescope, HasAScoreForEachTest) {
  const json value = json::parse(to_gradescope(sample_results()));
  ASSERT_EQ(value["tests"].size(), 2U);
  EXPECT_EQ(value["tests"][0]["score"], 2);
  EXPECT_EQ(value["tests"][0]["status"], "passed");
  EXPECT_EQ(value["tests"][0]["visibility"], "visible");
  EXPECT_EQ(value["tests"][1]["score"], 0);
  EXPECT_EQ(value["tests"][1]["max_score"], 3);
  EXPECT_EQ(value["tests"][1]["visibility"], "after_published");
}

TEST(JUnit, IsWellFormedAndCounts) {
  const std::string xml = to_junit(sample_results());
  EXPECT_NE(xml.find("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""), std::string::npos);
  EXPECT_NE(xml.find("message=\"a &lt; b &amp; &quot;c&quot;\""), std::string::npos);
  EXPECT_NE(xml.find("<testcase classname=\"07-sample.A\" name=\"Passes\""), std::string::npos);
}

TEST(Classroom, IsALineOfBase64) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(to_classroom(sample_results()).find("result=ey"), 0U);
}

TEST(Csv, QuotesAndDefusesFormulas) {
  StudentResult student{.name = "=1+1", .results = sample_results()};
  StudentResult other{.name = "a,\"b", .results = sample_results()};
  other.results.front().problem = "nothing, really";
  EXPECT_EQ(to_csv({student, other}),
            "student,07-sample,total,possible,remarks\r\n"
            "'=1+1,2,2,5,\r\n"
            "\"a,\"\"b\",2,2,5,\"07-sample: nothing, really\"\r\n");
}

// --- a student's way --------------------------------------------------------------------------

TEST(StudentsProgress, IsKept) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "progress.json";
  {
    Progress progress{file};
    EXPECT_EQ(progress.next({"07-sample", "08-other"}), "07-sample");
    ExerciseResult result = sample_results().front();
    result.checks[1].outcome = CheckResult::Outcome::passed;
    progress.graded(result);
    progress.told_hint("08-other");
  }
  const Progress again{file};
  EXPECT_EQ(again.next({"07-sample", "08-other"}), "08-other");
  EXPECT_EQ(again.of("08-other")->hints, 1U);
  write_file(file, "{ broken");
  EXPECT_FALSE(Progress{file}.of("07-sample"));
}

TEST(Hints, ComeOneByOneAndThenAll) {
  const TemporaryFolder folder;
  Progress progress{folder.path() / "progress.json"};
  Exercise exercise;
  exercise.name = "07-sample";
  exercise.hints = {"one", "two"};
  EXPECT_EQ(next_hint(exercise, progress).back(), "  one");
  EXPECT_EQ(next_hint(exercise, progress).back(), "  two");
  EXPECT_EQ(next_hint(exercise, progress).size(), 3U);
}

TEST(Reset, PutsTheStarterBackAndKeepsWhatWasThere) {
  const TemporaryFolder folder;
  Exercise exercise;
  exercise.name = "07-sample";
  exercise.file = "sample.cpp";
  exercise.folder = folder.path();
  write_file(kept_starter(exercise), "starter");
  write_file(folder.path() / "sample.cpp", "mine");
  EXPECT_NE(reset_exercise(exercise).find("what was there is sample.cpp.1"), std::string::npos);
  EXPECT_EQ(read_file(folder.path() / "sample.cpp"), "starter");
  EXPECT_EQ(read_file(folder.path() / "sample.cpp.1"), "mine");
  EXPECT_NE(reset_exercise(exercise).find("already"), std::string::npos);
  write_file(folder.path() / "sample.cpp", "mine again");
  reset_exercise(exercise);
  EXPECT_EQ(read_file(folder.path() / "sample.cpp.2"), "mine again");
}

// What a student commits is no starter, and what the course mended is the newer one.
TEST(Reset, FindsTheStarterInGit) {
  const TemporaryFolder folder;
  Exercise exercise;
  exercise.name = "07-sample";
  exercise.file = "sample.cpp";
  exercise.folder = folder.path() / "exercises/07-sample";
  const fs::path file = exercise.folder / exercise.file;
  const auto commit = [&](const std::string& content, const std::string& checks) {
    write_file(file, content);
    write_file(exercise.folder / "checks.cpp", checks);
    ChildProcess shell{
        {.command = {"/bin/sh", "-c",
                     "cd \"$0\" && git init -q . && git add -A && git -c user.name=A "
                     "-c user.email=a@example.org commit -q -m change",
                     folder.path()}}};
    return shell.wait() == 0;
  };
  if (!commit("old starter", "checks")) GTEST_SKIP() << "there is no git";
  ASSERT_TRUE(commit("starter", "better checks"));
  ASSERT_TRUE(commit("mine", "better checks"));
  reset_exercise(exercise);
  EXPECT_EQ(read_file(file), "starter");
}

TEST(StatedLosses, MayTakeSeveralLines) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "wrong.cpp";
  write_file(file, "// Mistake: many\n// Loses: A.B, C.D,\n//        E.F\n\nint x;  // not G.H\n");
  EXPECT_EQ(stated_losses(file), (std::set<std::string>{"A.B", "C.D", "E.F"}));
  write_file(file, "int x;\n");
  EXPECT_NE(complaint_of([&] { stated_losses(file); }).find("does not begin with"),
            std::string::npos);
}

}  // namespace
}  // namespace unblock::grade
