#pragma once

#include <string>

#include "core/unique_fd.hpp"

namespace unblock {

/// A file for results that take a while to come. It is opened at the start, so that one that cannot
/// be written is found before, and not after; what it held stays until write().
class OutputFile {
 public:
  /// Throws UserError, with the way out, where `path` cannot be written.
  explicit OutputFile(std::string path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();  ///< removes what it has created and nobody has written

  /// Replaces what the file held. Throws UserError where it cannot (a full disk, say).
  void write(const std::string& text);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  bool created_ = false;
  UniqueFd fd_;
};

}  // namespace unblock
