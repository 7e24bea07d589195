#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <variant>

#include "stage.hpp"

namespace exercise {

/// Two types meet that are not the same.
class WrongType : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};
/// What runs once is to run again.
class UsedUp : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Asked between two stages: whether to suspend the chain before stage `next` (the first stage is
/// 0, so `next` is at least 1).
using Pause = std::function<bool(std::size_t next)>;

/// Yours: what is left of a chain. Define it in chain.cpp; chains and suspended chains keep one.
struct ChainParts;

/// The chain has run to its end.
struct Finished {
  Value result;  ///< of the last stage
};
class Suspended;
using Outcome = std::variant<Finished, Suspended>;

/// A chain that has stopped between two stages. It may be kept for long, moved, resumed on another
/// thread, or destroyed, which runs nothing.
class Suspended {
 public:
  explicit Suspended(std::unique_ptr<ChainParts> parts);
  Suspended(Suspended&& other) noexcept;
  Suspended& operator=(Suspended&& other) noexcept;
  ~Suspended();

  /// The number of the stage that runs first when it is resumed.
  [[nodiscard]] std::size_t next_stage() const;
  /// What that stage will take.
  [[nodiscard]] const Value& value() const;

  /// Goes on: runs stage next_stage() without asking for it again, and further as Chain::run does.
  /// Throws UsedUp where it was resumed before.
  Outcome resume(const Pause& pause) &&;

 private:
  std::unique_ptr<ChainParts> parts_;
};

/// A list of closures, each of which takes the result of the one before. To make one and to add to
/// it runs nothing.
class Chain {
 public:
  /// No stages yet.
  Chain();
  Chain(Chain&& other) noexcept;
  Chain& operator=(Chain&& other) noexcept;
  ~Chain();

  /// Adds a stage at the end. Throws WrongType where it does not take what the stage before it
  /// gives (the chain is then as it was), and UsedUp after run().
  void then(Stage stage);
  /// Adds all stages of another chain, which are from now on like any others: `pause` is asked
  /// between them, too, and their numbers go on from those before. Throws as above; UsedUp also
  /// where `other` was run. Adding a chain without stages changes nothing.
  void then(Chain other);

  /// Runs stage after stage, each once, on the calling thread. Between two of them (not before the
  /// first, not after the last) it asks `pause`, once, and suspends where the answer is true.
  /// Before it asks, the stage that has run is destroyed, with all that it had captured.
  /// A chain without stages is finished at once: its result is `given`.
  ///
  /// What a stage throws comes out as it is. That is the chain's end: no further stage runs, and
  /// what is left of it (its value, its stages) is destroyed before the exception is out of run().
  ///
  /// Throws WrongType where `given` is not what the first stage takes; then nothing has run, and
  /// the chain is as it was. Throws UsedUp where the chain was run before, however that ended.
  Outcome run(Value given, const Pause& pause) &&;

 private:
  std::unique_ptr<ChainParts> parts_;
};

}  // namespace exercise
