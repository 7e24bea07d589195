#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exercises/kit/peer.hpp"
#include "exercises/kit/subject.hpp"

/// What the checks of this exercise have in common.
namespace unblock::kit {

/// What the handler of a read has told.
struct Report {
  std::string name;
  int error = 0;
  std::size_t bytes = 0;
  Bytes data;
};

/// A socket that the subject reads, and the check's end of it.
struct Source {
  Peer peer;
  int fd;  ///< its number in the subject
};

/// A reader in the subject.
class Scene {
 public:
  explicit Scene(const SubjectOptions& options = {});

  Subject& subject() { return subject_; }
  Peer& reports() { return *reports_; }
  Peer& gate() { return *gate_; }
  Random& random() { return random_; }

  Source source(const std::string& name = "the client");
  std::vector<Source> sources(std::size_t count);

  /// Starts a read whose handler tells `name`, and then does what `then` says; see subject.cpp.
  void read(const Source& source, const std::string& name, const std::string& then = {},
            std::size_t size = 1000) {
    subject_.call("async_read", source.fd, name, size, then);
  }
  void cancel(const Source& source) { subject_.call("cancel", source.fd); }
  /// Sends something from a source, for a read that is in flight; returns what.
  Bytes send(Source& source);

  void run() { call_ = subject_.start("run"); }
  Call& call() { return *call_; }
  /// Waits until run() has returned.
  void await_end() {
    call_->result();
    call_.reset();
  }

  Report report();
  void expect_report(const std::string& name, const Bytes& data, const std::string& cause = {}) {
    expect_told(report(), name, 0, data, cause);
  }
  void expect_error(const std::string& name, int error, const std::string& cause = {}) {
    expect_told(report(), name, error, {}, cause);
  }
  /// Fails where a handler has told something, or does so before everything sleeps.
  void expect_no_report(const std::string& cause = {});

  static void expect_told(const Report& report, const std::string& name, int error,
                          const Bytes& data, const std::string& cause = {});

 private:
  Subject subject_;
  Random random_;
  std::optional<Peer> reports_;
  std::optional<Peer> gate_;
  std::optional<Call> call_;
};

}  // namespace unblock::kit
