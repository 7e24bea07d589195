// The program around your file: it starts and cancels reads as a check orders, and its handlers
// tell over a socket what came of each. Nothing here is to be changed; the grader uses its own
// copy.

#include <fcntl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "async_read.hpp"
#include "core/errors.hpp"
#include "exercises/kit/commands.hpp"

namespace {

using exercise::Completion;
using unblock::check;
using unblock::UniqueFd;

// A read that a check has ordered. Its buffer is gone as soon as its handler has told of it.
struct Read {
  int fd;
  std::string name;
  std::string then;  // what the handler does besides telling
  std::size_t size;
  std::unique_ptr<std::byte[]> buffer = std::make_unique<std::byte[]>(size);
};

class Program {
 public:
  void make(UniqueFd reports, UniqueFd gate) {
    reports_ = std::move(reports);
    gate_ = std::move(gate);
    reader_ = exercise::make_async_reader();
  }

  // The number of a socket that is open from now on.
  int adopt(UniqueFd socket) {
    check("fcntl", ::fcntl(socket.get(), F_SETFL, O_NONBLOCK));
    const std::lock_guard lock{mutex_};
    const int fd = socket.get();
    sockets_[fd] = std::move(socket);
    return fd;
  }
  int adopt_beyond_the_set(const UniqueFd& socket) {
    return adopt(UniqueFd{check("fcntl", ::fcntl(socket.get(), F_DUPFD_CLOEXEC, FD_SETSIZE))});
  }
  void close(int fd) {
    const std::lock_guard lock{mutex_};
    sockets_.erase(fd);
  }

  void start(const std::shared_ptr<Read>& read) {
    reader_->async_read(read->fd, {read->buffer.get(), read->size},
                        [this, read](Completion completion) { on_read(read, completion); });
  }

  void run() {
    reader_->run();
    const std::lock_guard lock{mutex_};
  }
  // Nobody is in run() any more. The check has seen to that; the mutex tells it to a race detector.
  void destroy() {
    const std::lock_guard lock{mutex_};
    reader_.reset();
  }
  void close_all() {
    sockets_.clear();
    reports_.reset();
    gate_.reset();
  }

  exercise::AsyncReader& reader() { return *reader_; }

 private:
  void on_read(const std::shared_ptr<Read>& read, Completion completion) {
    tell(*read, completion);
    if (read->then == "again" && completion.error == 0 && completion.bytes > 0) return start(read);
    read->buffer.reset();
    if (read->then == "close") close(read->fd);
    if (read->then == "stop") reader_->stop();
    if (read->then == "throw") throw std::runtime_error{"what this handler does, it cannot do"};
    if (read->then == "wait") {
      char any;
      while (::read(gate_.get(), &any, 1) < 0 && errno == EINTR) {
      }
    }
  }

  void tell(const Read& read, Completion completion) const {
    const std::size_t bytes = std::min(completion.bytes, read.size);
    std::string report = read.name + " " + std::to_string(completion.error) + " " +
                         std::to_string(completion.bytes) + "\n";
    report.append(reinterpret_cast<const char*>(read.buffer.get()), bytes);
    ::send(reports_.get(), report.data(), report.size(), MSG_NOSIGNAL);
  }

  std::mutex mutex_;  // of sockets_, and of the end
  std::map<int, UniqueFd> sockets_;
  UniqueFd reports_;
  UniqueFd gate_;
  std::unique_ptr<exercise::AsyncReader> reader_;
};

}  // namespace

int main() {
  unblock::kit::Commands commands;
  Program program;
  commands.on("make_async_reader", [&](UniqueFd reports, UniqueFd gate) {
    program.make(std::move(reports), std::move(gate));
  });
  commands.on("adopt", [&](UniqueFd socket) { return program.adopt(std::move(socket)); });
  commands.on("adopt_beyond_the_set",
              [&](const UniqueFd& socket) { return program.adopt_beyond_the_set(socket); });
  commands.on("async_read", [&](int fd, std::string name, std::size_t size, std::string then) {
    program.start(std::make_shared<Read>(
        Read{.fd = fd, .name = std::move(name), .then = std::move(then), .size = size}));
  });
  commands.on("cancel", [&](int fd) { program.reader().cancel(fd); });
  commands.on("stop", [&] { program.reader().stop(); });
  commands.in_thread("run", [&] { program.run(); });
  commands.in_thread("run_one", [&] { return program.reader().run_one(); });
  commands.on("~AsyncReader", [&] { program.destroy(); });
  commands.on("close_all", [&] { program.close_all(); });
  return commands.run();
}
