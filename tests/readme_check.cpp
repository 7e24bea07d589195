// readme_check [--update] README... --programs FOLDER
//
// Compares each README's code blocks with the files, and its transcripts with what the programs in
// FOLDER print (numbers aside), or, with --update, writes them anew. Exit status: 0 where all is as
// shown, 1 where it is not or cannot be had, 2 for a wrong command line.

#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>

#include <fmt/ranges.h>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "tests/readme.hpp"

namespace unblock {
namespace {

namespace fs = std::filesystem;

struct Flags {
  bool update = false;
  fs::path programs;
  std::vector<fs::path> readmes;
};

std::vector<std::string> transcript(const fs::path& programs,
                                    const std::vector<std::string>& words) {
  const std::chrono::minutes deadline{2};
  ChildOptions options{.command = words};
  options.command.front() = programs / words.front();
  ChildProcess program{options};
  std::string text = program.read_rest(deadline);
  text += program.read_errors(deadline);
  const std::optional<int> status = program.wait(deadline);
  if (!status) throw UserError{"it did not end within two minutes"};
  if (*status >= 128) throw UserError{fmt::format("it was ended by signal {}", *status - 128)};

  std::vector<std::string> lines = lines_of(text);
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  lines.insert(lines.begin(), fmt::format("$ {}", fmt::join(words, " ")));
  return lines;
}

std::vector<std::string> make_block(const fs::path& folder, const ReadmeBlock& block,
                                    const Flags& flags) {
  if (block.kind == ReadmeBlock::Kind::run) return transcript(flags.programs, block.words);
  return tagged_part(read_file(folder / block.words.front()), block.words.back());
}

// Tells about the first line that differs; true where there is none.
bool is_as_shown(const fs::path& readme, const ReadmeBlock& block,
                 const std::vector<std::string>& actual) {
  const std::string what = fmt::format("{}", fmt::join(block.words, " "));
  if (!block.fence) {
    fmt::print(stderr, "{}:{}: there is no block for `{}` below this line\n", readme.string(),
               block.marker_line, what);
    return false;
  }
  const auto found = difference(block.kind, block.shown, actual);
  if (!found) return true;
  const bool code = block.kind == ReadmeBlock::Kind::code;
  fmt::print(stderr, "{}:{}: {} is not what this shows{}\n  README: {}\n  {}: {}\n",
             readme.string(), *block.fence + 1 + found->index, what,
             code ? "" : " (numbers and white space aside)", found->shown,
             code ? "file  " : "output", found->actual);
  return false;
}

bool check_or_update(const fs::path& readme, const Flags& flags) {
  const std::string text = read_file(readme);
  const std::vector<ReadmeBlock> blocks = readme_blocks(text);
  std::vector<std::vector<std::string>> made;
  bool good = true;
  for (const ReadmeBlock& block : blocks) {
    made.push_back(block.shown);
    try {
      made.back() = make_block(readme.parent_path(), block, flags);
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}:{}: {}: {}\n", readme.string(), block.marker_line,
                 fmt::join(block.words, " "), explain(error));
      good = false;
      continue;
    }
    if (!flags.update && !is_as_shown(readme, block, made.back())) good = false;
  }
  if (flags.update) {
    const std::string updated = with_blocks(text, blocks, made);
    if (updated != text) {
      std::ofstream{readme, std::ios::binary} << updated;
      fmt::print("{} written\n", readme.string());
    }
  }
  return good;
}

// Nothing where the command line is wrong.
std::optional<Flags> parse(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--update") {
      flags.update = true;
    } else if (word == "--programs" && i + 1 < argc) {
      flags.programs = argv[++i];
    } else if (!word.empty() && word.front() != '-') {
      flags.readmes.emplace_back(word);
    } else {
      return {};
    }
  }
  if (flags.readmes.empty() || flags.programs.empty()) return {};
  return flags;
}

}  // namespace
}  // namespace unblock

int main(int argc, char** argv) {
  using namespace unblock;
  const auto flags = parse(argc, argv);
  if (!flags) {
    fmt::print(stderr, "readme_check [--update] README... --programs FOLDER\n");
    return 2;
  }
  bool good = true;
  for (const auto& readme : flags->readmes) {
    try {
      good = check_or_update(readme, *flags) && good;
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}: {}\n", readme.string(), explain(error));
      good = false;
    }
  }
  if (!good && !flags->update) fmt::print(stderr, "`make readmes` writes them anew.\n");
  return good ? 0 : 1;
}
