#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/observe.hpp"
#include "exercises/kit/sandboxed.hpp"

namespace unblock::kit {
namespace {

namespace fs = std::filesystem;
using Reason = Ending::Reason;

// With namespaces (where this machine has them), and with what is left without.
class Sandbox : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] SandboxOptions options(const std::string& what,
                                       const std::string& argument = "") const {
    return {.sandbox = SANDBOX,
            .command = {MISBEHAVING, what, argument},
            .readable = {MISBEHAVING},
            .limits = {.cpu_s = 2, .memory_mb = 64, .processes = 64, .box_mb = 8},
            .namespaces = GetParam()};
  }

  // Whether the sandbox has a file system and processes of its own.
  static bool isolates(const Sandboxed& sandboxed) {
    const auto& notes = sandboxed.notes();
    return std::none_of(notes.begin(), notes.end(), [](const std::string& note) {
      return note.find("no namespaces") != std::string::npos;
    });
  }

  static Ending end_of(Sandboxed& sandboxed) {
    const auto ending = sandboxed.wait(std::chrono::seconds{60});
    return ending ? *ending : Ending{.text = "it does not end"};
  }

  // What the program prints in the end.
  std::string outcome(const SandboxOptions& options) {
    Sandboxed sandboxed{options};
    const Ending ending = end_of(sandboxed);
    EXPECT_EQ(ending.reason, Reason::exited) << ending.text;
    std::string text = sandboxed.output();
    if (text.ends_with('\n')) text.pop_back();
    return text;
  }
  std::string outcome(const std::string& what, const std::string& argument = "") {
    return outcome(options(what, argument));
  }
};

// What cannot be had without.
class SandboxWithNamespaces : public Sandbox {};
INSTANTIATE_TEST_SUITE_P(All, SandboxWithNamespaces, testing::Values(true));

INSTANTIATE_TEST_SUITE_P(All, Sandbox, testing::Bool(), [](const auto& which) {
  return which.param ? std::string{"Namespaces"} : std::string{"NoNamespaces"};
});

// All processes of this machine with this command line, by its last words.
std::size_t processes_named(const std::string& words) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator{"/proc"}) {
    std::ostringstream line;  // a stream's iterators throw where the process ends meanwhile
    line << std::ifstream{entry.path() / "cmdline"}.rdbuf();
    std::string text = line.str();
    std::replace(text.begin(), text.end(), '\0', ' ');
    if (text.find("misbehaving " + words) == 0 || text.find("/misbehaving " + words) != text.npos) {
      ++count;
    }
  }
  return count;
}

TEST_P(Sandbox, TellsHowTheProgramEnded) {
  Sandboxed sandboxed{options("status-7")};
  const Ending ending = end_of(sandboxed);
  EXPECT_EQ(ending.reason, Reason::exited);
  EXPECT_EQ(ending.number, 7);
  Sandboxed other{options("abort")};
  EXPECT_EQ(end_of(other).reason, Reason::signalled);
  EXPECT_EQ(end_of(other).number, SIGABRT);
}

TEST_P(Sandbox, SaysWhatCannotBeStarted) {
  SandboxOptions missing = options("");
  missing.command = {"/usr/bin/there-is-none"};
  Sandboxed sandboxed{missing};
  EXPECT_EQ(end_of(sandboxed).reason, Reason::not_started);
  EXPECT_NE(end_of(sandboxed).text.find("execve"), std::string::npos);
}

TEST_P(Sandbox, BoundsCpuTime) {
  Sandboxed sandboxed{options("spin")};
  EXPECT_EQ(end_of(sandboxed).reason, Reason::cpu);
}

TEST_P(Sandbox, BoundsMemory) {
  Sandboxed sandboxed{options("memory")};
  EXPECT_EQ(end_of(sandboxed).reason, Reason::memory);
}

TEST_P(Sandbox, BoundsTheMemoryOfAllProcessesTogether) {
  Sandboxed sandboxed{options("memory-together")};
  EXPECT_EQ(end_of(sandboxed).reason, Reason::memory);
}

TEST_P(Sandbox, BoundsWhatIsPrinted) {
  Sandboxed sandboxed{options("print")};
  EXPECT_EQ(end_of(sandboxed).reason, Reason::output);
  EXPECT_LE(sandboxed.output(std::size_t{8} << 20U).size(), std::size_t{1} << 20U);
}

// Tells the processes of this test from those of one that runs at the same time.
std::string mark() { return fmt::format("of-test-{}.", ::getpid()); }

TEST_P(Sandbox, BoundsProcesses) {
  {
    Sandboxed sandboxed{options("fork", mark())};
    EXPECT_EQ(end_of(sandboxed).reason, Reason::processes);
  }
  EXPECT_EQ(processes_named("fork " + mark()), 0U);
}

TEST_P(Sandbox, LeavesNoProcessBehind) {
  {
    Sandboxed sandboxed{options("daemon", mark())};
    EXPECT_EQ(end_of(sandboxed).reason, Reason::exited);
  }
  EXPECT_EQ(processes_named("daemon " + mark()), 0U);
  { const Sandboxed sandboxed{options("spin", mark())}; }
  EXPECT_EQ(processes_named("spin " + mark()), 0U);
}

TEST_P(SandboxWithNamespaces, BoundsFilesInItsOwnFolder) {
  Sandboxed probe{options("status-7")};
  end_of(probe);
  if (!isolates(probe)) GTEST_SKIP() << "only a file system of its own has a size";
  EXPECT_EQ(outcome("fill"), "full");
}

