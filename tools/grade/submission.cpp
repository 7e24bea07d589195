#include "tools/grade/submission.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/unique_fd.hpp"

namespace unblock::grade {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_bytes = 1U << 20U;
// A folder that was handed in is searched so deep, and among so many entries.
constexpr int deepest = 4;
constexpr std::size_t most_entries = 10'000;

fs::path find_file(const Exercise& exercise, const fs::path& folder) {
  for (const fs::path& place : {fs::path{"exercises"} / exercise.name / exercise.file,
                                fs::path{exercise.name} / exercise.file, fs::path{exercise.file}}) {
    if (fs::symlink_status(folder / place).type() != fs::file_type::not_found) {
      return folder / place;
    }
  }
  std::vector<fs::path> found;
  std::size_t entries = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator
           at{folder, fs::directory_options::skip_permission_denied, error},
       end;
       !error && at != end && entries < most_entries; at.increment(error), ++entries) {
    if (at.depth() >= deepest) at.disable_recursion_pending();
    if (at->path().filename() == exercise.file) found.push_back(at->path());
  }
  if (found.empty()) {
    throw UserError{fmt::format("there is no {} in {}", exercise.file, printable(folder.string()))};
  }
  if (found.size() > 1) {
    throw UserError{fmt::format("there are {} files named {} in {}: hand in one", found.size(),
                                exercise.file, printable(folder.string()))};
  }
  return found.front();
}

std::string read_all(int fd, std::size_t size) {
  std::string text(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const ssize_t count = ::read(fd, text.data() + got, size - got);
    if (count < 0 && errno == EINTR) continue;
    if (check("read", count) == 0) break;
    got += static_cast<std::size_t>(count);
  }
  text.resize(got);
  return text;
}

}  // namespace

std::string read_submission(const Exercise& exercise, const fs::path& folder) {
  if (!fs::is_directory(folder)) {
    throw UserError{fmt::format("{} is no folder", printable(folder.string()))};
  }
  const fs::path path = find_file(exercise, folder);
  const std::string shown = printable(path.string());
  // Not to follow a link, and not to wait for the other end of a pipe.
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  struct stat what {};
  if (!fd && errno == ELOOP) {
    throw UserError{fmt::format("{} is a link: hand in the file itself", shown)};
  }
  if (!fd) throw UserError{fmt::format("{} cannot be read", shown)};
  check("fstat", ::fstat(fd.get(), &what));
  if (!S_ISREG(what.st_mode)) throw UserError{fmt::format("{} is no regular file", shown)};
  const auto size = static_cast<std::size_t>(what.st_size);
  if (size > most_bytes) {
    throw UserError{
        fmt::format("{} has {} bytes, more than the {} that are taken", shown, size, most_bytes)};
  }
  return read_all(fd.get(), size);
}

std::string printable(const std::string& name) {
  std::string text;
  for (std::size_t i = 0; i < name.size();) {
    const auto byte = static_cast<unsigned char>(name[i]);
    const std::size_t length = byte < 0x80 ? 1 : byte >> 5U == 0x6 ? 2 : byte >> 4U == 0xE ? 3 : 0;
    const bool complete =
        length > 0 && i + length <= name.size() &&
        std::all_of(name.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                    name.begin() + static_cast<std::ptrdiff_t>(i + length),
                    [](char next) { return static_cast<unsigned char>(next) >> 6U == 0x2; });
    const bool is_control = byte < ' ' || byte == 0x7F || byte == 0xC0 || byte == 0xC1 ||
                            (byte == 0xC2 && complete && name[i + 1] < '\xA0');
    const bool visible = complete && !is_control;
    text += visible ? name.substr(i, length) : "?";
    i += visible ? length : 1;
  }
  return text;
}

}  // namespace unblock::grade
