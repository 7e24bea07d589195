#include "tests/readme.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/child_process.hpp"
#include "core/errors.hpp"

namespace unblock {
namespace {

using Lines = std::vector<std::string>;

// A folder that is removed again, and the program under test.
class ReadmeCheck : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "unblock-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream{folder_ / name} << text;
  }

  void write_program(const std::string& name, const std::string& script) const {
    write(name, "#!/bin/sh\n" + script);
    std::filesystem::permissions(folder_ / name, std::filesystem::perms::owner_all);
  }

  std::string readme() const { return read_file(folder_ / "README.md"); }

  int check(const Lines& flags = {}) {
    ChildOptions options{.command = {README_CHECK, folder_ / "README.md", "--programs", folder_}};
    options.command.insert(options.command.end(), flags.begin(), flags.end());
    ChildProcess program{options};
    program.read_rest();
    errors_ = program.read_errors();
    return program.wait().value_or(-1);
  }

  std::filesystem::path folder_;
  std::string errors_;
};

TEST(Masked, ANumberAndItsUnitAreOneMark) {
  EXPECT_EQ(masked("took 12.3 µs, then 900 ns"), "took #, then #");
  EXPECT_EQ(masked("1.5x of 16 KiB at 99.9%"), "# of # at #");
  EXPECT_EQ(masked("1,234,567 requests"), "# requests");
  EXPECT_EQ(masked("at 0x7ffd1c2a in 1e-3 s"), "at # in #");
}

TEST(Masked, AnAddressIsANumber) {
  EXPECT_EQ(masked("listening on 127.0.0.1:41873 (model epoll-lt)"),
            "listening on #:# (model epoll-lt)");
}

TEST(Masked, ASignBelongsToItsNumberAndAHyphenDoesNot) {
  EXPECT_EQ(masked("from -3 to +4"), "from # to #");
  EXPECT_EQ(masked("10-20 clients"), "#-# clients");
}

TEST(Masked, ADigitInANameStays) {
  EXPECT_EQ(masked("accept4 on x86 returns fd 7"), "accept4 on x86 returns fd #");
  EXPECT_NE(masked("statement N8"), masked("statement N9"));
}

TEST(Masked, AUnitIsAWholeWord) {
  EXPECT_EQ(masked("3 sockets"), "# sockets");
  EXPECT_EQ(masked("5 mssages"), "# mssages");
  EXPECT_EQ(masked("7 s"), "#");
}

TEST(Masked, AListHasAMarkForEachNumber) { EXPECT_EQ(masked("1, 2 and 3,4"), "#, # and #,#"); }

TEST(Masked, WhiteSpaceAndRulesFold) {
  EXPECT_EQ(masked("   clients   p50  "), "clients p50");
  EXPECT_EQ(masked("epoll silence ------------- T5"), masked("epoll silence ---- T5"));
  EXPECT_NE(masked("a -- b"), masked("a --- b"));
}

TEST(Masked, WordsAreKept) { EXPECT_NE(masked("=> holds: 3"), masked("=> fails: 3")); }

TEST(Difference, ATranscriptsLinesMayBreakElsewhere) {
  const std::vector<std::string> shown{"1  poll takes 163.6 times", "   as long", "2  the end"};
  const std::vector<std::string> narrower{"1  poll takes 68.2 times as", "   long", "2  the end"};
  EXPECT_FALSE(difference(ReadmeBlock::Kind::run, shown, narrower));
  EXPECT_TRUE(difference(ReadmeBlock::Kind::code, shown, narrower));
  const std::vector<std::string> another{"1  poll takes 163.6 times", "   as long", "2  no end"};
  const auto found = difference(ReadmeBlock::Kind::run, shown, another);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->index, 2);
  EXPECT_EQ(found->actual, "2  no end");
}

TEST(Difference, IsToldByItsLineWhereAnotherOneIsBrokenElsewhereBefore) {
  const auto found =
      difference(ReadmeBlock::Kind::run, {"takes 163.6", "times as long", "=> holds"},
                 {"takes 68.2 times", "as long", "=> is refuted"});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->shown, "=> holds");
  EXPECT_EQ(found->actual, "=> is refuted");
}

TEST(Difference, AnEmptyLineIsPartOfATranscript) {
  EXPECT_TRUE(difference(ReadmeBlock::Kind::run, {"a", "", "b"}, {"a", "b"}));
}

TEST(TaggedPart, IsWithoutItsMarkersAndTheirIndentation) {
  EXPECT_EQ(
      tagged_part("a\n  // [loop]\n  for (;;) {\n    // why\n  }\n\n  // [/loop]\nb\n", "loop"),
      (Lines{"for (;;) {", "  // why", "}", ""}));
}

TEST(TaggedPart, MayHoldAnother) {
  EXPECT_EQ(tagged_part("// [a]\n1\n// [b]\n2\n// [/b]\n3\n// [/a]\n", "a"),
            (Lines{"1", "2", "3"}));
}

TEST(TaggedPart, MayStandInAssembly) {
  EXPECT_EQ(tagged_part("# [switch]\n  ret\n# [/switch]\n", "switch"), (Lines{"  ret"}));
}

