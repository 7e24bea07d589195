// The program around your file: it calls your functions as a check orders, and tells what came of
// it. Nothing here is to be changed; the grader uses its own copy.

#include <tuple>
#include <vector>

#include "exercises/kit/commands.hpp"
#include "try_read.hpp"

namespace {

using unblock::UniqueFd;
using unblock::kit::Bytes;

// What was found, how many bytes, the errno; and the buffer: `size` bytes that were all '?' before.
auto try_read(int fd, std::size_t size) {
  Bytes buffer(size, std::byte{'?'});
  const exercise::ReadResult result = exercise::try_read(fd, buffer);
  return std::tuple{result.found, result.count, result.error, buffer};
}

auto read_available(int fd, std::size_t most) {
  const exercise::Available result = exercise::read_available(fd, most);
  return std::tuple{result.then, result.error, result.bytes};
}

}  // namespace

int main() {
  unblock::kit::Commands commands;
  commands.on("make_nonblocking", [](const UniqueFd& fd) { exercise::make_nonblocking(fd.get()); });
  commands.on("try_read",
              [](const UniqueFd& fd, std::size_t size) { return try_read(fd.get(), size); });
  commands.on("read_available",
              [](const UniqueFd& fd, std::size_t most) { return read_available(fd.get(), most); });
  // One after another on the same descriptor.
  commands.on("read_available_twice",
              [](const UniqueFd& fd, std::size_t first, std::size_t second) {
                const auto one = read_available(fd.get(), first);
                return std::pair{one, read_available(fd.get(), second)};
              });
  // A descriptor that is none.
  commands.on("make_nonblocking_minus_1", [] { exercise::make_nonblocking(-1); });
  commands.on("try_read_minus_1", [](std::size_t size) { return try_read(-1, size); });
  return commands.run();
}
