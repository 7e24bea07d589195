#pragma once

// The simplest fiber: a list of closures, each of which takes the result of the one before. Between
// two stages, all there is to keep is one value and the number of the next stage: it has no stack.

#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace unblock::fibers {

/// The result of a stage that returns void; the stage after it takes nothing.
struct Nothing {};

namespace chain_parts {

template <typename Stage, typename Given>
decltype(auto) call(Stage& stage, Given&& given) {
  if constexpr (std::is_same_v<std::decay_t<Given>, Nothing>) {
    return std::invoke(stage);
  } else {
    return std::invoke(stage, std::forward<Given>(given));
  }
}

template <typename Stage, typename Given>
inline constexpr bool takes = std::is_invocable_v<Stage&, Given>;
template <typename Stage>
inline constexpr bool takes<Stage, Nothing> = std::is_invocable_v<Stage&>;

// The type of what `Stage` hands to the next one.
template <typename Stage, typename Given>
auto result_of() {
  static_assert(takes<Stage, Given>, "a stage takes the result of the stage before it");
  if constexpr (takes<Stage, Given>) {
    using Returned = decltype(call(std::declval<Stage&>(), std::declval<Given>()));
    static_assert(!std::is_reference_v<Returned>,
                  "a stage returns a value: what a reference is to may end while it is suspended");
    using Kept = std::conditional_t<std::is_void_v<Returned>, Nothing, std::decay_t<Returned>>;
    return std::type_identity<Kept>{};
  }
}
template <typename Stage, typename Given>
using Result = typename decltype(result_of<Stage, Given>())::type;

// The types of what the stages hand on, beginning with what the first is given.
template <typename Given, typename... Stages>
struct Values {
  using List = std::tuple<std::type_identity<Given>>;
};
template <typename Given, typename First, typename... Rest>
struct Values<Given, First, Rest...> {
  using List = decltype(std::tuple_cat(std::tuple<std::type_identity<Given>>{},
                                       typename Values<Result<First, Given>, Rest...>::List{}));
};

// A variant of the values between two stages: number I is what stage I + 1 takes.
template <typename List>
struct Between;
template <typename Start, typename... Rest>
struct Between<std::tuple<Start, Rest...>> {
  template <std::size_t... I>
  static auto make(std::index_sequence<I...>)
      -> std::variant<typename std::tuple_element_t<I, std::tuple<Rest...>>::type...>;
  using Variant = decltype(make(std::make_index_sequence<sizeof...(Rest) - 1>{}));
};
template <typename Start, typename Only>
struct Between<std::tuple<Start, Only>> {  // one stage: nothing is ever between two
  using Variant = std::variant<Nothing>;
};

}  // namespace chain_parts

template <typename... Stages>
class Suspended;

/// The chain has run to its end, with this result (Nothing where the last stage returns void).
template <typename Result>
struct Finished {
  Result result;
};

/// Stages, made by first(a).then(b).then(c). What does not fit together does not compile. Stages
/// and values may be movable only. An exception that a stage throws comes out of run() or resume();
/// the chain is over then, and what was on the way is destroyed.
template <typename... Stages>
class Chain {
  using List = typename chain_parts::Values<Nothing, Stages...>::List;

 public:
  static constexpr std::size_t size = sizeof...(Stages);
  template <std::size_t I>
  using Taken = typename std::tuple_element_t<I, List>::type;  ///< what stage I takes
  using Result = Taken<size>;                                  ///< what the last one returns
  using Outcome = std::variant<Suspended<Stages...>, Finished<Result>>;

  explicit Chain(std::tuple<Stages...> stages) : stages_{std::move(stages)} {}

  template <typename Next>
  [[nodiscard]] auto then(Next next) && {
    return Chain<Stages..., Next>{
        std::tuple_cat(std::move(stages_), std::tuple<Next>{std::move(next)})};
  }

