// The program around your file: it calls your functions as a check orders, and tells what came of
// it. Nothing here is to be changed; the grader uses its own copy.

#include <tuple>
#include <utility>
#include <vector>

#include "exercises/kit/commands.hpp"
#include "read_exactly.hpp"

int main() {
  using unblock::UniqueFd;
  using unblock::kit::Bytes;

  unblock::kit::Commands commands;
  // Returns what read_exactly returned, and the buffer: `size` bytes that were all '?' before.
  commands.on("read_exactly", [](const UniqueFd& fd, std::size_t size) {
    Bytes buffer(size, std::byte{'?'});
    const std::size_t got = exercise::read_exactly(fd.get(), buffer);
    return std::tuple{got, buffer};
  });
  commands.on("write_all",
              [](const UniqueFd& fd, const Bytes& bytes) { exercise::write_all(fd.get(), bytes); });
  // One after another on the same descriptor; each piece that was read.
  commands.on("read_exactly_twice", [](const UniqueFd& fd, std::size_t first, std::size_t second) {
    Bytes one(first);
    Bytes two(second);
    one.resize(exercise::read_exactly(fd.get(), one));
    two.resize(exercise::read_exactly(fd.get(), two));
    return std::tuple{one, two};
  });
  // Both functions: what is read from one descriptor is written to the other one.
  commands.on("copy", [](const UniqueFd& from, const UniqueFd& to, std::size_t size) {
    Bytes buffer(size);
    buffer.resize(exercise::read_exactly(from.get(), buffer));
    exercise::write_all(to.get(), buffer);
  });
  // The same; both descriptors stay open after it.
  std::vector<UniqueFd> kept;
  commands.on("copy_and_keep", [&kept](UniqueFd from, UniqueFd to, std::size_t size) {
    Bytes buffer(size);
    buffer.resize(exercise::read_exactly(from.get(), buffer));
    exercise::write_all(to.get(), buffer);
    kept.push_back(std::move(from));
    kept.push_back(std::move(to));
  });
  return commands.run();
}
