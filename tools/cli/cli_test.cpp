// Help, manual page and completion, all of them made of the command line's declarations.

#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tools/command_line.hpp"
#include "tools/compare/test_support.hpp"

namespace unblock {
namespace {

using cli::Command;
using cli::Completion;
using cli::Parameter;

bool is_here(const std::string& tool) {
  return run_program({"/bin/sh", "-c", "command -v " + tool}).status == 0;
}

// "unblock", and each of its commands.
std::vector<std::pair<std::vector<std::string>, Command>> all_commands() {
  const Command program = unblock_command();
  std::vector<std::pair<std::vector<std::string>, Command>> all{{{}, program}};
  for (const Command& command : program.commands) all.push_back({{command.name}, command});
  return all;
}

std::set<std::string> texts_of(const Completion& completion) {
  std::set<std::string> texts;
  for (const cli::Candidate& candidate : completion.candidates) texts.insert(candidate.text);
  return texts;
}

std::set<std::string> completed(const std::vector<std::string>& words) {
  return texts_of(cli::complete(unblock_command(), words, values_of));
}

TEST(Declarations, SayOfEveryArgumentWhatItTakesAndWhatFor) {
  const std::set<std::string> known{"MODEL",  "LOAD",         "EXERCISE", "FILE",
                                    "FOLDER", "NAME=COMMAND", "SECONDS",  "N"};
  for (const auto& [words, command] : all_commands()) {
    EXPECT_FALSE(command.description.empty()) << command.name;
    for (const auto& parameters : {command.options, command.positional}) {
      for (const Parameter& parameter : parameters) {
        const std::string& value = parameter.value;
        EXPECT_TRUE(value.empty() || known.contains(value) || contains(value, "|"))
            << command.name << ": " << parameter.synopsis();
        EXPECT_FALSE(parameter.description.empty()) << parameter.synopsis();
        EXPECT_NE(parameter.description.back(), '.') << parameter.description;
      }
    }
  }
}

TEST(Help, ShowsEveryArgumentInLinesThatFit) {
  for (const auto& [words, command] : all_commands()) {
    std::vector<std::string> line{"/usr/bin/env", "COLUMNS=80", UNBLOCK_COMMAND};
    line.insert(line.end(), words.begin(), words.end());
    line.emplace_back("--help");
    const Outcome outcome = run_program(line);
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.errors, "");
    for (const auto& parameters : {command.options, command.positional}) {
      for (const Parameter& parameter : parameters) {
        EXPECT_TRUE(contains(outcome.output, "\n  " + parameter.synopsis()));
      }
    }
    for (const Command& sub : command.commands) {
      EXPECT_TRUE(contains(outcome.output, "\n  " + sub.name + " "));
    }
    std::istringstream lines{outcome.output};
    for (std::string text; std::getline(lines, text);) EXPECT_LE(text.size(), 80U) << text;
  }
}

TEST(Help, TellsWhatIsWrongWithAValue) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong{
      {{"--pin", "both"}, "--pin: 'both' is none of same, split, none"},
      {{"--connections", "-1"}, "'-1' is not a whole number from 1 to 1,000,000"},
      {{"--connections", "1.5"}, "'1.5' is not a whole number from 1 to 1,000,000"},
      {{"--rate", "nan"}, "'nan' is not a number from 1 to 10,000,000"},
      {{"--duration", "0"}, "'0' is not a number from 0.01 to 3,600"}};
  for (const auto& [arguments, text] : wrong) {
    std::vector<std::string> line{"compare"};
    line.insert(line.end(), arguments.begin(), arguments.end());
    const Outcome outcome = run_command(line);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_TRUE(contains(outcome.errors, text));
  }
}

// What the manual says between the heading of a command and the next one.
std::string part_of(const std::string& page, const std::string& heading) {
  const auto begin = page.find(heading + "\n");
  if (begin == std::string::npos) return "";
  return page.substr(begin, page.find("\n.S", begin + heading.size()) - begin);
}

