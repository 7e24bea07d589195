// Mistake: wakes senders when it is closed, and not the receivers
// Loses: Close.EndsTheWaitOfReceivers

#include <deque>
#include <utility>

#include "channel.hpp"

namespace exercise {
namespace {

// Somebody who waits; it lives on his stack. Whoever serves him takes him out of the queue, so that
// what he has got is his, whenever he gets to run.
struct Waiter {
  Fiber* fiber;
  std::optional<std::string>
      value;  // a sender's, until it is taken; a receiver's, when it is there
  bool served = false;
  bool refused = false;  // by close()
};

class MyChannel final : public Channel {
 public:
  MyChannel(Scheduler& scheduler, std::size_t capacity)
      : scheduler_{scheduler}, capacity_{capacity} {}

  bool send(std::string value) override {
    if (closed_) return false;
    if (!receivers_.empty()) {
      Waiter& receiver = first(receivers_);
      receiver.value = std::move(value);
      serve(receiver);
      return true;
    }
    if (values_.size() < capacity_) {
      values_.push_back(std::move(value));
      return true;
    }
    Waiter self{scheduler_.current(), std::move(value)};
    wait(senders_, self);
    return !self.refused;
  }

  std::optional<std::string> receive() override {
    if (!senders_.empty()) {  // so the channel is full, maybe of nothing: the first one moves up
      Waiter& sender = first(senders_);
      values_.push_back(*std::move(sender.value));
      serve(sender);
    }
    if (!values_.empty()) {
      std::optional<std::string> value{std::move(values_.front())};
      values_.pop_front();
      return value;
    }
    if (closed_) return std::nullopt;
    Waiter self{scheduler_.current(), std::nullopt};
    wait(receivers_, self);
    return std::move(self.value);
  }

  void close() override {
    closed_ = true;
    for (std::deque<Waiter*>* const waiters : {&senders_}) {
      while (!waiters->empty()) {
        Waiter& waiter = first(*waiters);
        waiter.refused = true;
        serve(waiter);
      }
    }
  }

 private:
  static Waiter& first(std::deque<Waiter*>& waiters) {
    Waiter& waiter = *waiters.front();
    waiters.pop_front();
    return waiter;
  }
  void serve(Waiter& waiter) {
    waiter.served = true;
    scheduler_.wake(waiter.fiber);
  }
  void wait(std::deque<Waiter*>& waiters, Waiter& self) {
    waiters.push_back(&self);
    while (!self.served) scheduler_.park();
  }

  Scheduler& scheduler_;
  std::size_t capacity_;
  std::deque<std::string> values_;
  std::deque<Waiter*> senders_;    // none while there is room
  std::deque<Waiter*> receivers_;  // none while there are values
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<Channel> make_channel(Scheduler& scheduler, std::size_t capacity) {
  return std::make_unique<MyChannel>(scheduler, capacity);
}

}  // namespace exercise
