#include "exercises/kit/sandbox/file_system.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <system_error>

#include "core/errors.hpp"
#include "core/unique_fd.hpp"

namespace unblock::sandbox {
namespace {

namespace fs = std::filesystem;

// The new root grows here. Every machine has the folder, and nobody outside sees what is mounted.
const fs::path new_root = "/tmp";

// A file or folder that is to be seen in the new root under its own name. It is opened before the
// new root covers it.
struct Source {
  fs::path path;
  UniqueFd handle;
  bool is_folder;
  bool may_write;
};

Source open_source(const fs::path& path, bool may_write) {
  UniqueFd handle{check("open", ::open(path.c_str(), O_PATH | O_CLOEXEC))};
  struct stat what {};
  check("fstat", ::fstat(handle.get(), &what));
  return {path, std::move(handle), S_ISDIR(what.st_mode), may_write};
}

void mount_or_throw(const char* source, const fs::path& target, const char* type,
                    unsigned long flags, const std::string& data = "") {
  check("mount", ::mount(source, target.c_str(), type, flags, data.c_str()));
}

// Adds restrictions to a mount and all below it (mount_setattr(2), Linux 5.12). An older kernel
// gets them on the mount alone.
void restrict_mount(const fs::path& target, bool read_only) {
  struct {
    std::uint64_t set, clear, propagation, user_namespace;
  } attributes{};
  constexpr std::uint64_t attr_rdonly = 1;
  constexpr std::uint64_t attr_nosuid = 2;
  constexpr std::uint64_t attr_nodev = 4;
  attributes.set = attr_nosuid | attr_nodev | (read_only ? attr_rdonly : 0);
  constexpr int mount_setattr = 442;
  if (::syscall(mount_setattr, AT_FDCWD, target.c_str(), AT_RECURSIVE, &attributes,
                sizeof attributes) == 0) {
    return;
  }
  mount_or_throw(nullptr, target, nullptr,
                 MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | (read_only ? MS_RDONLY : 0));
}

void make_place(const fs::path& target, bool is_folder) {
  fs::create_directories(is_folder ? target : target.parent_path());
  if (!is_folder) std::ofstream{target, std::ios::app};
}

void bind(const Source& source) {
  const fs::path target = new_root / source.path.relative_path();
  make_place(target, source.is_folder);
  // All that is mounted below it comes too: a part alone would uncover what a mount hides.
  mount_or_throw(("/proc/self/fd/" + std::to_string(source.handle.get())).c_str(), target, nullptr,
                 MS_BIND | MS_REC);
  restrict_mount(target, !source.may_write);
}

void make_devices() {
  for (const char* const name : {"null", "zero", "full", "random", "urandom"}) {
    const fs::path outside = fs::path{"/dev"} / name;
    const fs::path inside = new_root / "dev" / name;
    make_place(inside, false);
    mount_or_throw(outside.c_str(), inside, nullptr, MS_BIND);
  }
}

void make_tmpfs(const fs::path& target, std::size_t megabytes, const char* mode) {
  fs::create_directories(target);
  mount_or_throw("none", target, "tmpfs", MS_NOSUID | MS_NODEV,
                 "size=" + std::to_string(megabytes) + "m,nr_inodes=4k,mode=" + mode);
}

}  // namespace

const fs::path box_folder = "/box";

std::vector<fs::path> system_folders() {
  std::vector<fs::path> found;
  for (const char* const name : {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
                                 "/etc", "/opt", "/nix", "/gnu"}) {
    if (fs::exists(name)) found.emplace_back(name);
  }
  return found;
}

void enter_own_file_system(const Options& options) {
  mount_or_throw(nullptr, "/", nullptr, MS_REC | MS_PRIVATE);
  std::vector<Source> sources;
  std::vector<fs::path> links;
  for (const fs::path& path : system_folders()) {
    if (fs::is_symlink(path)) {
      links.push_back(path);
    } else {
      sources.push_back(open_source(path, false));
    }
  }
  std::vector<Source> own;
  for (const fs::path& path : options.readable) own.push_back(open_source(path, false));
  for (const fs::path& path : options.writable) own.push_back(open_source(path, true));

  mount_or_throw("none", new_root, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755");
  for (const Source& source : sources) bind(source);
  for (const fs::path& path : links) {
    fs::create_symlink(fs::read_symlink(path), new_root / path.relative_path());
  }
  // A tree that lies in a system's folder (/opt, say) is seen by now, and must not be.
  for (const fs::path& path : options.covered) {
    const fs::path inside = new_root / path.relative_path();
    if (fs::is_directory(inside)) make_tmpfs(inside, 1, "755");
  }
  for (const Source& source : own) {
    // What is seen already needs no place of its own; and none could be made in there.
    if (source.may_write || !fs::exists(new_root / source.path.relative_path())) bind(source);
  }
  make_devices();
  make_tmpfs(new_root / box_folder.relative_path(), options.box_mb, "1777");
  fs::create_directories(new_root / "proc");
  mount_or_throw("proc", new_root / "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  fs::create_symlink("/proc/self/fd", new_root / "dev/fd");

  check("chdir", ::chdir(new_root.c_str()));
  check("pivot_root", ::syscall(SYS_pivot_root, ".", "."));  // the old root lies below the new one
  check("umount2", ::umount2(".", MNT_DETACH));
  check("chdir", ::chdir("/"));
  // The folders made on the way hold nothing; now nothing can be put there.
  mount_or_throw(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV);
  check("chdir", ::chdir(box_folder.c_str()));
}

}  // namespace unblock::sandbox