std::string as_roff(const std::string& name) {
  std::string text;
  for (const char c : name) text += c == '-' ? "\\-" : std::string{c};
  return text;
}

TEST(Manual, ExplainsEveryCommandAndArgument) {
  const Outcome outcome = run_command({"manual"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output, unblock_manual());
  for (const auto& [words, command] : all_commands()) {
    const std::string part = part_of(
        outcome.output, words.empty() ? ".SH OPTIONS" : ".SS unblock " + as_roff(command.name));
    ASSERT_FALSE(part.empty()) << command.name;
    for (const Parameter& option : command.options) {
      if (option.has_name("--help") && !words.empty()) continue;
      EXPECT_TRUE(contains(part, as_roff(option.names.back())));
    }
    for (const Parameter& parameter : command.positional) {
      EXPECT_TRUE(contains(part, "\\fI" + parameter.value + "\\fR"));
    }
  }
  for (const char* const list : {"MODEL", "LOAD"}) {
    for (const cli::Candidate& candidate : values_of(list, "")) {
      EXPECT_TRUE(contains(outcome.output, "\\fB" + as_roff(candidate.text) + "\\fR"));
    }
  }
}

TEST(Manual, HasItsSectionsInTheUsualOrder) {
  const std::string page = unblock_manual();
  std::size_t last = 0;
  for (const char* const section :
       {"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "EXIT STATUS", "ENVIRONMENT",
        "FILES", "EXAMPLES", "SEE ALSO"}) {
    const auto at = page.find(std::string{"\n.SH "} + section + "\n");
    ASSERT_NE(at, std::string::npos) << section;
    EXPECT_GT(at, last) << section;
    last = at;
  }
  EXPECT_TRUE(contains(page, ".SS Coordinated omission\n"));
}

TEST(Manual, IsPlainAsciiInShortLines) {
  std::istringstream lines{unblock_manual()};
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80U) << line;
    for (const char c : line) EXPECT_TRUE(c >= ' ' && c <= '~') << line;
  }
}

// Tools that read a manual page, and find nothing to complain of.
class ManualReader : public testing::TestWithParam<const char*> {};

TEST_P(ManualReader, FindsNothingWrong) {
  const std::string command = GetParam();
  const std::string tool = command.substr(0, command.find(' '));
  if (!is_here(tool)) GTEST_SKIP() << tool << " is not installed";
  const Outcome outcome = run_program(
      {"/bin/sh", "-c", fmt::format("'{}' manual | LC_ALL=C {}", UNBLOCK_COMMAND, command)});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.errors, "");
}

INSTANTIATE_TEST_SUITE_P(Manual, ManualReader,
                         testing::Values("groff -man -ww -z", "mandoc -Tlint -Wwarning >&2",
                                         "man --warnings -l - >/dev/null"),
                         [](const auto& reader) {
                           const std::string command = reader.param;
                           return command.substr(0, command.find(' '));
                         });

TEST(Complete, OffersCommandsThenTheirArguments) {
  const std::set<std::string> commands = completed({""});
  for (const Command& command : unblock_command().commands) {
    EXPECT_TRUE(commands.contains(command.name)) << command.name;
  }
  EXPECT_TRUE(completed({"compare", ""}).contains("epoll-lt"));
  EXPECT_TRUE(completed({"compare", "--pin", "same", ""}).contains("epoll-lt"));
  EXPECT_TRUE(completed({"compare", "--", "--"}).contains("epoll-lt"));
  EXPECT_EQ(completed({"completion", ""}), (std::set<std::string>{"bash", "zsh"}));
  EXPECT_EQ(completed({"list", ""}), (std::set<std::string>{"--help", "--json"}));
  EXPECT_EQ(completed({"nonsense", "x"}), completed({""}));
}

