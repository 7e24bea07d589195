#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace unblock {

/// The bytes that the load's clients send: each sends one endless, repeating pattern, and begins in
/// it at a place of its own, so that bytes that are lost, doubled or taken from another client do
/// not fit.
class Pattern {
 public:
  /// Up to `longest` bytes are read at a time.
  explicit Pattern(std::size_t longest);

  /// What client `index` sends from its `offset`th byte on: `longest` bytes in one piece.
  [[nodiscard]] const std::byte* at(std::size_t index, std::uint64_t offset) const noexcept {
    return bytes_.data() + (index * 7'919 + offset) % period;
  }

 private:
  static constexpr std::size_t period = 65'521;  // a prime: no usual size of a message divides it

  std::vector<std::byte> bytes_;
};

}  // namespace unblock
