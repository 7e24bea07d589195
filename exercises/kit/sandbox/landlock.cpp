#include "exercises/kit/sandbox/landlock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "core/unique_fd.hpp"

namespace unblock::sandbox {
namespace {

// linux/landlock.h, spelled out: the headers of a distribution are older than the kernels that it
// runs on.
struct RulesetAttributes {
  std::uint64_t handled_fs = 0;
  std::uint64_t handled_net = 0;
  std::uint64_t scoped = 0;
};
struct [[gnu::packed]] PathBeneath {
  std::uint64_t allowed = 0;
  std::int32_t parent_fd = -1;
};

constexpr int create_ruleset = 444;
constexpr int add_rule = 445;
constexpr int restrict_self = 446;
constexpr int rule_path_beneath = 1;

constexpr std::uint64_t execute = 1U << 0U;
constexpr std::uint64_t write_file = 1U << 1U;
constexpr std::uint64_t read_file = 1U << 2U;
constexpr std::uint64_t read_dir = 1U << 3U;
constexpr std::uint64_t first_version = (1U << 13U) - 1;
constexpr std::uint64_t refer = 1U << 13U;     // from version 2
constexpr std::uint64_t truncate = 1U << 14U;  // from version 3
constexpr std::uint64_t scope_abstract_sockets = 1U << 0U;
constexpr std::uint64_t scope_signals = 1U << 1U;  // both from version 6
constexpr int version_with_scopes = 6;

void allow(int ruleset, const std::filesystem::path& path, std::uint64_t rights) {
  PathBeneath rule;
  const UniqueFd fd{::open(path.c_str(), O_PATH | O_CLOEXEC)};
  struct stat what {};
  if (!fd || ::fstat(fd.get(), &what) != 0) return;  // what is not there needs no rule
  constexpr std::uint64_t for_files = execute | write_file | read_file | truncate;
  rule.allowed = S_ISDIR(what.st_mode) ? rights : rights & for_files;
  rule.parent_fd = fd.get();
  ::syscall(add_rule, ruleset, rule_path_beneath, &rule, 0);
}

}  // namespace

std::string restrict_with_landlock(const std::vector<std::filesystem::path>& readable,
                                   const std::vector<std::filesystem::path>& writable) {
  const long version = ::syscall(create_ruleset, nullptr, 0, 1U);
  if (version < 1) return "which files it reads (this kernel has no Landlock)";
  RulesetAttributes attributes;
  attributes.handled_fs =
      first_version | (version >= 2 ? refer : 0) | (version >= 3 ? truncate : 0);
  std::size_t size = sizeof attributes.handled_fs;  // an old kernel knows no more of it
  if (version >= version_with_scopes) {
    attributes.scoped = scope_abstract_sockets | scope_signals;
    size = sizeof attributes;
  }
  const UniqueFd ruleset{static_cast<int>(::syscall(create_ruleset, &attributes, size, 0U))};
  if (!ruleset) return "which files it reads (Landlock refuses)";
  for (const auto& path : readable) allow(ruleset.get(), path, execute | read_file | read_dir);
  for (const auto& path : writable) allow(ruleset.get(), path, attributes.handled_fs);
  for (const char* const device : {"/dev/null", "/dev/zero", "/dev/full"}) {
    allow(ruleset.get(), device, read_file | write_file | (attributes.handled_fs & truncate));
  }
  if (::syscall(restrict_self, ruleset.get(), 0U) != 0) {
    return "which files it reads (Landlock refuses)";
  }
  if (version < version_with_scopes) return "signals to other processes of the same user";
  return {};
}

}  // namespace unblock::sandbox
