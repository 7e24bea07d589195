#include "exercises/kit/as_user_of.hpp"

#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace unblock::kit {

AsUserOf::AsUserOf(pid_t process) noexcept : user_before_{::geteuid()}, group_before_{::getegid()} {
  struct stat owner {};
  if (::stat(("/proc/" + std::to_string(process)).c_str(), &owner) != 0) return;  // it is gone
  // The group first: the right to change it goes with the user. They say of no error, see
  // setfsuid(2).
  ::setfsgid(owner.st_gid);
  ::setfsuid(owner.st_uid);
}

AsUserOf::~AsUserOf() {
  ::setfsuid(user_before_);
  ::setfsgid(group_before_);
}

}  // namespace unblock::kit
