#include <string>

#include <gtest/gtest.h>

#include "exercises/01-line-reader/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(LineReader, AllowsTheLongestLine) {
  constexpr std::size_t max_line = 20;
  Subject subject;
  Random random;
  Reader reader{subject, max_line};
  // Together they are far longer than one line may be.
  const std::string lines[] = {random.word(max_line), random.word(3), random.word(max_line)};
  std::string sent;
  for (const std::string& line : lines) sent += line + "\r\n";
  reader.peer.send(sent);
  for (const std::string& line : lines) reader.expect_line(line);
  subject.finish();
}

TEST(LineReader, RefusesALongLineThatIsWhole) {
  constexpr std::size_t max_line = 20;
  Subject subject;
  Reader reader{subject, max_line};
  reader.peer.send(Random{}.word(max_line + 1) + "\n");
  reader.expect_too_long();
  subject.finish();
}

TEST(LineReader, CarriesEveryByte) {
  Subject subject;
  Random random;
  Reader reader{subject};
  std::string line = random.word(5) + std::string(1, '\0') + random.word(5) + "\xff";
  for (const std::byte byte : random.bytes(100)) {
    if (byte != std::byte{'\n'}) line += static_cast<char>(byte);
  }
  line += ".";  // no '\r' at the end
  reader.peer.send(line + "\n");
  reader.expect_line(line);
  subject.finish();
}

TEST(LineReader, ReadsInBlocks) {
  Subject subject;
  Random random;
  Reader reader{subject};
  const std::string first = random.word(5);
  std::string rest;
  for (int lines = 0; lines < 50; ++lines) rest += random.word(10) + "\n";
  reader.peer.send(first + "\n" + rest);
  reader.expect_line(first);
  expect_equal("bytes that are not read yet after the first call of next, of 556 that were there",
               reader.peer.unread(), std::size_t{0});
  subject.finish();
}

TEST(LineReader, LeavesTheDescriptorOpen) {
  Subject subject;
  Reader reader{subject};
  const std::string line = Random{}.word(10);
  reader.peer.send(line + "\n");
  reader.expect_line(line);
  subject.call("~LineReader", reader.number());
  reader.peer.expect_nothing("the descriptor is the caller's, and the reader has closed it");
  subject.finish();
}

}  // namespace
}  // namespace unblock::kit
