// The rules of CONTRIBUTING.md that a program can check.

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "core/errors.hpp"
#include "tests/cpp_source.hpp"
#include "tests/readme.hpp"

namespace unblock {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

constexpr std::size_t model_lines = 220;
constexpr std::size_t function_lines = 70;

struct File {
  std::string path;  // from the root: "lessons/05-epoll/main.cpp"
  std::string text;

  [[nodiscard]] std::string name() const { return fs::path{path}.filename(); }
  [[nodiscard]] std::string folder() const { return fs::path{path}.parent_path(); }
  [[nodiscard]] bool is_below(const std::string& prefix) const {
    return path.starts_with(prefix + "/");
  }
  [[nodiscard]] bool is_cpp() const { return path.ends_with(".cpp") || path.ends_with(".hpp"); }
  [[nodiscard]] bool is_test() const { return path.ends_with("_test.cpp"); }
};

bool is_text(const fs::path& path) {
  static const std::set<std::string> extensions{
      ".cpp",          ".hpp",        ".h",    ".S",     ".c",   ".md",
      ".txt",          ".json",       ".toml", ".cmake", ".yml", ".html",
      ".clang-format", ".clang-tidy", ""};
  return extensions.contains(path.extension());
}

bool is_ours(const fs::directory_entry& entry) {
  const std::string name = entry.path().filename();
  if (entry.is_directory())
    return name == ".ci" || !(name.starts_with(".") || name.starts_with("build"));
  return entry.is_regular_file() && is_text(entry.path()) && name != ".git";
}

std::vector<File> read_tree() {
  const fs::path root{UNBLOCK_SOURCE_DIR};
  std::vector<File> files;
  for (auto entry = fs::recursive_directory_iterator{root}; entry != fs::end(entry); ++entry) {
    if (!is_ours(*entry)) {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file()) {
      files.push_back(
          {.path = entry->path().lexically_relative(root), .text = read_file(entry->path())});
    }
  }
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.path < b.path; });
  return files;
}

const std::vector<File>& tree() {
  static const std::vector<File> files = read_tree();
  return files;
}

template <typename Predicate>
std::vector<File> files_where(Predicate predicate) {
  std::vector<File> found;
  std::copy_if(tree().begin(), tree().end(), std::back_inserter(found), predicate);
  return found;
}

// "lessons/05-epoll" for each lesson.
Lines lesson_folders() {
  std::set<std::string> folders;
  static const std::regex lesson{R"(^(lessons/\d\d-[a-z]+)/.*$)"};
  for (const File& file : tree()) {
    std::smatch match;
    if (std::regex_match(file.path, match, lesson)) folders.insert(match[1]);
  }
  return {folders.begin(), folders.end()};
}

// "epoll" for "lessons/05-epoll".
std::string lesson_name(const std::string& folder) { return folder.substr(folder.find('-') + 1); }

// What unblock_lesson() says of a lesson: its name, and the lessons that it builds on.
struct Declaration {
  std::string name;
  std::set<std::string> uses;
};

Declaration declaration_of(const std::string& cmake) {
  static const std::regex call{R"(unblock_lesson\(([^)]*)\))"};
  static const std::set<std::string> keywords{"SOURCES", "USES", "LIBRARIES"};
  std::smatch match;
  Declaration declaration;
  if (!std::regex_search(cmake, match, call)) return declaration;
  std::istringstream words{match[1]};
  words >> declaration.name;
  std::string keyword;
  for (std::string word; words >> word;) {
    if (keywords.contains(word)) {
      keyword = word;
    } else if (keyword == "USES") {
      declaration.uses.insert(word);
    }
  }
  return declaration;
}

std::string first_component(const std::string& path) { return path.substr(0, path.find('/')); }

// The folders whose headers a file may include besides those of its own folder.
Lines allowed_folders(const File& file) {
  const std::string top = first_component(file.path);
  Lines allowed{"core"};
  if (top == "core") return allowed;
  if (file.is_test() || top == "testkit") allowed.emplace_back("testkit");
  if (top == "lessons") {
    const fs::path cmake = fs::path{UNBLOCK_SOURCE_DIR} / file.folder() / "CMakeLists.txt";
    const Declaration declaration = declaration_of(fs::exists(cmake) ? read_file(cmake) : "");
    for (const std::string& folder : lesson_folders()) {
      if (declaration.uses.contains(lesson_name(folder))) allowed.push_back(folder);
    }
  }
  if (top == "tools" || top == "tests" || top == "bench") allowed.push_back(top);
  if (top == "bench") allowed.insert(allowed.end(), {"tools", "lessons"});
  // The grader compiles submissions in the sandbox that the checks run them in.
  if (top == "exercises" || top == "instructor" || top == "tools") {
    allowed.emplace_back("exercises/kit");
  }
  // An exercise may give what the lesson of its number has built.
  if (top == "exercises" || top == "instructor") {
    const std::string number = file.path.substr(top.size() + 1, 3);
    for (const std::string& folder : lesson_folders()) {
      if (folder.starts_with("lessons/" + number)) allowed.push_back(folder);
    }
  }
  // What the public and the instructor's checks of an exercise share.
  if (top == "instructor") {
    allowed.push_back("exercises" + file.folder().substr(top.size()));
  }
  return allowed;
}

