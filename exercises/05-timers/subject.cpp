// The program around your file: a loop that is told what to do over a descriptor which it watches,
// one order a line, and tells over another one which timers have fired. Nothing here is to be
// changed; the grader uses its own copy.

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "core/wake_event.hpp"
#include "exercises/kit/commands.hpp"
#include "timers.hpp"

namespace {

using exercise::Clock;
using unblock::UniqueFd;

class Orders {
 public:
  Orders(int orders_fd, int reports_fd) : orders_fd_{orders_fd}, reports_fd_{reports_fd} {
    loop_->watch(orders_fd, [this] { take_orders(); });
  }

  void run() { loop_->run(); }

 private:
  // What comes together is obeyed together: its times count from one moment.
  void take_orders() {
    std::array<char, 256 * 1024> bytes;
    const auto got = ::recv(orders_fd_, bytes.data(), bytes.size(), 0);
    if (got <= 0) return loop_->stop();
    std::istringstream lines{std::string{bytes.data(), static_cast<std::size_t>(got)}};
    const auto now = Clock::now();
    for (std::string line; std::getline(lines, line);) obey(line, now);
  }

  void obey(const std::string& line, Clock::time_point now) {
    std::istringstream words{line};
    std::string order;
    std::string name;
    std::string other;
    long number = 0;
    words >> order >> name >> number >> other;
    const auto due = now + std::chrono::microseconds{number};
    if (order == "say") tell(name);
    if (order == "stop") loop_->stop();
    if (order == "set") timers_[name] = loop_->at(due, [this, name] { tell(name); });
    if (order == "cancel") cancel(name);
    if (order == "set-that-cancels") {
      timers_[name] = loop_->at(due, [this, name, other] {
        tell(name);
        cancel(other);
      });
    }
    // Fires `number` times, setting itself anew for that very moment each time.
    if (order == "repeat") repeat(name, number);
    // Sets itself anew without end, and tells nothing.
    if (order == "repeat-for-ever") repeat_for_ever();
    // A descriptor that is always readable.
    if (order == "watch-for-ever") {
      always_.signal();
      loop_->watch(always_.fd(), [] {});
    }
  }

  void cancel(const std::string& name) {
    tell((loop_->cancel(timers_.at(name)) ? "cancelled-" : "too-late-for-") + name);
  }

  void repeat(const std::string& name, long times) {
    if (times == 0) return;
    loop_->at(Clock::now(), [this, name, times] {
      tell(name);
      repeat(name, times - 1);
    });
  }

  void repeat_for_ever() {
    loop_->at(Clock::now(), [this] { repeat_for_ever(); });
  }

  void tell(const std::string& word) const {
    const std::string line = word + "\n";
    ::send(reports_fd_, line.data(), line.size(), 0);
  }

  int orders_fd_;
  int reports_fd_;
  unblock::WakeEvent always_;
  std::map<std::string, exercise::TimerId> timers_;
  std::unique_ptr<exercise::TimerLoop> loop_ = exercise::make_timer_loop();
};

}  // namespace

int main() {
  unblock::kit::Commands commands;
  commands.on("run", [](const UniqueFd& orders, const UniqueFd& reports) {
    Orders{orders.get(), reports.get()}.run();
  });
  return commands.run();
}
