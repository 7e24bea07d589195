#pragma once

#include <fcntl.h>

#include <string>
#include <tuple>
#include <utility>

#include "core/errors.hpp"
#include "core/tcp.hpp"
#include "exercises/kit/peer.hpp"
#include "exercises/kit/subject.hpp"

namespace unblock::kit {

/// As try_read.hpp has it.
enum class Found { data, nothing, end, error };

/// What the commands try_read and read_available answer.
using Try = std::tuple<Found, std::size_t, int, Bytes>;
using Available = std::tuple<Found, int, Bytes>;

inline std::string name_of(Found found) {
  switch (found) {
    case Found::data:
      return "data";
    case Found::nothing:
      return "nothing";
    case Found::end:
      return "end";
    case Found::error:
      return "error";
  }
  return "a value that Found does not have";
}

inline void expect_found(const std::string& what, Found came, Found expected) {
  if (came == expected) return;
  fail({.what = what, .expected = name_of(expected), .came = name_of(came)});
}

/// The subject's end made non-blocking here: what make_nonblocking does is its own checks'
/// business.
inline Connection nonblocking(Connection connection) {
  set_nonblocking(connection.theirs.get());
  return connection;
}

inline void expect_data(const Try& came, const Bytes& bytes) {
  const auto& [found, count, error, buffer] = came;
  expect_found("what try_read found", found, Found::data);
  expect_equal("the count of try_read", count, bytes.size());
  expect_equal("the bytes in try_read's buffer, as many as it counted",
               Bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count)), bytes);
}

inline void expect_available(const Available& came, const Bytes& bytes, Found then) {
  const auto& [found, error, read] = came;
  expect_equal("the bytes that read_available returns", read, bytes);
  expect_found("what followed the bytes, as read_available says", found, then);
}

}  // namespace unblock::kit
