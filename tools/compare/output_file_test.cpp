#include "tools/compare/output_file.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "core/errors.hpp"
#include "tools/compare/test_support.hpp"

namespace unblock {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

TEST(OutputFile, HoldsWhatWasWrittenLast) {
  const std::string path = scratch_path("output");
  OutputFile{path}.write("a longer text\n");
  OutputFile{path}.write("short\n");
  EXPECT_EQ(content_of(path), "short\n");
  std::filesystem::remove(path);
}

TEST(OutputFile, KeepsWhatItHeldUntilThereIsSomethingNew) {
  const std::string path = scratch_path("output");
  OutputFile{path}.write("old\n");
  { const OutputFile unused{path}; }
  EXPECT_EQ(content_of(path), "old\n");
  std::filesystem::remove(path);
}

TEST(OutputFile, LeavesNoEmptyFileBehind) {
  const std::string path = scratch_path("output");
  { const OutputFile unused{path}; }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(OutputFile, SaysWhereItCannotWrite) {
  EXPECT_THROW(OutputFile{"/no/such/folder/file"}, UserError);
  OutputFile full{"/dev/full"};
  EXPECT_THROW(full.write("text"), UserError);
}

}  // namespace
}  // namespace unblock
