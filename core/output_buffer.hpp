#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace unblock {

/// The bytes of one connection that the socket would not take yet: first in, first out. A server
/// that reads no more from a client while that client's buffer is not empty needs at most one
/// read's worth for each, however slow the client is (back-pressure). Empty, it holds no memory.
/// One thread at a time.
class OutputBuffer {
 public:
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() - sent_; }

  /// What is to be sent next, all of it; valid until the next append() or consume().
  [[nodiscard]] std::span<const std::byte> front() const noexcept {
    return std::span{bytes_}.subspan(sent_);
  }

  /// Puts a copy of `bytes` behind what is there.
  void append(std::span<const std::byte> bytes) {
    if (sent_ > 0) {
      bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(sent_));
      sent_ = 0;
    }
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  /// Forgets the first `count` bytes, which the socket took; `count` is at most size().
  void consume(std::size_t count) {
    sent_ += count;
    if (sent_ == bytes_.size()) {
      bytes_ = {};
      sent_ = 0;
    }
  }

 private:
  std::vector<std::byte> bytes_;
  std::size_t sent_ = 0;  ///< how many of bytes_ are gone already
};

}  // namespace unblock
