#pragma once

// A sanitizer follows the calls and returns of each thread and knows the bounds of its stack. A
// switch that it is not told of looks to it like a jump into nowhere: AddressSanitizer then reports
// accesses that are in order, and ThreadSanitizer takes all the fibers of a thread for one and the
// same. Without sanitizers all this is nothing.
// See sanitizer/common_interface_defs.h and sanitizer/tsan_interface.h.

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define UNBLOCK_ASAN_FIBERS 1
#elif defined(__SANITIZE_THREAD__)
#define UNBLOCK_TSAN_FIBERS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNBLOCK_ASAN_FIBERS 1
#elif __has_feature(thread_sanitizer)
#define UNBLOCK_TSAN_FIBERS 1
#endif
#endif

#if defined(UNBLOCK_ASAN_FIBERS)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(UNBLOCK_TSAN_FIBERS)
#include <sanitizer/tsan_interface.h>
#endif

namespace unblock::fibers {

/// What a sanitizer wants to know of one flow of control; a member of each Context.
class SanitizerFiber {
 public:
#if defined(UNBLOCK_ASAN_FIBERS)
  void prepare(const std::byte* bottom, std::size_t size) noexcept {
    __asan_unpoison_memory_region(bottom, size);  // of frames that were never returned from
    bottom_ = bottom;
    size_ = size;
    fake_stack_ = nullptr;
  }
  void leave(SanitizerFiber& to, bool for_good) noexcept {
    to.before_ = this;
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_stack_, to.bottom_, to.size_);
  }
  // The bounds of a thread's own stack are learnt here, by the first fiber that it switches to.
  void arrive() noexcept {
    __sanitizer_finish_switch_fiber(fake_stack_, &before_->bottom_, &before_->size_);
  }

 private:
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
  void* fake_stack_ = nullptr;
  SanitizerFiber* before_ = nullptr;  // who was left for this one
#elif defined(UNBLOCK_TSAN_FIBERS)
  SanitizerFiber() = default;
  SanitizerFiber(const SanitizerFiber&) = delete;
  SanitizerFiber& operator=(const SanitizerFiber&) = delete;
  ~SanitizerFiber() {
    if (owned_) __tsan_destroy_fiber(fiber_);
  }
  void prepare(const std::byte*, std::size_t) noexcept {
    if (owned_) __tsan_destroy_fiber(fiber_);
    fiber_ = __tsan_create_fiber(0);
    owned_ = true;
  }
  void leave(SanitizerFiber& to, bool) noexcept {
    if (!owned_) fiber_ = __tsan_get_current_fiber();  // the thread itself
    __tsan_switch_to_fiber(to.fiber_, 0);
  }
  void arrive() noexcept {}

 private:
  void* fiber_ = nullptr;
  bool owned_ = false;
#else
  void prepare(const std::byte*, std::size_t) noexcept {}
  void leave(SanitizerFiber&, bool) noexcept {}
  void arrive() noexcept {}
#endif
};

}  // namespace unblock::fibers
