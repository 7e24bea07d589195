#pragma once

#include <cerrno>
#include <concepts>
#include <exception>
#include <stdexcept>
#include <string>

namespace unblock {

/// Throws std::system_error for the present errno; `call` names the system call that failed.
[[noreturn]] void throw_errno(const char* call);

/// The result of a system call that must not fail: check("bind", ::bind(...)).
template <std::signed_integral Result>
Result check(const char* call, Result result) {
  if (result < 0) throw_errno(call);
  return result;
}

/// What the person at the keyboard can put right: what() is one line that says what is wrong,
/// where, and what to do about it. A program prints it and exits with status 1.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The one line that a program prints for `error`; for some causes (too few descriptors, say) it
/// adds the way out.
std::string explain(const std::exception& error);

/// The candidate nearest to `word`, or an empty string where none is near enough to be a slip.
template <typename Candidates>
std::string nearest(const std::string& word, const Candidates& candidates);

/// Number of insertions, deletions and substitutions that turn `a` into `b`.
std::size_t edit_distance(const std::string& a, const std::string& b);

template <typename Candidates>
std::string nearest(const std::string& word, const Candidates& candidates) {
  std::string best;
  std::size_t best_distance = word.size() / 3 + 2;  // farther than this is another word, not a slip
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace unblock
