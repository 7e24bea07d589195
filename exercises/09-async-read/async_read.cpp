#include "async_read.hpp"

#include <sys/select.h>
#include <sys/socket.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "core/errors.hpp"
#include "core/wake_event.hpp"

namespace exercise {
namespace {

class Reader : public AsyncReader {
 public:
  // TODO: the thread. It sleeps in select; whoever starts or cancels a read must wake it, since it
  // sleeps on sets that do not know of that.

  void async_read(int fd, std::span<std::byte> buffer, Handler handler) override {
    // TODO: this is neither asynchronous nor does anybody call the handler.
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    (void)got;
    (void)handler;
  }

  void cancel(int fd) override {
    // TODO
    (void)fd;
  }

  bool run_one() override {
    // TODO: wait for a completion, call its handler.
    return false;
  }

  void run() override {
    while (run_one()) {
    }
  }

  void stop() override {
    // TODO
  }
};

}  // namespace

std::unique_ptr<AsyncReader> make_async_reader() { return std::make_unique<Reader>(); }

}  // namespace exercise
