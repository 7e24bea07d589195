#pragma once

#include <string>

namespace unblock {

/// Where a measurement was made.
struct Machine {
  std::string processor;     ///< empty where the kernel does not say
  unsigned cpus = 1;         ///< that this process may use
  std::string architecture;  ///< "x86_64"
  std::string system;        ///< "Linux 6.18"
};

Machine this_machine();

/// "AMD EPYC, 2 CPUs, x86_64, Linux 6.18"
std::string describe(const Machine& machine);

}  // namespace unblock
