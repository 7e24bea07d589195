#include "buffer.hpp"

#include <new>

namespace unblock {

Buffer HeapBuffers::take() noexcept {
  const std::lock_guard lock{mutex_};
  if (free_.empty()) {
    try {
      free_.reserve(all_.size() + 1);
      all_.push_back(std::make_unique_for_overwrite<std::byte[]>(Buffer::capacity));
    } catch (const std::bad_alloc&) {
      return {};
    }
    free_.push_back(all_.back().get());
  }
  std::byte* const memory = free_.back();
  free_.pop_back();
  return Buffer{*this, memory, 0, 0};
}

void HeapBuffers::give_back(std::byte* memory, std::uint16_t) noexcept {
  const std::lock_guard lock{mutex_};
  free_.push_back(memory);
}

}  // namespace unblock