TEST_P(Sandbox, WritesNowhereElse) {
  for (const char* const path :
       {"/tmp/unblock-was-here", "/unblock-was-here", "/dev/unblock-was-here",
        "/etc/unblock-was-here", "/usr/unblock-was-here", "/dev/shm/unblock-was-here"}) {
    EXPECT_NE(outcome("write", path), "done") << path;
    EXPECT_FALSE(fs::exists(path)) << path;
  }
  EXPECT_EQ(outcome("write", "here"), "done");
}

TEST_P(Sandbox, ReadsOnlyWhatItMay) {
  const std::string name = (fs::temp_directory_path() / ("unblock-secret-" + mark())).string();
  std::ofstream{name} << "secret";
  EXPECT_NE(outcome("read", name), "done");
  SandboxOptions allowed = options("read", name);
  allowed.readable.emplace_back(name);
  EXPECT_EQ(outcome(allowed), "done");
  EXPECT_NE(outcome("read", SANDBOX), "done") << "what was built beside it";
  EXPECT_EQ(outcome("read", "/usr/include/stdio.h"), "done");
  fs::remove(name);
}

TEST_P(SandboxWithNamespaces, CoversWhatLiesInTheSystemsFolders) {
  SandboxOptions covered = options("read", "/usr/include/stdio.h");
  covered.covered.emplace_back("/usr/include");
  Sandboxed sandboxed{covered};
  end_of(sandboxed);
  if (!isolates(sandboxed)) GTEST_SKIP() << "only a file system of its own can cover";
  EXPECT_EQ(sandboxed.output(), "ENOENT\n");
}

TEST_P(Sandbox, ReachesNoOtherProcess) {
  const std::string me = std::to_string(::getpid());
  for (const char* const what : {"kill", "trace", "read-memory"}) {
    const std::string came = outcome(what, me);
    EXPECT_TRUE(came == "ESRCH" || came == "EPERM") << what << ": " << came;
  }
  EXPECT_NE(outcome("read", "/proc/" + me + "/mem"), "done");
}

TEST_P(SandboxWithNamespaces, KillsOnlyItsOwn) {
  Sandboxed group{options("kill-group")};
  EXPECT_EQ(end_of(group).reason, Reason::signalled) << end_of(group).text;
  Sandboxed probe{options("status-7")};
  end_of(probe);
  // Tried elsewhere, a mistake of ours would end the session of whoever runs this.
  if (!isolates(probe)) GTEST_SKIP() << "tried only among processes of its own";
  EXPECT_EQ(outcome("kill-all"), "ESRCH");  // kill(2) spares who calls it, and there is nobody else
}

TEST_P(Sandbox, HasNoRights) {
  Sandboxed probe{options("user")};
  end_of(probe);
  const auto& notes = probe.notes();
  const bool same_user = std::any_of(notes.begin(), notes.end(), [](const std::string& note) {
    return note.find("which user") != std::string::npos;
  });
  if (!same_user) {  // a namespace of users that knows none but root
    EXPECT_NE(probe.output(), "0\n");
    EXPECT_NE(outcome("set-user"), "done");
  }
  EXPECT_EQ(outcome("mount"), "EPERM");
  EXPECT_EQ(outcome("namespace"), "EPERM");
  EXPECT_EQ(outcome("raise-limit"), "EPERM");
}

TEST_P(Sandbox, HasTheVariablesAndDescriptorsThatItIsGiven) {
  SandboxOptions with = options("variables");
  with.environment = {"NAME=value"};
  const std::string variables = outcome(with);
  EXPECT_EQ(variables.find("NAME=value\nTMPDIR="), 0U) << variables;
  EXPECT_EQ(std::count(variables.begin(), variables.end(), '\n'), 2) << variables;
  EXPECT_EQ(outcome("descriptors"), "0 1 2 3 ");
}

TEST_P(Sandbox, DeniesSystemCalls) {
  EXPECT_EQ(outcome("io-uring"), "ENOSYS");
  SandboxOptions ring = options("io-uring");
  ring.io_uring = true;
  EXPECT_NE(outcome(ring), "ENOSYS");
  SandboxOptions denied = options("poll");
  denied.denied_calls = {"poll"};
  EXPECT_EQ(outcome(denied), "ENOSYS");
}

TEST_P(SandboxWithNamespaces, HasNoNetworkWhereNoneIsWanted) {
  SandboxOptions alone = options("connect", "127.0.0.1");
  alone.network = false;
  Sandboxed sandboxed{alone};
  end_of(sandboxed);
  if (!isolates(sandboxed)) GTEST_SKIP() << "only namespaces have a network of their own";
  EXPECT_EQ(sandboxed.output(), "ENETUNREACH\n");
}

TEST_P(Sandbox, SaysWhatItDoesNotEnforce) {
  Sandboxed sandboxed{options("status-7")};
  end_of(sandboxed);
  if (!GetParam()) {
    EXPECT_FALSE(sandboxed.notes().empty());
  }
}

// Ends the process: 0 where its network has loopback and nothing else, 7 where it cannot have one.
[[noreturn]] void try_own_network() {
  if (!enter_own_network().empty()) ::_exit(7);
  const auto connect = [](const char* address) {
    Sandboxed sandboxed{{.sandbox = SANDBOX,
                         .command = {MISBEHAVING, "connect", address},
                         .readable = {MISBEHAVING}}};
    sandboxed.wait(std::chrono::seconds{60});
    return sandboxed.output();
  };
  const bool outside = connect("192.0.2.1") != "ENETUNREACH\n";
  const bool loopback = connect("127.0.0.1") != "ENETUNREACH\n";
  ::_exit(loopback && !outside ? 0 : 1);
}

TEST(OwnNetwork, HasLoopbackAndNothingElse) {
  // In a child, since there is no way back from it.
  EXPECT_EXIT(
      try_own_network(),
      [](int status) {
        return WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 7);
      },
      "");
}

}  // namespace
}  // namespace unblock::kit
