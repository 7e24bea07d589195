#include "tools/compare/machine.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include <fmt/format.h>

#include "tools/compare/text.hpp"

namespace unblock {

Machine this_machine() {
  Machine machine;
  std::ifstream file{"/proc/cpuinfo"};
  for (std::string line; machine.processor.empty() && std::getline(file, line);) {
    if (line.compare(0, 10, "model name") != 0) continue;
    if (const auto colon = line.find(": "); colon != std::string::npos) {
      machine.processor = line.substr(colon + 2);
    }
  }
  utsname system{};
  ::uname(&system);
  machine.cpus = std::max(1U, std::thread::hardware_concurrency());
  machine.architecture = system.machine;
  machine.system = fmt::format("{} {}", system.sysname, system.release);
  return machine;
}

std::string describe(const Machine& machine) {
  return fmt::format("{}{}{}, {}, {}", machine.processor, machine.processor.empty() ? "" : ", ",
                     plural(machine.cpus, "CPU"), machine.architecture, machine.system);
}

}  // namespace unblock