TEST(TaggedPart, MustBeThereOnce) {
  EXPECT_THROW(tagged_part("// [a]\n1\n// [/a]\n", "b"), UserError);
  EXPECT_THROW(tagged_part("// [a]\n1\n", "a"), UserError);
  EXPECT_THROW(tagged_part("// [a]\n// [/a]\n// [a]\n// [/a]\n", "a"), UserError);
}

TEST(ReadmeBlocks, AreFoundWithTheirLines) {
  const auto blocks = readme_blocks(
      "# T\n<!-- code: a.cpp loop -->\n```cpp\nfor\n```\n\n<!-- run: epoll demo -->\n\n```console\n"
      "$ epoll demo\n```\n");
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(blocks[0].words, (Lines{"a.cpp", "loop"}));
  EXPECT_EQ(blocks[0].fence, 3U);
  EXPECT_EQ(blocks[0].shown, Lines{"for"});
  EXPECT_EQ(blocks[1].kind, ReadmeBlock::Kind::run);
  EXPECT_EQ(blocks[1].shown, Lines{"$ epoll demo"});
}

TEST(ReadmeBlocks, AMarkerInAnotherBlockIsText) {
  EXPECT_TRUE(readme_blocks("```\n<!-- code: a.cpp loop -->\n```\n").empty());
}

TEST(ReadmeBlocks, AnUnfinishedOneIsRefused) {
  EXPECT_THROW(readme_blocks("<!-- code: a.cpp -->\n"), UserError);
  EXPECT_THROW(readme_blocks("```\nno end\n"), UserError);
}

TEST_F(ReadmeCheck, TakesAReadmeThatIsAsTheCodeAndTheProgramAre) {
  write("a.cpp", "// [x]\nint x;\n// [/x]\n");
  write_program("hello", "echo took 17 us; echo why >&2; exit 1");
  write("README.md",
        "<!-- code: a.cpp x -->\n```cpp\nint x;\n```\n"
        "<!-- run: hello you -->\n```console\n$ hello you\ntook 900 ns\nwhy\n```\n");
  EXPECT_EQ(check(), 0) << errors_;
}

TEST_F(ReadmeCheck, ShowsWhatTheReadmeHasAndWhatTheProgramPrints) {
  write_program("hello", "echo '=> fails: 3'");
  write("README.md", "<!-- run: hello -->\n```console\n$ hello\n=> holds: 3\n```\n");
  EXPECT_EQ(check(), 1);
  EXPECT_NE(errors_.find("README.md:4: hello is not what this shows"), std::string::npos)
      << errors_;
  EXPECT_NE(errors_.find("README: => holds: 3"), std::string::npos) << errors_;
}

TEST_F(ReadmeCheck, ComparesCodeToTheLetter) {
  write("a.cpp", "// [x]\nint x = 1;\n// [/x]\n");
  write("README.md", "<!-- code: a.cpp x -->\n```cpp\nint x = 2;\n```\n");
  EXPECT_EQ(check(), 1);
  EXPECT_NE(errors_.find("file  : int x = 1;"), std::string::npos) << errors_;
}

TEST_F(ReadmeCheck, NoticesLinesTooManyAndTooFew) {
  write_program("hello", "echo one");
  write("README.md", "<!-- run: hello -->\n```console\n$ hello\none\ntwo\n```\n");
  EXPECT_EQ(check(), 1);
  write("README.md", "<!-- run: hello -->\n```console\n$ hello\n```\n");
  EXPECT_EQ(check(), 1);
  EXPECT_NE(errors_.find("README: (nothing)"), std::string::npos) << errors_;
}

TEST_F(ReadmeCheck, NoticesAProgramThatIsNotThere) {
  write("README.md", "<!-- run: no-such-program -->\n```console\n$ no-such-program\n```\n");
  EXPECT_EQ(check(), 1);
}

TEST_F(ReadmeCheck, NoticesAProgramThatCrashes) {
  write_program("hello", "kill -SEGV $$");
  write("README.md", "<!-- run: hello -->\n```console\n$ hello\n```\n");
  EXPECT_EQ(check(), 1);
  EXPECT_NE(errors_.find("signal 11"), std::string::npos) << errors_;
}

TEST_F(ReadmeCheck, WritesWhatItWouldAccept) {
  write("a.cpp", "// [x]\nint x;\n// [/x]\n");
  write_program("hello", "echo hello");
  write("README.md",
        "# T\n<!-- code: a.cpp x -->\n```cpp\nold\nolder\n```\ntext\n<!-- run: hello -->\n\nend\n");
  EXPECT_EQ(check({"--update"}), 0) << errors_;
  EXPECT_EQ(readme(),
            "# T\n<!-- code: a.cpp x -->\n```cpp\nint x;\n```\ntext\n"
            "<!-- run: hello -->\n```console\n$ hello\nhello\n```\n\nend\n");
  EXPECT_EQ(check(), 0) << errors_;
}

}  // namespace
}  // namespace unblock
