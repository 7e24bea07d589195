// Mistake: ends the chain where a stage throws, and keeps the exception to itself
// Loses: Exceptions.ComeOutAsTheyAre, Exceptions.DestroyWhatIsLeftBeforeTheyComeOut

#include <deque>
#include <iterator>
#include <utility>

#include "chain.hpp"

namespace exercise {

// What is left of a chain: the stages that have not run, and the value for the first of them.
struct ChainParts {
  std::deque<Stage> stages;
  std::size_t next = 0;
  Value value;
};

Suspended::Suspended(std::unique_ptr<ChainParts> parts) : parts_{std::move(parts)} {}
Suspended::Suspended(Suspended&& other) noexcept = default;
Suspended& Suspended::operator=(Suspended&& other) noexcept = default;
Suspended::~Suspended() = default;
Chain::Chain() : parts_{std::make_unique<ChainParts>()} {}
Chain::Chain(Chain&& other) noexcept = default;
Chain& Chain::operator=(Chain&& other) noexcept = default;
Chain::~Chain() = default;

namespace {

ChainParts& unused(const std::unique_ptr<ChainParts>& parts) {
  if (!parts) throw UsedUp{"a chain runs once, and is resumed once after each time it suspends"};
  return *parts;
}

void expect_fit(std::type_index given, std::type_index taken) {
  if (given != taken) throw WrongType{"a stage takes what the stage before it gives"};
}

// From here on nobody else has the parts: they are in the next Suspended, or gone.
Outcome advance(std::unique_ptr<ChainParts> parts, const Pause& pause) {
  while (!parts->stages.empty()) {
    {
      Stage stage = std::move(parts->stages.front());
      parts->stages.pop_front();
      ++parts->next;
      try {
        parts->value = stage(std::move(parts->value));
      } catch (...) {
        return Finished{};
      }
    }
    if (!parts->stages.empty() && pause(parts->next)) return Suspended{std::move(parts)};
  }
  return Finished{std::move(parts->value)};
}

}  // namespace

void Chain::then(Stage stage) {
  auto& stages = unused(parts_).stages;
  if (!stages.empty()) expect_fit(stages.back().gives(), stage.takes());
  stages.push_back(std::move(stage));
}

void Chain::then(Chain other) {
  auto& stages = unused(parts_).stages;
  auto& more = unused(other.parts_).stages;
  if (!stages.empty() && !more.empty()) expect_fit(stages.back().gives(), more.front().takes());
  stages.insert(stages.end(), std::move_iterator{more.begin()}, std::move_iterator{more.end()});
}

Outcome Chain::run(Value given, const Pause& pause) && {
  const auto& stages = unused(parts_).stages;
  if (!stages.empty()) expect_fit(given.type(), stages.front().takes());
  parts_->value = std::move(given);
  return advance(std::move(parts_), pause);
}

std::size_t Suspended::next_stage() const { return parts_->next; }

const Value& Suspended::value() const { return parts_->value; }

Outcome Suspended::resume(const Pause& pause) && {
  unused(parts_);
  return advance(std::move(parts_), pause);
}

}  // namespace exercise
