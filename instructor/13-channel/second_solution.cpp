// Right too, in another manner: calls are numbered, and everybody waits until the numbers are such
// that it is his turn. Whoever changes a number wakes all that wait, and they look.

#include <algorithm>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "channel.hpp"

namespace exercise {
namespace {

class Counted final : public Channel {
 public:
  Counted(Scheduler& scheduler, std::size_t capacity)
      : scheduler_{&scheduler}, capacity_{capacity} {}

  bool send(std::string value) override {
    if (is_closed()) return false;
    const std::size_t mine = sent_++;
    in_.emplace(mine, std::move(value));
    changed();
    wait_until([&] { return mine < asked_ + capacity_ || is_closed(); });
    if (mine < end_) return true;
    in_.erase(mine);
    return false;
  }

  std::optional<std::string> receive() override {
    const std::size_t mine = asked_++;
    changed();
    wait_until([&] { return mine < sent_ || mine >= end_; });
    if (mine >= end_) return std::nullopt;
    return std::move(in_.extract(mine).mapped());
  }

  void close() override {
    if (is_closed()) return;
    // What is in, or was asked for, is the last to be received.
    end_ = std::min(sent_, asked_ + capacity_);
    changed();
  }

 private:
  static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

  [[nodiscard]] bool is_closed() const { return end_ != never; }

  template <typename Condition>
  void wait_until(Condition condition) {
    while (!condition()) {
      waiting_.push_back(scheduler_->current());
      scheduler_->park();
      // Woken by changed(), it is in the list no more; for nothing, it is.
      std::erase(waiting_, scheduler_->current());
    }
  }
  void changed() {
    const std::vector<Fiber*> all = std::exchange(waiting_, {});
    for (Fiber* const fiber : all) scheduler_->wake(fiber);
  }

  Scheduler* scheduler_;
  std::size_t capacity_;
  std::size_t sent_ = 0;  // calls of send(), and of receive()
  std::size_t asked_ = 0;
  std::size_t end_ = never;  // calls of receive() from this one on get nothing
  std::map<std::size_t, std::string> in_;
  std::vector<Fiber*> waiting_;
};

}  // namespace

std::unique_ptr<Channel> make_channel(Scheduler& scheduler, std::size_t capacity) {
  return std::unique_ptr<Channel>{new Counted{scheduler, capacity}};
}

}  // namespace exercise
