#include "proactor.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/errors.hpp"

namespace unblock {

// [queue]
void CompletionEventQueue::push(AsynchronousOperation& operation) noexcept {
  const std::lock_guard lock{mutex_};
  completed_.push(operation);
  changed_.notify_one();
}

std::size_t CompletionEventQueue::take(std::span<CompletionEvent> events) {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return !completed_.empty() || closed_; });
  std::size_t taken = 0;
  while (taken < events.size() && !completed_.empty()) {
    AsynchronousOperation* const operation = completed_.pop();
    events[taken++] = {.operation = operation,
                       .error = operation->error,
                       .data = std::move(operation->data),
                       .accepted = std::move(operation->accepted),
                       .more = false};
  }
  return taken;
}
// [/queue]

void CompletionEventQueue::close() noexcept {
  const std::lock_guard lock{mutex_};
  closed_ = true;
  changed_.notify_all();
}

void AsynchronousOperationProcessor::start(AsynchronousOperation& operation) {
  in_flight_.fetch_add(1, std::memory_order_relaxed);
  operation.error = 0;
  try {
    begin(operation);
  } catch (...) {
    in_flight_.fetch_sub(1, std::memory_order_relaxed);
    throw;
  }
}

Initiator::Initiator(AsynchronousOperationProcessor& processor, CompletionHandler& handler,
                     UniqueFd socket)
    : processor_{processor}, socket_{std::move(socket)} {
  for (AsynchronousOperation* const operation : {&inward_, &outward_}) {
    operation->fd = socket_.get();
    operation->handler = &handler;
  }
}

// [claim]
AsynchronousOperation& Initiator::claim(AsynchronousOperation& operation,
                                        AsynchronousOperation::Kind kind) {
  if (operation.started.exchange(true, std::memory_order_acquire)) {
    throw std::logic_error{
        "one operation per socket and direction: the one before has not completed yet, and in "
        "which order the two would complete is not known"};
  }
  operation.kind = kind;
  return operation;
}

void Initiator::start_read() {
  processor_.start(claim(inward_, AsynchronousOperation::Kind::read));
}
// [/claim]

void Initiator::start_accept(bool many) {
  claim(inward_, AsynchronousOperation::Kind::accept).many = many;
  processor_.start(inward_);
}

void Initiator::start_write(Buffer data) {
  claim(outward_, AsynchronousOperation::Kind::write).data = std::move(data);
  processor_.start(outward_);
}

void Initiator::start_delay(std::chrono::milliseconds time) {
  claim(outward_, AsynchronousOperation::Kind::delay).deadline =
      std::chrono::steady_clock::now() + time;
  processor_.start(outward_);
}

void Initiator::cancel() {
  for (AsynchronousOperation* const operation : {&inward_, &outward_}) {
    if (operation->started) processor_.cancel(*operation);
  }
}

// [run]
void Proactor::run() {
  if (engine_.in_flight() == 0) engine_.close();
  {
    std::vector<std::jthread> others;
    try {
      while (others.size() + 1 < engine_.threads()) {
        others.emplace_back([this] { handle_events(); });
      }
    } catch (...) {  // the system has no more threads to give
      keep_exception();
    }
    handle_events();
  }
  engine_.join();
  if (thrown_) std::rethrow_exception(thrown_);
}

bool Proactor::run_once() {
  // With several threads, each takes a few at a time, so that there is something for the others.
  std::array<CompletionEvent, 128> events;
  const std::size_t batch = engine_.threads() == 1 ? events.size() : 8;
  const std::size_t count = engine_.wait(std::span{events}.first(batch));
  std::size_t finished = 0;
  for (CompletionEvent& event : std::span{events}.first(count)) {
    if (!event.more) ++finished;
    dispatch(std::move(event));
  }
  // A handler that started the next operation did so before its own one was counted off.
  if (finished > 0 && engine_.finish(finished) == 0) engine_.close();
  return count > 0;
}

void Proactor::handle_events() noexcept {
  try {
    while (run_once()) {
    }
  } catch (...) {  // the demultiplexer itself failed: nothing more will come of it
    keep_exception();
    engine_.close();
  }
}

void Proactor::dispatch(CompletionEvent event) noexcept {
  AsynchronousOperation& operation = *event.operation;
  if (!event.more) operation.started.store(false, std::memory_order_release);
  try {
    operation.handler->on_completion(std::move(event));
  } catch (...) {
    keep_exception();
  }
}
// [/run]

void Proactor::keep_exception() noexcept {
  {
    const std::lock_guard lock{mutex_};
    if (!thrown_) thrown_ = std::current_exception();
  }
  engine_.cancel_all();
}

}  // namespace unblock
