#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "scheduler.hpp"

namespace exercise {

/// Values on their way from fibers to fibers, in the order in which they were sent: the n-th call
/// of receive() gets the value of the n-th call of send(), whoever makes these calls, and whenever
/// who waits gets to run.
///
/// All functions are for fibers of the channel's scheduler. Where one waits, the fiber waits, and
/// the thread runs others.
class Channel {
 public:
  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  /// Nobody waits at it any more.
  virtual ~Channel() = default;

  /// Sends a value. The n-th call waits until receive() has been called n - capacity times, and no
  /// longer: with a capacity of 0, until somebody has asked for this very value. True where it has
  /// gone in, or over to a receiver. False where the channel is closed, or is closed while it
  /// waits: then nobody will receive the value.
  virtual bool send(std::string value) = 0;

  /// The next value; waits until there is one. Nothing at the end: the channel is closed, and all
  /// that had gone in has been received.
  virtual std::optional<std::string> receive() = 0;

  /// From now on nothing goes in. What is in can be received; everybody who waits, waits no longer.
  /// A second time it changes nothing.
  virtual void close() = 0;
};

/// A channel for fibers of `scheduler`, which lives longer. Any capacity, from 0 on.
std::unique_ptr<Channel> make_channel(Scheduler& scheduler, std::size_t capacity);

}  // namespace exercise
