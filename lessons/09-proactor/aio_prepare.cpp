// What POSIX AIO needs once in a process, before its first request.
//
// Manual: aio_init(3).

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <vector>

#include "aio_engine.hpp"
#include "core/errors.hpp"
#include "thread_sanitizer.hpp"

namespace unblock {
namespace {

// glibc's helper threads make further ones when there is much to do. ThreadSanitizer does not know
// them, and crashes when such a thread allocates memory, as creating a thread does. So under it all
// of them are made beforehand, by this thread, one for each read of a silent pipe. They stay, but
// for one now and then that is woken for a request and finds that another one has taken it.
void make_all_threads() {
  std::array<int, 2> ends{};
  check("pipe2", ::pipe2(ends.data(), O_CLOEXEC));
  const UniqueFd read_end{ends[0]};
  UniqueFd write_end{ends[1]};
  std::vector<UniqueFd> copies;  // requests of one descriptor would be carried out one by one
  std::vector<aiocb> requests(AioEngine::most_at_once);
  std::byte byte;
  for (aiocb& request : requests) {
    copies.emplace_back(check("fcntl", ::fcntl(read_end.get(), F_DUPFD_CLOEXEC, 0)));
    request.aio_fildes = copies.back().get();
    request.aio_buf = &byte;
    request.aio_nbytes = 1;
    request.aio_sigevent.sigev_notify = SIGEV_NONE;
    check("aio_read", ::aio_read(&request));
  }
  write_end.reset();  // end-of-stream for all of them
  for (const aiocb& request : requests) {
    const aiocb* const list[] = {&request};
    while (::aio_error(&request) == EINPROGRESS) ::aio_suspend(list, 1, nullptr);
  }
}

}  // namespace

// [prepare]
void AioEngine::prepare_process() {
  static const bool prepared = [] {
    aioinit limits{};  // unless it is told, glibc has 20 threads
    limits.aio_threads = most_at_once;
    limits.aio_num = most_at_once;
    limits.aio_idle_time = under_thread_sanitizer ? 24 * 60 * 60 : 1;  // seconds
    ::aio_init(&limits);
    if (under_thread_sanitizer) make_all_threads();
    return true;
  }();
  static_cast<void>(prepared);
}
// [/prepare]

}  // namespace unblock
