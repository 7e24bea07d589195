#include "exercises/kit/sandbox/system_calls.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>

namespace unblock::sandbox {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
#error "the sandbox's filter knows x86-64 and aarch64"
#endif

// What no exercise needs and what attacks on kernels begin with.
constexpr int refused[] = {
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_swapon,
    SYS_swapoff,
    SYS_reboot,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_acct,
    SYS_quotactl,
    SYS_syslog,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_settimeofday,
    SYS_adjtimex,
    SYS_clock_settime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_vhangup,
    SYS_fanotify_init,
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsmount,
    SYS_fsconfig,
    SYS_pidfd_getfd,
    SYS_move_pages,
    SYS_migrate_pages,
    SYS_mbind,
    SYS_set_mempolicy,
    SYS_lookup_dcookie,
};

constexpr std::uint64_t new_namespaces = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                                         CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

const std::map<std::string, std::vector<int>>& calls_by_name() {
  static const std::map<std::string, std::vector<int>> all{
#ifdef SYS_select
      {"select", {SYS_select, SYS_pselect6}},
      {"poll", {SYS_poll, SYS_ppoll}},
      {"epoll", {SYS_epoll_create, SYS_epoll_create1}},
#else
      {"select", {SYS_pselect6}},         {"poll", {SYS_ppoll}},
      {"epoll", {SYS_epoll_create1}},
#endif
      {"io_uring", {SYS_io_uring_setup}},
      {"timerfd", {SYS_timerfd_create}},
      {"eventfd", {SYS_eventfd2}},
      {"signalfd", {SYS_signalfd4}},
  };
  return all;
}

// A BPF program over seccomp_data (seccomp(2)). Every test jumps over one return.
class Filter {
 public:
  Filter() {
    load(offsetof(seccomp_data, arch));
    // A call of another architecture (32 bits) has other numbers: there is none to be let through.
    emit(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0);
    give(SECCOMP_RET_KILL_PROCESS);
#if defined(__x86_64__)
    load(offsetof(seccomp_data, nr));
    constexpr std::uint32_t x32_bit = 0x40000000;
    emit(BPF_JMP | BPF_JGE | BPF_K, x32_bit, 0, 1);
    give(SECCOMP_RET_KILL_PROCESS);
#endif
  }

  void fail(int call, int error) {
    load(offsetof(seccomp_data, nr));
    emit(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1);
    give(SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error));
  }

  // The call fails where its argument has one of these bits (all in the lower half).
  void fail_with_bits(int call, unsigned argument, std::uint64_t bits, int error) {
    load(offsetof(seccomp_data, nr));
    emit(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 3);
    load(offset_of(argument));
    emit(BPF_JMP | BPF_JSET | BPF_K, static_cast<std::uint32_t>(bits), 0, 1);
    give(SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error));
  }

  // The call fails unless its argument is one of these.
  void fail_unless(int call, unsigned argument, const std::vector<std::uint32_t>& allowed,
                   int error) {
    const auto count = static_cast<std::uint8_t>(allowed.size());
    load(offsetof(seccomp_data, nr));
    emit(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0,
         static_cast<std::uint8_t>(count + 2));
    load(offset_of(argument));
    for (std::uint8_t i = 0; i < count; ++i) {
      emit(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], static_cast<std::uint8_t>(count - i), 0);
    }
    give(SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error));
  }

  bool install() {
    give(SECCOMP_RET_ALLOW);
    const sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
    return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
  }

 private:
  static std::uint32_t offset_of(unsigned argument) {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 8UL * argument);
  }
  void emit(int code, std::uint32_t k, std::uint8_t if_true, std::uint8_t if_false) {
    code_.push_back({static_cast<std::uint16_t>(code), if_true, if_false, k});
  }
  void load(std::size_t offset) {
    emit(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset), 0, 0);
  }
  void give(std::uint32_t result) { emit(BPF_RET | BPF_K, result, 0, 0); }

  std::vector<sock_filter> code_;
};

}  // namespace

std::string restrict_system_calls(const std::vector<std::string>& denied, bool io_uring) {
  Filter filter;
  for (const int call : refused) filter.fail(call, EPERM);
  if (!io_uring) filter.fail(SYS_io_uring_setup, ENOSYS);
  for (const std::string& name : denied) {
    const auto calls = calls_by_name().find(name);
    if (calls == calls_by_name().end()) {
      throw std::invalid_argument{"the sandbox cannot deny '" + name + "'"};
    }
    for (const int call : calls->second) filter.fail(call, ENOSYS);
  }
  // clone3 keeps its flags in memory, where a filter cannot look; libc then uses clone.
  filter.fail(SYS_clone3, ENOSYS);
  filter.fail_with_bits(SYS_clone, 0, new_namespaces, EPERM);
  filter.fail_unless(SYS_socket, 0, {AF_UNIX, AF_INET, AF_INET6}, EAFNOSUPPORT);
  if (!filter.install()) return "system calls (this kernel has no seccomp)";
  return {};
}

}  // namespace unblock::sandbox