bool may_include(const File& file, const std::string& name) {
  if (name.find("..") != std::string::npos) return false;
  if (name.find('/') == std::string::npos) return true;  // its own folder
  const Lines allowed = allowed_folders(file);
  return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& folder) {
    return name.starts_with(folder + "/") || name.starts_with(file.folder() + "/");
  });
}

// A model is what a student reads: neither the lesson's experiments nor its program nor its tests.
bool is_model(const File& file) {
  return file.is_below("lessons") && file.path.ends_with(".cpp") && !file.is_test() &&
         !file.name().ends_with("experiments.cpp") && file.name() != "main.cpp";
}

std::string listed(const Lines& lines) { return fmt::format("\n{}", fmt::join(lines, "\n")); }

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Whether `word` stands in `line` with no letter or digit before it.
bool begins_in(const std::string& line, const std::string& word) {
  for (std::size_t at = line.find(word); at != std::string::npos; at = line.find(word, at + 1)) {
    if (at == 0 || !is_word(line[at - 1])) return true;
  }
  return false;
}

// The tree's lines in which one of the words stands, as "path:line: text"; this file's aside, whose
// words they are.
Lines lines_with(const Lines& words) {
  Lines found;
  for (const File& file : tree()) {
    if (file.path == "tests/tree_test.cpp") continue;
    std::size_t number = 0;
    for (const std::string& line : lines_of(file.text)) {
      ++number;
      if (std::any_of(words.begin(), words.end(),
                      [&](const std::string& word) { return begins_in(line, word); })) {
        found.push_back(fmt::format("{}:{}: {}", file.path, number, line));
      }
    }
  }
  return found;
}

TEST(Tree, IsFound) { EXPECT_FALSE(lesson_folders().empty()) << UNBLOCK_SOURCE_DIR; }

TEST(Tree, IncludesPointOneWay) {
  Lines wrong;
  for (const File& file : files_where([](const File& f) { return f.is_cpp(); })) {
    for (const Include& include : includes_in(file.text)) {
      if (include.quoted && !may_include(file, include.name)) {
        wrong.push_back(fmt::format("{}:{}: \"{}\"", file.path, include.line, include.name));
      }
    }
  }
  EXPECT_TRUE(wrong.empty()) << "may not be included from there:" << listed(wrong);
}

TEST(Tree, TheCommandLineParserIsCompiledOnce) {
  Lines wrong;
  for (const File& file : files_where([](const File& f) { return f.is_cpp(); })) {
    const bool may = file.path.ends_with(".cpp") &&
                     (file.is_below("core") || file.is_below("tools") || file.is_below("bench"));
    for (const Include& include : includes_in(file.text)) {
      if (include.name.starts_with("CLI/") && !may) wrong.push_back(file.path);
    }
  }
  EXPECT_TRUE(wrong.empty()) << "CLI11 takes seconds to compile; core does it:" << listed(wrong);
}

TEST(Tree, FmtJoinComesFromItsOwnHeader) {
  // Up to fmt 10 <fmt/format.h> had it, too; Fedora and Arch have a newer one.
  for (const File& file : files_where([](const File& f) { return f.is_cpp(); })) {
    if (without_comments_and_literals(file.text).find("fmt::join(") == std::string::npos) continue;
    EXPECT_NE(file.text.find("#include <fmt/ranges.h>"), std::string::npos) << file.path;
  }
}

TEST(Tree, EveryHeaderIsGuarded) {
  for (const File& file : files_where([](const File& f) { return f.path.ends_with(".hpp"); })) {
    EXPECT_NE(file.text.find("#pragma once"), std::string::npos) << file.path;
  }
}

TEST(Tree, AModelIsReadInOneSitting) {
  for (const File& file : files_where(is_model)) {
    EXPECT_LE(lines_of(file.text).size(), model_lines) << file.path;
  }
}

