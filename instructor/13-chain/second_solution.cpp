// Right too, in another manner: a list whose nodes change hands, and a variant of what a chain may
// be: not run yet, between two stages, or over.

#include <list>
#include <optional>
#include <variant>

#include "chain.hpp"

namespace exercise {

struct ChainParts {
  struct New {};
  struct Between {
    Value value;
    std::size_t before;  // which stage
  };
  struct Over {};

  std::list<Stage> stages;
  std::variant<New, Between, Over> state;

  void expect_new() const {
    if (!std::holds_alternative<New>(state)) throw UsedUp{"this chain was run"};
  }

  // The stage is gone before the value is anywhere to be seen, also where it throws.
  Value run_one(Value given) {
    std::list<Stage> running;
    running.splice(running.begin(), stages, stages.begin());
    return running.front()(std::move(given));
  }

  // Nothing where it has to be suspended: `state` is Between then.
  std::optional<Value> advance(const Pause& pause) {
    Between now = std::move(std::get<Between>(state));
    state = Over{};
    try {
      for (bool first = true; !stages.empty(); first = false) {
        if (!first && pause(now.before)) {
          state = std::move(now);
          return std::nullopt;
        }
        now.value = run_one(std::move(now.value));
        ++now.before;
      }
    } catch (...) {
      stages.clear();
      throw;
    }
    return std::move(now.value);
  }
};

Suspended::Suspended(std::unique_ptr<ChainParts> parts) : parts_{std::move(parts)} {}
Suspended::Suspended(Suspended&& other) noexcept = default;
Suspended& Suspended::operator=(Suspended&& other) noexcept = default;
Suspended::~Suspended() = default;
Chain::Chain() : parts_{std::make_unique<ChainParts>()} {}
Chain::Chain(Chain&& other) noexcept { *this = std::move(other); }
Chain& Chain::operator=(Chain&& other) noexcept {
  parts_ = std::move(other.parts_);
  return *this;
}
Chain::~Chain() = default;

namespace {

ChainParts& parts_of(const std::unique_ptr<ChainParts>& parts) {
  if (parts == nullptr) throw UsedUp{"this chain is somewhere else by now"};
  return *parts;
}

}  // namespace

void Chain::then(Stage stage) {
  Chain one;
  one.parts_->stages.push_back(std::move(stage));
  then(std::move(one));
}

void Chain::then(Chain other) {
  ChainParts& mine = parts_of(parts_);
  ChainParts& its = parts_of(other.parts_);
  mine.expect_new();
  its.expect_new();
  if (its.stages.empty()) return;
  if (!mine.stages.empty() && mine.stages.back().gives() != its.stages.front().takes()) {
    throw WrongType{its.stages.front().takes().name()};
  }
  mine.stages.splice(mine.stages.end(), its.stages);
}

Outcome Chain::run(Value given, const Pause& pause) && {
  ChainParts& mine = parts_of(parts_);
  mine.expect_new();
  if (!mine.stages.empty() && mine.stages.front().takes() != given.type()) {
    throw WrongType{given.type().name()};
  }
  auto going = std::make_unique<ChainParts>();
  going->stages.swap(mine.stages);
  going->state = ChainParts::Between{std::move(given), 0};
  mine.state = ChainParts::Over{};
  if (auto result = going->advance(pause)) return Finished{*std::move(result)};
  return Suspended{std::move(going)};
}

std::size_t Suspended::next_stage() const {
  return std::get<ChainParts::Between>(parts_->state).before;
}

const Value& Suspended::value() const { return std::get<ChainParts::Between>(parts_->state).value; }

Outcome Suspended::resume(const Pause& pause) && {
  auto going = std::make_unique<ChainParts>(std::move(parts_of(parts_)));
  *parts_ = ChainParts{{}, ChainParts::Over{}};
  if (std::holds_alternative<ChainParts::Over>(going->state)) throw UsedUp{"resumed before"};
  if (auto result = going->advance(pause)) return Finished{*std::move(result)};
  return Suspended{std::move(going)};
}

}  // namespace exercise
