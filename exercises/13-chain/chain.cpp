#include "chain.hpp"

#include <utility>
#include <vector>

namespace exercise {

// TODO: what is left of a chain? The stages that have not run, and what else?
struct ChainParts {
  std::vector<Stage> stages;
  Value value;
};

// These are complete: the parts go where the chain goes, and one that was moved from has none.
Suspended::Suspended(std::unique_ptr<ChainParts> parts) : parts_{std::move(parts)} {}
Suspended::Suspended(Suspended&& other) noexcept = default;
Suspended& Suspended::operator=(Suspended&& other) noexcept = default;
Suspended::~Suspended() = default;
Chain::Chain() : parts_{std::make_unique<ChainParts>()} {}
Chain::Chain(Chain&& other) noexcept = default;
Chain& Chain::operator=(Chain&& other) noexcept = default;
Chain::~Chain() = default;

void Chain::then(Stage stage) {
  // TODO: does it fit behind the last one? Was the chain run?
  parts_->stages.push_back(std::move(stage));
}

void Chain::then(Chain other) {
  // TODO: all of its stages.
  (void)other;
}

Outcome Chain::run(Value given, const Pause& pause) && {
  // TODO: run the stages, ask between them, and return Finished, or Suspended with what is left.
  (void)pause;
  return Finished{std::move(given)};
}

std::size_t Suspended::next_stage() const {
  return 0;  // TODO
}

const Value& Suspended::value() const {
  return parts_->value;  // TODO
}

Outcome Suspended::resume(const Pause& pause) && {
  // TODO
  (void)pause;
  return Finished{};
}

}  // namespace exercise
