#include "tools/compare/output_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "core/errors.hpp"

namespace unblock {
namespace {

[[noreturn]] void refuse(const std::string& path) {
  throw UserError{
      fmt::format("{} cannot be written ({}): name a file in a folder that exists and "
                  "is yours, on a disk with room",
                  path, std::strerror(errno))};
}

}  // namespace

OutputFile::OutputFile(std::string path) : path_{std::move(path)} {
  fd_ = UniqueFd{::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
  created_ = static_cast<bool>(fd_);
  if (!fd_) fd_ = UniqueFd{::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)};
  if (!fd_) refuse(path_);
}

OutputFile::~OutputFile() {
  if (created_) ::unlink(path_.c_str());
}

void OutputFile::write(const std::string& text) {
  struct stat status {};
  const bool is_file = ::fstat(fd_.get(), &status) == 0 && S_ISREG(status.st_mode);
  if (is_file && ::ftruncate(fd_.get(), 0) < 0) refuse(path_);  // a pipe or a terminal has no end
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t put = ::write(fd_.get(), text.data() + written, text.size() - written);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) refuse(path_);
    written += static_cast<std::size_t>(put);
  }
  created_ = false;
}

}  // namespace unblock
