#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "exercises/kit/message.hpp"

/// How a check tells what went wrong, so that a student understands it.
namespace unblock::kit {

/// Why a check failed.
struct Failure {
  /// wrong: an answer or bytes that are not right. The others are named as what they are.
  enum class Kind { wrong, crashed, hung, leaked, limit, ended_early };
  Kind kind = Kind::wrong;
  bool at_start = false;  ///< the subject did not even begin: it will not in any other check
  std::string what;       ///< one sentence: "read_exactly returned 3"
  std::string expected;   ///< empty where `what` says it all
  std::string came;
  std::string cause;   ///< the likely mistake; empty: the one that the exercise's file names
  std::string report;  ///< of a sanitizer, reduced to the frame in the student's file
  std::vector<std::string> story;  ///< what the check had done until then
};

/// "wrong", "crashed" ...
std::string to_string(Failure::Kind kind);

/// Thrown by fail(); it ends the check.
class CheckFailed : public std::exception {
 public:
  explicit CheckFailed(Failure failure);
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }
  [[nodiscard]] const Failure& failure() const noexcept { return failure_; }

 private:
  Failure failure_;
  std::string text_;
};

/// Ends the check: it has failed. The story so far is added.
[[noreturn]] void fail(Failure failure);

/// One line of the story that a failed check tells: "sends 3 of 10 bytes: 61 62 63 \"abc\"". In the
/// present tense; what is sent to the subject and what comes back tells itself.
void step(std::string text);
template <typename First, typename... Rest>
void step(fmt::format_string<First, Rest...> text, First&& first, Rest&&... rest) {
  step(fmt::format(text, std::forward<First>(first), std::forward<Rest>(rest)...));
}
/// The story begins anew: before each check.
void forget_story();
/// What fail() threw last since then.
const std::optional<Failure>& last_failure();

/// Bytes as a person reads them, hex and text, from byte `from` on, at most 12 of them:
/// "10 bytes: 61 62 63 0a ... \"abc..\"".
std::string view(std::span<const std::byte> bytes, std::size_t from = 0);
std::string view(std::string_view text);

/// Bytes of a text.
Bytes bytes_of(std::string_view text);

namespace detail {
inline std::string shown(bool value) { return value ? "true" : "false"; }
inline std::string shown(const std::string& value) { return view(value); }
template <std::integral T>
requires(!std::same_as<T, bool>) std::string shown(T value) { return std::to_string(value); }
}  // namespace detail

/// `what` is a clause about what came: "read_exactly returns the number of bytes". Integers, bool,
/// std::string, Bytes.
template <typename T>
void expect_equal(std::string what, const T& came, const T& expected, std::string cause = {}) {
  if (came == expected) return;
  fail({.what = std::move(what),
        .expected = detail::shown(expected),
        .came = detail::shown(came),
        .cause = std::move(cause)});
}
/// Shows both from a little before the first byte that differs.
void expect_equal(std::string what, const Bytes& came, const Bytes& expected,
                  std::string cause = {});

/// `what` says what is wrong where `holds` is false: "the descriptor is closed".
void expect(bool holds, std::string what, std::string cause = {});

/// Numbers that a submission cannot foresee. The seed is told with each failure, and
/// `--seed` repeats it.
class Random {
 public:
  Random();
  /// From `least` to `most`, both included.
  std::size_t number(std::size_t least, std::size_t most);
  Bytes bytes(std::size_t size);
  /// Letters and digits.
  std::string word(std::size_t size);

 private:
  std::mt19937_64 engine_;
};

/// What Random begins with; by default another one in each run.
void set_seed(std::uint64_t seed);
std::uint64_t seed();

}  // namespace unblock::kit
