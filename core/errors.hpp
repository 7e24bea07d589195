#pragma once

#include <cerrno>
#include <concepts>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

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

/// The candidate that `word` is most likely to stand for: the one whose beginning it resembles most
/// ("epol" is epoll-lt rather than poll), and of several the nearest. An empty string where none is
/// near enough to be a slip.
template <typename Candidates>
std::string nearest(const std::string& word, const Candidates& candidates);

/// Number of insertions, deletions and substitutions that turn `a` into `b`.
std::size_t edit_distance(const std::string& a, const std::string& b);

/// The least such number that turns `word` into any beginning of `whole`; 0 where it is one.
std::size_t distance_to_beginning(const std::string& word, const std::string& whole);

template <typename Candidates>
std::string nearest(const std::string& word, const Candidates& candidates) {
  // As many slips, or more, make another word.
  const std::size_t far = word.size() / 3 + 2;
  // A word that is cut short may lack any number of letters; one of two letters must be right.
  const std::size_t slips = word.size() / 4;
  std::string best;
  std::pair<std::size_t, std::size_t> best_distance;
  for (const std::string& candidate : candidates) {
    const std::pair distance{distance_to_beginning(word, candidate),
                             edit_distance(word, candidate)};
    const bool is_cut_short = word.size() >= 2 && distance.first <= slips;
    if (distance.second >= far && !is_cut_short) continue;
    if (best.empty() || distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace unblock
