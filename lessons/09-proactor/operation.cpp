#include "operation.hpp"

#include <algorithm>

namespace unblock {

void OperationList::push(AsynchronousOperation& operation) noexcept {
  operation.next = nullptr;
  (first_ == nullptr ? first_ : last_->next) = &operation;
  last_ = &operation;
}

AsynchronousOperation* OperationList::pop() noexcept {
  AsynchronousOperation* const operation = first_;
  if (operation != nullptr) first_ = operation->next;
  return operation;
}

bool OperationList::remove(AsynchronousOperation& operation) noexcept {
  AsynchronousOperation* before = nullptr;
  for (auto* each = first_; each != nullptr; before = each, each = each->next) {
    if (each != &operation) continue;
    (before == nullptr ? first_ : before->next) = each->next;
    if (last_ == each) last_ = before;
    return true;
  }
  return false;
}

AsynchronousOperation* DelayList::pop_due() noexcept {
  const auto now = std::chrono::steady_clock::now();
  for (auto* each = delays_.first(); each != nullptr; each = each->next) {
    if (each->deadline > now) continue;
    delays_.remove(*each);
    return each;
  }
  return nullptr;
}

std::optional<std::chrono::microseconds> DelayList::time_left() const noexcept {
  if (delays_.empty()) return std::nullopt;
  auto next = delays_.first()->deadline;
  for (auto* each = delays_.first(); each != nullptr; each = each->next) {
    next = std::min(next, each->deadline);
  }
  const auto left = next - std::chrono::steady_clock::now();
  return std::max(std::chrono::ceil<std::chrono::microseconds>(left), std::chrono::microseconds{0});
}

}  // namespace unblock
