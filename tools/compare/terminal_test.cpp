// `unblock compare` on a terminal: colours, its width, the progress line.

#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/errors.hpp"
#include "core/unique_fd.hpp"
#include "tools/compare/test_support.hpp"
#include "tools/compare/text.hpp"

namespace unblock {
namespace {

// Everything that `unblock` prints on a terminal of that width.
std::string shown_on_terminal(const std::vector<std::string>& arguments, unsigned short columns,
                              bool no_colour) {
  const std::vector<std::string> words = command(arguments);
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  const winsize size{.ws_row = 50, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  int master = -1;
  const pid_t pid = check("forkpty", ::forkpty(&master, nullptr, nullptr, &size));
  if (pid == 0) {
    ::unsetenv("NO_COLOR");
    if (no_colour) ::setenv("NO_COLOR", "1", 1);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  const UniqueFd terminal{master};
  std::string shown;
  std::array<char, 4096> chunk;
  // At its end a terminal gives an error (EIO).
  for (ssize_t got = 0; (got = ::read(master, chunk.data(), chunk.size())) > 0;) {
    shown.append(chunk.data(), static_cast<std::size_t>(got));
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0) << shown;
  return shown;
}

// What stays on the screen: the progress line wipes itself out.
std::vector<std::string> lines_of(const std::string& shown) {
  std::vector<std::string> lines;
  std::istringstream stream{shown};
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (const auto wiped = line.rfind("\x1b[K"); wiped != std::string::npos)
      line.erase(0, wiped + 3);
    for (const char* const colour : {"\x1b[1;32m", "\x1b[0m"}) {
      for (auto at = line.find(colour); at != std::string::npos; at = line.find(colour)) {
        line.erase(at, std::string{colour}.size());
      }
    }
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> short_run() {
  return {"compare", "poll",          "--with", with("behaves"), "--rounds", "1", "--duration",
          "0.05",    "--connections", "4",      "--pin",         "none"};
}

TEST(Terminal, HasColoursAndAProgressLine) {
  const std::string shown = shown_on_terminal(short_run(), 80, false);
  EXPECT_TRUE(contains(shown, "\x1b[1;32m"));
  EXPECT_TRUE(contains(shown, "\r\x1b[Kround 1 of 1: poll"));
}

TEST(Terminal, HasNoColoursWhereTheyAreUnwanted) {
  EXPECT_FALSE(contains(shown_on_terminal(short_run(), 80, true), "\x1b[1;32m"));
}

TEST(Terminal, IsNoWiderThanItIs) {
  for (const unsigned short columns : std::array<unsigned short, 4>{40, 60, 100, 200}) {
    const std::string shown = shown_on_terminal(short_run(), columns, false);
    for (const std::string& line : lines_of(shown)) {
      EXPECT_LE(columns_of(line), columns) << line;
    }
    EXPECT_TRUE(contains(shown, "p99.9"));
    EXPECT_TRUE(contains(shown, "threads"));
  }
}

}  // namespace
}  // namespace unblock