TEST(Tree, AFunctionIsSeenAtOnce) {
  for (const File& file : files_where([](const File& f) { return f.is_cpp(); })) {
    for (const FunctionBody& function : functions_in(file.text)) {
      EXPECT_LE(function.lines, function_lines)
          << file.path << ":" << function.first_line << ": " << function.declaration;
    }
  }
}

TEST(Tree, EveryLessonHasItsFiles) {
  for (const std::string& folder : lesson_folders()) {
    for (const char* const name : {"README.md", "CMakeLists.txt", "main.cpp", "experiments.hpp",
                                   "experiments.cpp", "lesson_test.cpp"}) {
      EXPECT_TRUE(fs::exists(fs::path{UNBLOCK_SOURCE_DIR} / folder / name))
          << folder << "/" << name;
    }
    const auto models = files_where(
        [&](const File& f) { return f.is_below(folder) && f.name().ends_with("echo_server.cpp"); });
    EXPECT_FALSE(models.empty()) << folder << " has no model (echo_server.cpp)";
  }
}

TEST(Tree, EveryLessonIsDeclaredUnderItsFoldersName) {
  const std::string all = read_file(fs::path{UNBLOCK_SOURCE_DIR} / "lessons/CMakeLists.txt");
  for (const std::string& folder : lesson_folders()) {
    const std::string base = fs::path{folder}.filename();
    EXPECT_NE(all.find("add_subdirectory(" + base + ")"), std::string::npos) << folder;
    const fs::path cmake = fs::path{UNBLOCK_SOURCE_DIR} / folder / "CMakeLists.txt";
    if (!fs::exists(cmake)) continue;
    EXPECT_EQ(declaration_of(read_file(cmake)).name, lesson_name(folder)) << folder;
  }
}

TEST(Tree, ALessonBuildsOnEarlierLessonsOnly) {
  std::map<std::string, std::string> folder_of;
  for (const std::string& folder : lesson_folders()) folder_of[lesson_name(folder)] = folder;
  for (const auto& [name, folder] : folder_of) {
    const fs::path cmake = fs::path{UNBLOCK_SOURCE_DIR} / folder / "CMakeLists.txt";
    if (!fs::exists(cmake)) continue;
    for (const std::string& used : declaration_of(read_file(cmake)).uses) {
      ASSERT_TRUE(folder_of.contains(used)) << folder << " uses " << used;
      EXPECT_LT(folder_of[used], folder) << folder << " uses " << used;
    }
  }
}

TEST(Tree, ReadmesShowTheCodeAsItIs) {
  for (const File& file : files_where([](const File& f) { return f.name() == "README.md"; })) {
    for (const ReadmeBlock& block : readme_blocks(file.text)) {
      if (block.kind != ReadmeBlock::Kind::code) continue;
      const fs::path source = fs::path{UNBLOCK_SOURCE_DIR} / file.folder() / block.words.front();
      const auto found =
          difference(block.kind, block.shown, tagged_part(read_file(source), block.words.back()));
      EXPECT_FALSE(found) << file.path << ":" << block.marker_line << ": shows \"" << found->shown
                          << "\", the code says \"" << found->actual << "\"; run `make readmes`";
    }
  }
}

TEST(Tree, EveryTagIsClosed) {
  for (const File& file :
       files_where([](const File& f) { return f.is_cpp() || f.path.ends_with(".S"); })) {
    if (file.is_below("tests")) continue;  // there, some are samples
    for (const std::string& line : lines_of(file.text)) {
      auto tag = tag_in(line);
      if (!tag) continue;
      if (tag->starts_with("/")) tag->erase(0, 1);
      EXPECT_NO_THROW(tagged_part(file.text, *tag)) << file.path << ": [" << *tag << "]";
    }
  }
}

TEST(Tree, NothingIsLeftToDo) {
  // A starter's are what the student is to do.
  Lines found = lines_with({"TODO", "FIXME"});
  std::erase_if(found, [](const std::string& line) { return line.starts_with("exercises/"); });
  EXPECT_TRUE(found.empty()) << listed(found);
}

TEST(Tree, NamesNobodysMachineAndNoPackageRegistry) {
  const Lines found = lines_with(
      {"/work/", "/home/", "/root/", "/Users/", "registry.", "artifactory", "snapshot.debian"});
  EXPECT_TRUE(found.empty()) << listed(found);
}

TEST(Tree, AReadmesLinksLeadSomewhere) {
  static const std::regex link{R"(\]\(([^)#:\s]+)(#[^)]*)?\))"};
  for (const File& file : files_where([](const File& f) { return f.path.ends_with(".md"); })) {
    for (std::sregex_iterator at{file.text.begin(), file.text.end(), link}, end; at != end; ++at) {
      const fs::path target = fs::path{UNBLOCK_SOURCE_DIR} / file.folder() / (*at)[1].str();
      EXPECT_TRUE(fs::exists(target)) << file.path << " links to " << (*at)[1];
    }
  }
}

