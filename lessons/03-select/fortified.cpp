// Built with -D_FORTIFY_SOURCE=2 (feature_test_macros(7)), as distributions build their packages.

#include "fortified.hpp"

#include <sys/select.h>

namespace unblock {

bool fd_set_is_checked() noexcept {
#if defined(__USE_FORTIFY_LEVEL) && __USE_FORTIFY_LEVEL > 0
  return true;
#else
  return false;
#endif
}

void fortified_fd_set(int fd) noexcept {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
}

}  // namespace unblock