TEST(Complete, OffersAnOptionsValues) {
  const std::set<std::string> pins{"same", "split", "none"};
  EXPECT_EQ(completed({"compare", "--pin", ""}), pins);
  EXPECT_EQ(completed({"compare", "--pin="}), pins);
  EXPECT_EQ(completed({"compare", "--pin=s"}), pins);
  EXPECT_EQ(completed({"compare", "--pin", "=", "s"}), pins) << "as a bash has it";
  EXPECT_TRUE(completed({"compare", "--load", ""}).contains("many-idle"));
  EXPECT_TRUE(completed({"compare", "--connections", ""}).empty());
  EXPECT_TRUE(completed({"compare", "--bogus", "--bogus="}).empty());
}

TEST(Complete, LeavesOutWhatHasNoPlaceAnyMore) {
  EXPECT_FALSE(completed({"compare", "epoll-lt", ""}).contains("epoll-lt"));
  const std::set<std::string> beside_scale = completed({"compare", "--scale", "--"});
  EXPECT_FALSE(beside_scale.contains("--scale"));
  EXPECT_FALSE(beside_scale.contains("--load"));
  EXPECT_TRUE(completed({"compare", "--with", "a=b", "--"}).contains("--with"));
}

TEST(Complete, LeavesPathsToTheShell) {
  const auto paths = [](const std::vector<std::string>& words) {
    return cli::complete(unblock_command(), words, values_of).paths;
  };
  EXPECT_EQ(paths({"compare", "--json", ""}), Completion::Paths::files);
  EXPECT_EQ(paths({"grade", "--submission", "x"}), Completion::Paths::folders);
  EXPECT_EQ(paths({"handout", ""}), Completion::Paths::folders);
  EXPECT_EQ(paths({"compare", "--with", "mine=./s"}), Completion::Paths::files);
  EXPECT_EQ(paths({"compare", "--with", "mine"}), Completion::Paths::none);
  EXPECT_EQ(paths({"compare", ""}), Completion::Paths::none);
}

TEST(Complete, TakesAnExerciseWithItsNumberAndWithout) {
  const auto names = values_of("EXERCISE", "");
  if (names.empty()) GTEST_SKIP() << "there are no exercises here";
  const std::string name = names.front().text;
  EXPECT_TRUE(completed({"grade", name.substr(0, 1)}).contains(name));
  EXPECT_TRUE(completed({"hint", name.substr(3, 1)}).contains(name.substr(3)));
}

// What a real bash puts into COMPREPLY for each of these lines, whose words are separated by '|'.
std::vector<std::set<std::string>> bash_replies(const std::vector<std::string>& lines) {
  std::string script = fmt::format(
      "source <('{0}' completion bash) || exit 9\n"
      "reply() {{ COMP_WORDS=('{0}' \"$@\"); COMP_CWORD=$#; _unblock; "
      "printf '%s\\n' \"${{COMPREPLY[@]}}\" .; }}\n",
      UNBLOCK_COMMAND);
  for (const std::string& line : lines) {
    script += "IFS='|' read -ra words <<<'" + line + "|'\nreply \"${words[@]}\"\n";
  }
  const Outcome outcome = run_program({"/bin/bash", "--noprofile", "--norc", "-c", script});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.errors, "");
  std::vector<std::set<std::string>> replies(1);
  std::istringstream output{outcome.output};
  for (std::string reply; std::getline(output, reply);) {
    if (reply == ".") {
      replies.emplace_back();
    } else if (!reply.empty()) {
      replies.back().insert(reply);
    }
  }
  replies.pop_back();
  return replies;
}

TEST(Bash, CompletesEveryCommandAndOption) {
  const auto commands = all_commands();
  std::vector<std::string> lines;
  for (const auto& [words, command] : commands) {
    lines.push_back(words.empty() ? "--" : words.front() + "|--");
  }
  const auto replies = bash_replies(lines);
  ASSERT_EQ(replies.size(), commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i) {
    for (const Parameter& option : commands[i].second.options) {
      EXPECT_TRUE(replies[i].contains(option.names.back())) << lines[i] << option.names.back();
    }
  }
}