  /// Runs stage after stage. Between two, it asks `pause(number of the next stage)`, and suspends
  /// where that is true.
  template <typename Pause>
  [[nodiscard]] Outcome run(Pause pause) && {
    return advance<0>(std::move(stages_), Nothing{}, pause);
  }
  /// Runs all of them.
  Result run() && {
    auto outcome = std::move(*this).run([](std::size_t) { return false; });
    return std::get<Finished<Result>>(std::move(outcome)).result;
  }

 private:
  friend class Suspended<Stages...>;

  template <std::size_t I, typename Pause>
  static Outcome advance(std::tuple<Stages...>&& stages, Taken<I> given, Pause& pause) {
    auto& stage = std::get<I>(stages);
    Taken<I + 1> value = [&]() -> Taken<I + 1> {
      if constexpr (std::is_same_v<Taken<I + 1>, Nothing>) {
        chain_parts::call(stage, std::move(given));
        return {};
      } else {
        return chain_parts::call(stage, std::move(given));
      }
    }();
    if constexpr (I + 1 == size) {
      return Finished<Result>{std::move(value)};
    } else if (pause(I + 1)) {
      return Suspended<Stages...>{std::move(stages), std::in_place_index<I>, std::move(value)};
    } else {
      return advance<I + 1>(std::move(stages), std::move(value), pause);
    }
  }

  std::tuple<Stages...> stages_;
};

/// A chain between two stages, with the value that the next one will take. It may be kept, moved to
/// another thread, or dropped, which destroys the value and runs nothing.
template <typename... Stages>
class Suspended {
  using ChainType = Chain<Stages...>;

 public:
  using Outcome = typename ChainType::Outcome;

  Suspended(Suspended&&) noexcept = default;
  // A lambda with captures cannot be assigned, so the whole is made anew.
  Suspended& operator=(Suspended&& other) noexcept {
    if (this == &other) return *this;
    std::destroy_at(this);
    std::construct_at(this, std::move(other));
    return *this;
  }

  /// The stage that resume() runs first; counted from 0.
  [[nodiscard]] std::size_t next_stage() const noexcept { return value_.index() + 1; }

  /// The value that it will take. Throws std::bad_variant_access where that is not a `T`.
  template <typename T>
  [[nodiscard]] const T& value() const {
    return std::visit(
        [](const auto& held) -> const T& {
          if constexpr (std::is_same_v<std::decay_t<decltype(held)>, T>) {
            return held;
          } else {
            throw std::bad_variant_access{};
          }
        },
        value_);
  }

  /// Goes on where it was suspended, as run() does. Once: it throws std::logic_error the next time.
  template <typename Pause>
  [[nodiscard]] Outcome resume(Pause pause) && {
    if (std::exchange(resumed_, true)) {
      throw std::logic_error{"a suspended chain is resumed once: its value has moved on"};
    }
    return resume_at<0>(pause);
  }
  /// Goes on to the end.
  typename ChainType::Result resume() && {
    auto outcome = std::move(*this).resume([](std::size_t) { return false; });
    return std::get<Finished<typename ChainType::Result>>(std::move(outcome)).result;
  }

 private:
  friend ChainType;
  using Value = typename chain_parts::Between<
      typename chain_parts::Values<Nothing, Stages...>::List>::Variant;

  template <std::size_t I, typename Given>
  Suspended(std::tuple<Stages...>&& stages, std::in_place_index_t<I> before, Given&& given)
      : stages_{std::move(stages)}, value_{before, std::forward<Given>(given)} {}

  template <std::size_t I, typename Pause>
  Outcome resume_at(Pause& pause) {
    if constexpr (I + 1 < ChainType::size) {
      if (value_.index() != I) return resume_at<I + 1>(pause);
      return ChainType::template advance<I + 1>(std::move(stages_), std::get<I>(std::move(value_)),
                                                pause);
    } else {
      throw std::bad_variant_access{};  // the value is lost: its move has thrown
    }
  }

  std::tuple<Stages...> stages_;
  Value value_;
  bool resumed_ = false;
};

/// The first stage of a chain; it takes nothing.
template <typename Stage>
[[nodiscard]] Chain<Stage> first(Stage stage) {
  return Chain<Stage>{std::tuple<Stage>{std::move(stage)}};
}

}  // namespace unblock::fibers
