// Right too, in another manner: a fiber that leaves goes straight to the next one, without run() in
// between. One that has ended is thrown away by whoever arrives after it, who stands on another
// stack; its stack goes to the next fiber that is spawned.

#include <algorithm>
#include <cstdint>
#include <exception>
#include <list>
#include <optional>
#include <queue>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "fiber_scheduler.hpp"
#include "lessons/13-fibers/context.hpp"

namespace exercise {
namespace {

using unblock::fibers::Context;
using unblock::fibers::Stack;

struct Strand {
  FiberId id = 0;
  std::function<void()> body;
  std::optional<Stack> stack;
  Context context;
};

// What is known of a fiber by its number: who waits for its end, or, after it, what it has thrown.
using Waiting = std::vector<Strand*>;
using Fate = std::variant<Waiting, std::exception_ptr>;

struct Sleeper {
  Time when;
  std::uint64_t order;
  Strand* strand;
  bool operator<(const Sleeper& other) const {  // the largest is on top
    return std::pair{when, order} > std::pair{other.when, other.order};
  }
};

class Loom final : public Scheduler {
 public:
  explicit Loom(Clock& clock) : clock_{clock} {}

  FiberId spawn(std::function<void()> body) override {
    Strand& strand = strands_.emplace_back();
    strand.id = next_id_++;
    strand.body = std::move(body);
    if (!stacks_.empty()) {
      strand.stack = std::move(stacks_.back());
      stacks_.pop_back();
    } else {
      strand.stack.emplace(stack_bytes);
    }
    fates_[strand.id] = Waiting{};
    strand.context.prepare(*strand.stack, &Loom::begin, this);
    queue_.push(&strand);
    return strand.id;
  }

  void run() override {
    here_ = &run_;
    if (!strands_.empty()) go_on();
    stacks_.clear();
    if (!strands_.empty()) throw Deadlock{"they wait for one another"};
  }

  void yield() override {
    queue_.push(here_);
    go_on();
  }

  void join(FiberId id) override {
    const auto fate = fates_.find(id);
    if (fate == fates_.end()) return;
    if (auto* const waiting = std::get_if<Waiting>(&fate->second)) {
      waiting->push_back(here_);
      go_on();
    }
    const auto its_end = fates_.find(id);  // not `fate`: the table may be another one by now
    if (its_end == fates_.end()) return;
    std::rethrow_exception(std::get<std::exception_ptr>(its_end->second));
  }

  void sleep_until(Time when) override {
    sleepers_.push({when, ++sleeps_, here_});
    go_on();
  }

 private:
  static void begin(void* loom) noexcept {
    auto& self = *static_cast<Loom*>(loom);
    self.bury();
    Strand& strand = *self.here_;
    std::exception_ptr thrown;
    try {
      std::exchange(strand.body, nullptr)();
    } catch (...) {
      thrown = std::current_exception();
    }
    for (Strand* const waiting : std::get<Waiting>(self.fates_[strand.id])) {
      self.queue_.push(waiting);
    }
    if (thrown) {
      self.fates_[strand.id] = std::exchange(thrown, nullptr);
    } else {
      self.fates_.erase(strand.id);
    }
    self.dead_ = &strand;
    self.here_ = self.next();
    Context::leave_for_good(strand.context, self.here_->context);
  }

  // Returns when somebody comes back here.
  void go_on() {
    Strand& from = *here_;
    here_ = next();
    if (here_ != &from) Context::switch_to(from.context, here_->context);
    bury();
  }

  // The next one to run; run() itself where there is none.
  Strand* next() {
    for (;;) {
      while (!sleepers_.empty() && sleepers_.top().when <= clock_.now()) {
        queue_.push(sleepers_.top().strand);
        sleepers_.pop();
      }
      if (!queue_.empty()) {
        Strand* const first = queue_.front();
        queue_.pop();
        return first;
      }
      if (sleepers_.empty()) return &run_;
      clock_.sleep_until(sleepers_.top().when);
    }
  }

  void bury() {
    if (dead_ == nullptr) return;
    stacks_.push_back(*std::move(dead_->stack));
    strands_.remove_if([this](const Strand& strand) { return &strand == dead_; });
    dead_ = nullptr;
  }

  Clock& clock_;
  Strand run_;  // it has no stack of ours
  Strand* here_ = nullptr;
  Strand* dead_ = nullptr;
  FiberId next_id_ = 100;
  std::uint64_t sleeps_ = 0;
  std::list<Strand> strands_;
  std::queue<Strand*> queue_;
  std::priority_queue<Sleeper> sleepers_;
  std::unordered_map<FiberId, Fate> fates_;
  std::vector<Stack> stacks_;
};

}  // namespace

std::unique_ptr<Scheduler> make_scheduler(Clock& clock) { return std::make_unique<Loom>(clock); }

}  // namespace exercise