TEST(Bash, CompletesWhatWasBegun) {
  using Words = std::set<std::string>;
  const auto replies = bash_replies(
      {"comp", "compare|--pin|s", "compare|--pin|=|s", "compare|--pin|=", "compare|epoll-lt|epoll-",
       "compare|--load|c1", "compare|--json|/etc/pass", "handout|/usr/shar",
       "compare|--with|mine|=|/bin/bas", "bogus|--bogus"});
  ASSERT_EQ(replies.size(), 10U);
  EXPECT_EQ(replies[0], (Words{"compare", "completion"}));
  EXPECT_EQ(replies[1], (Words{"same", "split"}));
  EXPECT_EQ(replies[2], (Words{"same", "split"}));
  EXPECT_EQ(replies[3], (Words{"same", "split", "none"}));
  EXPECT_EQ(replies[4], (Words{"epoll-et", "epoll-oneshot"}));
  EXPECT_EQ(replies[5], (Words{"c10k"}));
  EXPECT_TRUE(replies[6].contains("/etc/passwd"));
  EXPECT_EQ(replies[7], (Words{"/usr/share"}));
  EXPECT_TRUE(replies[8].contains("/bin/bash"));
  EXPECT_EQ(replies[9], (Words{}));
}

// A zsh on a terminal of its own (zpty), where somebody types a line and asks for its completion.
// What it comes to is printed between marks that no terminal's sequence has.
constexpr const char* zsh_typist = R"zsh(
zmodload zsh/zpty || exit 77
zpty shell 'TERM=dumb exec zsh -f -i'
# Types a line, and waits for a word that does not stand in the line itself.
ask() { zpty -w shell "$1; print -r -- is\${:-_}done"; zpty -r -m shell answer '*is_done*' || exit 1 }
ask "PS1=; path=(${1:h} \$path)"
ask 'autoload -Uz compinit && compinit -u -D && source <(unblock completion zsh)'
ask 'show() { zle complete-word; print -r -- "<<${:-<}$BUFFER>>${:->}"; BUFFER= }'
ask 'zle -N show; bindkey "^X" show'
shift
for line; do
  zpty -w -n shell "$line"$'\x18'
  zpty -r -m shell answer '*<<<*>>>*' || exit 1
  answer=${answer##*<<<}
  print -r -- "${answer%%>>>*}"
done
)zsh";

TEST(Zsh, FindsNoMistakeInTheScript) {
  if (!is_here("zsh")) GTEST_SKIP() << "zsh is not installed";
  const Outcome outcome = run_program(
      {"/bin/sh", "-c", fmt::format("'{}' completion zsh | zsh -n /dev/stdin", UNBLOCK_COMMAND)});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.errors, "");
}

TEST(Zsh, CompletesWhatWasBegun) {
  if (!is_here("zsh")) GTEST_SKIP() << "zsh is not installed";
  std::vector<std::string> command{"/bin/sh", "-c", "exec zsh -f -c \"$0\" zsh \"$@\"", zsh_typist,
                                   UNBLOCK_COMMAND};
  const std::vector<std::pair<std::string, std::string>> lines{
      {"unblock comple", "unblock completion "},
      {"unblock compare --pin sp", "unblock compare --pin split "},
      {"unblock compare --pin=sp", "unblock compare --pin=split "},
      {"unblock compare --recon", "unblock compare --reconnect "},
      {"unblock compare --load c1", "unblock compare --load c10k "},
      {"unblock compare select polling-", "unblock compare select polling-nap "},
      {"unblock compare --json /etc/passw", "unblock compare --json /etc/passwd"},
      {"unblock handout /usr/shar", "unblock handout /usr/share/"}};
  for (const auto& [typed, expected] : lines) command.push_back(typed);
  const Outcome outcome = run_program(command);
  if (outcome.status == 77) GTEST_SKIP() << "this zsh has no zpty";
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  std::istringstream output{outcome.output};
  for (const auto& [typed, expected] : lines) {
    std::string line;
    std::getline(output, line);
    EXPECT_TRUE(line.starts_with(expected)) << typed << ": " << line;
  }
}

}  // namespace
}  // namespace unblock
