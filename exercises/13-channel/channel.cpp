#include "channel.hpp"

#include <deque>
#include <utility>

namespace exercise {
namespace {

class MyChannel final : public Channel {
 public:
  MyChannel(Scheduler& scheduler, std::size_t capacity)
      : scheduler_{scheduler}, capacity_{capacity} {}

  bool send(std::string value) override {
    // TODO: while there is no room, the fiber waits: scheduler_.current(), park(), wake(). And if
    // somebody waits for a value already, it is his.
    if (values_.size() == capacity_) return false;
    values_.push_back(std::move(value));
    return true;
  }

  std::optional<std::string> receive() override {
    // TODO: while there is nothing, the fiber waits. Afterwards there is room: for whom?
    (void)scheduler_;
    return std::nullopt;
  }

  void close() override {
    // TODO: what does it mean for those who wait, and for values that are in?
  }

 private:
  Scheduler& scheduler_;
  std::size_t capacity_;
  std::deque<std::string> values_;
};

}  // namespace

std::unique_ptr<Channel> make_channel(Scheduler& scheduler, std::size_t capacity) {
  return std::make_unique<MyChannel>(scheduler, capacity);
}

}  // namespace exercise