// What the rules above rest on.

TEST(FunctionsIn, AreCountedFromDeclarationToClosingBrace) {
  const auto functions = functions_in(
      "namespace a {\n"
      "const int table[] = {\n    1, 2};\n"
      "enum class E {\n  one\n};\n"
      "struct S {\n"
      "  int member = 0;\n"
      "  int get() const {\n    return member;\n  }\n"
      "};\n"
      "// a comment with { and \"\n"
      "S::S(int x)\n    : a_{x},\n      b_{'{'} {\n  auto f = [] { return \"}\"; };\n  f();\n}\n"
      "}\n");
  ASSERT_EQ(functions.size(), 2U);
  EXPECT_EQ(functions[0].declaration, "int get() const");
  EXPECT_EQ(functions[0].first_line, 9U);
  EXPECT_EQ(functions[0].lines, 3U);
  EXPECT_EQ(functions[1].first_line, 14U);
  EXPECT_EQ(functions[1].lines, 6U);
}

TEST(FunctionsIn, AreFoundBelowTheUsualTraps) {
  const auto functions = functions_in(
      "#define BRACE {\n"
      "constexpr long long kMany = 1'000'000;\n"
      "const char* text = R\"x({{{)x\";\n"
      "std::array<int, 2> pair{1, 2};\n"
      "template <typename T>\nconcept C = requires(T t) {\n  t.run();\n};\n"
      "template <typename T>\nvoid print(const T& value) {\n  use(value);\n}\n"
      "extern \"C\" {\nvoid handler(int) {}\n}\n"
      "struct sigaction action_for(int signal) {\n  return {};\n}\n"
      "TEST_P(Suite, Name) {\n}\n");
  Lines names;
  for (const auto& function : functions) names.push_back(function.declaration);
  EXPECT_EQ(names, (Lines{"template <typename T> void print(const T& value)", "void handler(int)",
                          "struct sigaction action_for(int signal)", "TEST_P(Suite, Name)"}));
}

TEST(IncludesIn, AreToldApart) {
  const auto includes =
      includes_in("#include <vector>\n// #include \"a.hpp\"\n#include \"core/b.hpp\"\n");
  ASSERT_EQ(includes.size(), 2U);
  EXPECT_FALSE(includes[0].quoted);
  EXPECT_EQ(includes[1].name, "core/b.hpp");
  EXPECT_EQ(includes[1].line, 3U);
}

TEST(IncludeRules, HoldForSamples) {
  const File core{.path = "core/a.cpp", .text = ""};
  const File lesson{.path = "lessons/99-none/a.cpp", .text = ""};
  const File test{.path = "lessons/99-none/lesson_test.cpp", .text = ""};
  const File tool{.path = "tools/a.cpp", .text = ""};
  const File exercise{.path = "exercises/01-none/a.cpp", .text = ""};
  EXPECT_TRUE(may_include(core, "core/b.hpp"));
  EXPECT_FALSE(may_include(core, "testkit/b.hpp"));
  EXPECT_FALSE(may_include(core, "lessons/01-blocking/echo_server.hpp"));
  EXPECT_TRUE(may_include(lesson, "echo_server.hpp"));
  EXPECT_FALSE(may_include(lesson, "../01-blocking/echo_server.hpp"));
  EXPECT_FALSE(may_include(lesson, "lessons/01-blocking/echo_server.hpp"));
  EXPECT_FALSE(may_include(lesson, "testkit/b.hpp"));
  EXPECT_TRUE(may_include(test, "testkit/b.hpp"));
  EXPECT_FALSE(may_include(tool, "lessons/01-blocking/echo_server.hpp"));
  EXPECT_TRUE(may_include(exercise, "lessons/01-blocking/echo_server.hpp"));
  EXPECT_FALSE(may_include(exercise, "lessons/13-fibers/context.hpp"));
}

TEST(Declaration, NamesWhatALessonUses) {
  const Declaration declaration = declaration_of(
      "# x\nunblock_lesson(coroutines SOURCES a.cpp b.cpp\n  USES epoll proactor LIBRARIES "
      "uring)\n");
  EXPECT_EQ(declaration.name, "coroutines");
  EXPECT_EQ(declaration.uses, (std::set<std::string>{"epoll", "proactor"}));
}

}  // namespace
}  // namespace unblock
