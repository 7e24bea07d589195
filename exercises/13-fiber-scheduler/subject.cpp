// The program around your file: fibers that do what a check orders, one instruction after another,
// and tell over a descriptor how far they have come. Nothing here is to be changed; the grader uses
// its own copy.

#include <alloca.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "exercises/kit/commands.hpp"
#include "fiber_scheduler.hpp"

namespace {

using exercise::FiberId;
using exercise::Scheduler;
using exercise::Time;
using std::chrono::microseconds;
using std::chrono::steady_clock;
using unblock::UniqueFd;

// What a body throws; not derived from std::exception, so who catches only that misses it.
struct BodyFailed {
  std::string word;
};

class SystemClock final : public exercise::Clock {
 public:
  [[nodiscard]] Time now() override { return steady_clock::now(); }
  void sleep_until(Time when) override { std::this_thread::sleep_until(when); }
};

// Time passes when somebody looks at it, works or sleeps, and never by itself.
class TestClock final : public exercise::Clock {
 public:
  [[nodiscard]] Time now() override { return now_ += microseconds{1}; }
  void sleep_until(Time when) override {
    too_early_ = !too_early_;
    if (when > now_) now_ = too_early_ ? now_ + (when - now_) / 2 : when;
  }
  void pass(microseconds duration) { now_ += duration; }

 private:
  Time now_ = steady_clock::now();
  bool too_early_ = false;
};

// An instruction: what, a number, a word.
using Instruction = std::tuple<std::string, std::int64_t, std::string>;
using Program = std::vector<Instruction>;

// The fibers of one scheduler; program 0, 1 ... is what fiber 0, 1 ... does.
class Fibers {
 public:
  Fibers(int reports_fd, bool real_clock, std::vector<Program> programs)
      : reports_fd_{reports_fd}, programs_{std::move(programs)} {
    if (real_clock) {
      clock_ = std::make_unique<SystemClock>();
    } else {
      auto clock = std::make_unique<TestClock>();
      test_clock_ = clock.get();
      clock_ = std::move(clock);
    }
    scheduler_ = exercise::make_scheduler(*clock_);
    begin_ = clock_->now();
  }

  // Spawns the programs from `first` up to `last`, without it, and runs them.
  std::string run(std::int64_t first, std::int64_t last) {
    try {
      for (std::int64_t i = first; i < last; ++i) spawn(i);
      scheduler_->run();
      return "all have ended";
    } catch (const exercise::Deadlock&) {
      return "a deadlock";
    }
  }

 private:
  void spawn(std::int64_t number) {
    ids_[number] = scheduler_->spawn([this, number] {
      for (const auto& [what, argument, word] : programs_.at(static_cast<std::size_t>(number))) {
        carry_out(what, argument, word);
      }
    });
  }

  void carry_out(const std::string& what, std::int64_t number, const std::string& word) {
    if (what == "say") say(word);
    if (what == "yield") scheduler_->yield();
    if (what == "spawn") spawn(number);
    if (what == "join") join(number);
    if (what == "sleep") sleep(microseconds{number});
    if (what == "throw") throw BodyFailed{word};
    if (what == "set") flags_.insert(word);
    if (what == "tell") say(flags_.contains(word) ? word : "not " + word);
    if (what == "yield-until") yield_until(number, word);
    if (what == "one-by-one") one_by_one(number);
    if (what == "all-at-once") all_at_once(number);
  }

  void join(std::int64_t number) {
    std::string caught;
    try {
      scheduler_->join(ids_.at(number));
    } catch (const BodyFailed& failed) {
      caught = failed.word;
    }
    if (!caught.empty()) say("caught " + caught);
  }

  // Until so long after the beginning.
  void sleep(microseconds duration) {
    scheduler_->sleep_until(begin_ + duration);
    if (clock_->now() < begin_ + duration) flags_.insert("too early");
  }

  // Always ready to run, until somebody sets `word`; for so long at most.
  void yield_until(std::int64_t microseconds_at_most, const std::string& word) {
    for (std::int64_t i = 0; i < microseconds_at_most && !flags_.contains(word); ++i) {
      if (test_clock_ != nullptr) test_clock_->pass(microseconds{1});
      scheduler_->yield();
    }
    say(flags_.contains(word) ? "seen " + word : "never seen " + word);
  }

  // Each uses a part of its stack. (An array AddressSanitizer might put elsewhere.)
  [[gnu::noinline]] void use_stack() {
    constexpr std::size_t size = std::size_t{40} * 1024;
    auto* const bytes = static_cast<volatile char*>(::alloca(size));
    for (std::size_t i = 0; i < size; ++i) bytes[i] = 1;
    ++used_;
  }
  void one_by_one(std::int64_t fibers) {
    for (std::int64_t i = 0; i < fibers; ++i) {
      scheduler_->join(scheduler_->spawn([this] { use_stack(); }));
    }
    say("ended " + std::to_string(std::exchange(used_, 0)));
  }
  // The last of them says how many they are.
  void all_at_once(std::int64_t fibers) {
    std::set<FiberId> ids;
    for (std::int64_t i = 0; i < fibers; ++i) {
      ids.insert(scheduler_->spawn([this, fibers] {
        scheduler_->yield();
        if (++used_ == fibers) say("ended " + std::to_string(used_));
      }));
    }
    if (ids.size() != static_cast<std::size_t>(fibers)) say("a number was given twice");
  }

  void say(const std::string& word) const {
    const std::string line = word + "\n";
    ::send(reports_fd_, line.data(), line.size(), 0);
  }

  int reports_fd_;
  std::vector<Program> programs_;
  std::map<std::int64_t, FiberId> ids_;
  std::set<std::string> flags_;
  std::int64_t used_ = 0;
  std::unique_ptr<exercise::Clock> clock_;
  TestClock* test_clock_ = nullptr;
  Time begin_;
  std::unique_ptr<Scheduler> scheduler_;
};

}  // namespace

int main() {
  unblock::kit::Commands commands;
  // Spawns the first programs, and runs them; the others are for them to spawn. Then those from
  // `first` on that are to run after it, in the same scheduler.
  commands.on("run",
              [](const UniqueFd& reports, bool real_clock, const std::vector<Program>& programs,
                 const std::vector<std::pair<std::int64_t, std::int64_t>>& runs) {
                Fibers fibers{reports.get(), real_clock, programs};
                std::string ended;
                for (const auto& [first, last] : runs) ended = fibers.run(first, last);
                return ended;
              });
  return commands.run();
}
