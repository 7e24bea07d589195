#include "exercises/kit/sleep.hpp"

#include <sys/syscall.h>

#include <fstream>
#include <string_view>

#include <fmt/format.h>

#include "exercises/kit/as_user_of.hpp"
#include "exercises/kit/sandbox/status.hpp"

namespace unblock::kit {
namespace {

enum class FirstArgument { descriptor, other };

struct Known {
  long number;
  std::string_view name;
  FirstArgument first;
  std::string_view remark = {};
};

constexpr Known known_calls[] = {
    {SYS_read, "read", FirstArgument::descriptor},
    {SYS_readv, "readv", FirstArgument::descriptor},
    {SYS_recvfrom, "recv", FirstArgument::descriptor},
    {SYS_recvmsg, "recvmsg", FirstArgument::descriptor},
    {SYS_write, "write", FirstArgument::descriptor},
    {SYS_writev, "writev", FirstArgument::descriptor},
    {SYS_sendto, "send", FirstArgument::descriptor},
    {SYS_sendmsg, "sendmsg", FirstArgument::descriptor},
    {SYS_accept, "accept", FirstArgument::descriptor},
    {SYS_accept4, "accept", FirstArgument::descriptor},
    {SYS_connect, "connect", FirstArgument::descriptor},
    {SYS_close, "close", FirstArgument::descriptor},
    {SYS_epoll_pwait, "epoll_wait", FirstArgument::descriptor},
    {SYS_io_uring_enter, "io_uring_enter", FirstArgument::descriptor},
    {SYS_ppoll, "poll", FirstArgument::other},
    {SYS_pselect6, "select", FirstArgument::other},
#ifdef SYS_poll  // the older calls, which x86-64 has and aarch64 has not
    {SYS_poll, "poll", FirstArgument::other},
    {SYS_select, "select", FirstArgument::other},
    {SYS_epoll_wait, "epoll_wait", FirstArgument::descriptor},
    {SYS_pause, "pause", FirstArgument::other},
#endif
    {SYS_futex, "futex", FirstArgument::other, " (a lock, or a wait for another thread)"},
    {SYS_nanosleep, "sleep", FirstArgument::other},
    {SYS_clock_nanosleep, "sleep", FirstArgument::other},
    {SYS_wait4, "wait", FirstArgument::other},
};

}  // namespace

std::optional<SleepingCall> sleeping_call(pid_t thread) {
  const AsUserOf its_user{thread};
  // "NUMBER 0xARGUMENT ...", or "running": proc(5)
  std::ifstream file{fmt::format("/proc/{}/syscall", thread)};
  long number = 0;
  std::string argument;
  if (!(file >> number >> argument)) return std::nullopt;
  const auto first = static_cast<int>(std::stoul(argument, nullptr, 16));
  for (const Known& known : known_calls) {
    if (known.number != number) continue;
    if (known.first == FirstArgument::descriptor) {
      return SleepingCall{fmt::format("{}() of descriptor {}", known.name, first),
                          first == sandbox::channel_fd && number != SYS_sendmsg};
    }
    return SleepingCall{fmt::format("{}(){}", known.name, known.remark), false};
  }
  return SleepingCall{fmt::format("system call {}", number), false};
}

}  // namespace unblock::kit
