#include "tools/load/pattern.hpp"

namespace unblock {

Pattern::Pattern(std::size_t longest) : bytes_(period + longest) {
  std::uint32_t state = 2'463'534'242;
  for (std::size_t i = 0; i < period; ++i) {
    state ^= state << 13;  // xorshift, after G. Marsaglia
    state ^= state >> 17;
    state ^= state << 5;
    bytes_[i] = static_cast<std::byte>(state);
  }
  // Repeated at its end, so that what begins anywhere lies in one piece.
  for (std::size_t i = 0; i < longest; ++i) bytes_[period + i] = bytes_[i % period];
}

}  // namespace unblock
