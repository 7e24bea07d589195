#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace unblock::grade {

/// The bytes of a file; none where it cannot be read.
inline std::string read_file(const std::filesystem::path& path) {
  std::ostringstream bytes;  // a stream's iterators throw where a folder is read, say
  bytes << std::ifstream{path, std::ios::binary}.rdbuf();
  return bytes.str();
}

}  // namespace unblock::grade
