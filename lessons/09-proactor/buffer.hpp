#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace unblock {

/// Where buffers come from and go back to.
class BufferPool {
 public:
  /// Takes back the memory of one buffer; `id` is what the pool gave it. From any thread.
  virtual void give_back(std::byte* memory, std::uint16_t id) noexcept = 0;

 protected:
  ~BufferPool() = default;
};

/// A piece of a pool's memory and the bytes in it: it has one owner at a time, passes from the
/// processor to the completion event, to the handler and into the next operation, and goes back to
/// its pool when its last owner drops it. The pool must outlive it.
class Buffer {
 public:
  static constexpr std::size_t capacity = 16 * 1024;

  Buffer() noexcept = default;
  /// `memory` has `capacity` bytes, of which the first `size` are filled.
  Buffer(BufferPool& pool, std::byte* memory, std::uint16_t id, std::size_t size) noexcept
      : pool_{&pool}, memory_{memory}, end_{static_cast<std::uint32_t>(size)}, id_{id} {}
  Buffer(Buffer&& other) noexcept
      : pool_{std::exchange(other.pool_, nullptr)},
        memory_{other.memory_},
        begin_{std::exchange(other.begin_, 0)},
        end_{std::exchange(other.end_, 0)},
        id_{other.id_} {}
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer old{std::move(*this)};
    pool_ = std::exchange(other.pool_, nullptr);
    memory_ = other.memory_;
    begin_ = std::exchange(other.begin_, 0);
    end_ = std::exchange(other.end_, 0);
    id_ = other.id_;
    return *this;
  }
  ~Buffer() {
    if (pool_ != nullptr) pool_->give_back(memory_, id_);
  }

  /// Whether it holds memory at all.
  explicit operator bool() const noexcept { return pool_ != nullptr; }

  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {memory_ + begin_, size()};
  }

  /// All of its memory, to be filled; then resize() says how much was.
  [[nodiscard]] std::byte* memory() noexcept { return memory_; }
  void resize(std::size_t size) noexcept {
    begin_ = 0;
    end_ = static_cast<std::uint32_t>(size);
  }

  /// Forgets the first `count` bytes, at most size().
  void consume(std::size_t count) noexcept { begin_ += static_cast<std::uint32_t>(count); }

 private:
  BufferPool* pool_ = nullptr;
  std::byte* memory_ = nullptr;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
  std::uint16_t id_ = 0;
};

/// A pool on the heap: it makes a buffer when it has none left, and keeps what comes back, the
/// warmest on top. All calls from any thread.
class HeapBuffers final : public BufferPool {
 public:
  /// An empty buffer; one without memory where there is none left.
  Buffer take() noexcept;
  void give_back(std::byte* memory, std::uint16_t id) noexcept override;

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<std::byte[]>> all_;
  std::vector<std::byte*> free_;  // has room for all of them, so that giving back cannot fail
};

}  // namespace unblock
