#pragma once

#include "core/unique_fd.hpp"

namespace unblock {

/// Ctrl-C (SIGINT) and SIGTERM as a descriptor that becomes readable. Other than with StopSignals
/// there is no thread between: who asks is told of a signal as soon as it is sent. So a server that
/// the same Ctrl-C has ended is never taken for one that died. Construct it before any thread.
class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  /// To be watched for reading; it stays readable. Not to be read.
  [[nodiscard]] int fd() const noexcept { return signals_.get(); }
  [[nodiscard]] bool requested() const noexcept;

 private:
  UniqueFd signals_;  // signalfd(2)
};

}  // namespace unblock
