#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <liburing.h>

#include "buffer.hpp"

namespace unblock {

/// Throws std::system_error where `result`, as liburing returns it, is -errno.
void check_uring(const char* call, int result);

/// The same for io_uring_enter(2); nothing where that is only to be called again: a signal came
/// (EINTR), or there is no memory or no room for completions now (EAGAIN, EBUSY).
void check_entered(int result);

/// As the kernel wants it (CLOCK_MONOTONIC).
__kernel_timespec to_timespec(std::chrono::steady_clock::time_point time);

/// An io_uring: the two queues that the kernel and this process share.
struct Ring : io_uring {
  /// `shared`: several threads submit; else the one that enables it is its owner. Throws UserError
  /// where this machine has none, or not for us.
  explicit Ring(bool shared);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() { ::io_uring_queue_exit(this); }

  /// Before this nothing can be submitted. Where the ring is not shared, the calling thread becomes
  /// its owner.
  void enable();
};

/// Whole pages of memory.
struct Pages {
  explicit Pages(std::size_t bytes);
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages();

  std::size_t size;
  void* address;
};

/// Buffers that the kernel takes by itself, one for each read, once data has come. They stand in a
/// ring of their own in shared memory: to give one back is no system call. There are no more than
/// the busiest moment took.
class ProvidedBuffers final : public BufferPool {
 public:
  static constexpr std::uint16_t group = 0;  ///< the kernel's name for them

  /// Throws UserError where the kernel does not have such rings.
  explicit ProvidedBuffers(Ring& ring);

  /// Makes some more; false where the ring has no place for them. For the thread that takes
  /// completions, as is filled().
  bool add();
  /// The buffer that the kernel took, with `size` bytes in it.
  Buffer filled(std::size_t id, std::size_t size);
  /// From any thread.
  void give_back(std::byte* memory, std::uint16_t id) noexcept override;

 private:
  static constexpr std::size_t slab_buffers = 64;

  std::size_t entries_;
  Pages pages_;
  std::mutex mutex_;  // guards the end of the ring
  std::vector<std::unique_ptr<std::byte[]>> slabs_;
};

}  // namespace unblock
