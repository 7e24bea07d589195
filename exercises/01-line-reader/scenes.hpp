#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "exercises/kit/peer.hpp"
#include "exercises/kit/subject.hpp"

namespace unblock::kit {

/// A reader in the subject, and the check's end of its stream.
class Reader {
 public:
  explicit Reader(Subject& subject, std::size_t max_line = 4096)
      : Reader{subject, socket_pair(subject), max_line} {}

  Peer peer;

  [[nodiscard]] std::size_t number() const noexcept { return number_; }
  Call start_next() { return subject_->start("next", number_); }

  /// Waits until all is read that was sent, or `call` has ended: its result says more then.
  void await_read(Call& call) {
    subject_->await([&] { return call.ended() || peer.unread() == 0; }, "the bytes to be read");
  }

  void expect_line(Call& call, const std::string& line) {
    const auto [outcome, came] = call.result<Answer>();
    if (outcome != Outcome::line) fail_other(outcome, view(line));
    expect_equal("next returned another line", came, line);
  }
  void expect_line(const std::string& line) {
    Call call = start_next();
    expect_line(call, line);
  }
  void expect_end() {
    Call call = start_next();
    const auto [outcome, came] = call.result<Answer>();
    if (outcome == Outcome::line) {
      fail({.what = "next returned a line at end-of-stream",
            .expected = "nothing",
            .came = view(came)});
    }
    if (outcome != Outcome::end) fail_other(outcome, "nothing: end-of-stream");
  }
  void expect_too_long() {
    Call call = start_next();
    const auto [outcome, came] = call.result<Answer>();
    if (outcome == Outcome::line) {
      fail({.what = "next returned a line that is too long",
            .expected = "std::length_error",
            .came = view(came)});
    }
    if (outcome != Outcome::too_long) fail_other(outcome, "std::length_error");
  }

 private:
  // As subject.cpp has it.
  enum class Outcome { line, end, too_long };
  using Answer = std::pair<Outcome, std::string>;

  Reader(Subject& subject, Connection connection, std::size_t max_line)
      : peer{std::move(connection.ours)},
        subject_{&subject},
        number_{subject.call<std::size_t>("LineReader", std::move(connection.theirs), max_line)} {}

  [[noreturn]] static void fail_other(Outcome outcome, std::string expected) {
    fail({.what = outcome == Outcome::end ? "next returned nothing: end-of-stream"
                                          : "next threw std::length_error",
          .expected = std::move(expected)});
  }

  Subject* subject_;
  std::size_t number_;
};

}  // namespace unblock::kit
