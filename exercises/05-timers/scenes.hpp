#pragma once

#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "exercises/kit/peer.hpp"
#include "exercises/kit/subject.hpp"

/// What the checks of this exercise have in common.
namespace unblock::kit {

/// A running loop: orders that are sent to it together count their times (microseconds) from the
/// same moment, and fired timers come back as lines. See subject.cpp.
class RunningLoop {
 public:
  explicit RunningLoop(const SubjectOptions& options = {})
      : RunningLoop{options, std::make_unique<Subject>(options)} {}

  Subject& subject() { return *subject_; }
  Call& call() { return call_; }
  Peer& orders() { return orders_.ours; }
  Peer& reports() { return reports_.ours; }

  void expect_line(const std::string& line, const std::string& cause = {}) {
    expect_equal("the line that came", reports_.ours.receive_line(), line + "\n", cause);
  }
  /// An order that is answered at once: everything before it has been obeyed.
  void expect_answer(Random& random) {
    const std::string word = random.word(8);
    orders_.ours.send("say " + word + "\n");
    expect_line(word);
  }

 private:
  RunningLoop(const SubjectOptions& /*options*/, std::unique_ptr<Subject> subject)
      : subject_{std::move(subject)},
        orders_{socket_pair(*subject_, "the check")},
        reports_{socket_pair(*subject_, "the check")},
        call_{subject_->start("run", std::move(orders_.theirs), std::move(reports_.theirs))} {}

  std::unique_ptr<Subject> subject_;
  Connection orders_;
  Connection reports_;
  Call call_;
};

}  // namespace unblock::kit
