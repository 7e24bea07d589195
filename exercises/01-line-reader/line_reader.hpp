#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace exercise {

/// Cuts a stream of bytes into lines. One thread at a time; what one reader does is nothing to
/// another one.
///
/// A line is any bytes but '\n'. It ends with "\n" or with "\r\n", which is no part of it; every
/// other
/// '\r' is a byte like any other. The stream's last line may lack its end.
class LineReader {
 public:
  /// `fd` is a blocking descriptor of any kind: a socket, a pipe, a file. It stays open, and the
  /// caller's. `max_line` is how many bytes a line may have, its end not counted.
  LineReader(int fd, std::size_t max_line);
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  ~LineReader();

  /// The next line; nothing at end-of-stream, again and again. Sleeps only where no whole line has
  /// been read yet. A signal that arrives meanwhile changes nothing.
  ///
  /// Throws std::length_error where the next line is longer than max_line, at the latest when
  /// max_line + 2 bytes of it are there; std::system_error with the errno of a read that failed.
  /// After an exception the reader is of no more use.
  std::optional<std::string> next();

 private:
  struct State;  // what a reader remembers: yours to define
  std::unique_ptr<State> state_;
};

}  // namespace exercise
