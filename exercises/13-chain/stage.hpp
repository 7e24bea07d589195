#pragma once

// What stands between the stages of a chain, and what a stage is. Given; how it is done need not
// concern you. Both can be moved and not copied: who needs a copy has not understood who owns it.

#include <concepts>
#include <memory>
#include <type_traits>
#include <typeindex>
#include <typeinfo>
#include <utility>

namespace exercise {

/// A value of any type, or none. (std::any wants values that can be copied.)
class Value {
 public:
  Value() = default;
  template <typename T>
  requires(!std::same_as<T, Value>) explicit Value(T value)
      : held_{std::make_unique<Held<T>>(std::move(value))} {}

  /// typeid(void) where there is none.
  [[nodiscard]] std::type_index type() const noexcept {
    return held_ ? held_->type() : std::type_index{typeid(void)};
  }
  /// Throws std::bad_cast where it is no `T`.
  template <typename T>
  [[nodiscard]] const T& as() const {
    return held<T>().value;
  }
  /// The same, to keep; there is none left then.
  template <typename T>
  [[nodiscard]] T take() && {
    T value = std::move(held<T>().value);
    held_.reset();
    return value;
  }

 private:
  struct AnyHeld {
    AnyHeld() = default;
    AnyHeld(const AnyHeld&) = delete;
    AnyHeld& operator=(const AnyHeld&) = delete;
    virtual ~AnyHeld() = default;
    [[nodiscard]] virtual std::type_index type() const noexcept = 0;
  };
  template <typename T>
  struct Held : AnyHeld {
    explicit Held(T given) : value{std::move(given)} {}
    [[nodiscard]] std::type_index type() const noexcept override { return typeid(T); }
    T value;
  };
  template <typename T>
  Held<T>& held() const {
    if (type() != typeid(T)) throw std::bad_cast{};
    return static_cast<Held<T>&>(*held_);
  }

  std::unique_ptr<AnyHeld> held_;
};

/// One closure of a chain: from a value of one type it makes a value of another type.
class Stage {
 public:
  /// `function` has one parameter and a result, both by value: [](int n) { return n + 0.5; }.
  template <typename Function>
  requires(!std::same_as<Function, Stage>) explicit Stage(Function function)
      : Stage{std::move(function), &Function::operator()} {}

  /// The type of what it takes, and of what it makes of that.
  [[nodiscard]] std::type_index takes() const noexcept { return takes_; }
  [[nodiscard]] std::type_index gives() const noexcept { return gives_; }

  /// Runs the closure. Throws what the closure throws, and std::bad_cast where `given` is of
  /// another type than takes().
  Value operator()(Value given) { return closure_->run(std::move(given)); }

 private:
  struct AnyClosure {
    AnyClosure() = default;
    AnyClosure(const AnyClosure&) = delete;
    AnyClosure& operator=(const AnyClosure&) = delete;
    virtual ~AnyClosure() = default;
    virtual Value run(Value given) = 0;
  };
  template <typename Function, typename Given>
  struct Closure : AnyClosure {
    explicit Closure(Function given) : function{std::move(given)} {}
    Value run(Value given) override { return Value{function(std::move(given).take<Given>())}; }
    Function function;
  };
  template <typename Function, typename Result, typename Given>
  Stage(Function function, Result (Function::*)(Given) const)
      : takes_{typeid(Given)},
        gives_{typeid(Result)},
        closure_{std::make_unique<Closure<Function, Given>>(std::move(function))} {}
  template <typename Function, typename Result, typename Given>
  Stage(Function function, Result (Function::*)(Given))
      : takes_{typeid(Given)},
        gives_{typeid(Result)},
        closure_{std::make_unique<Closure<Function, Given>>(std::move(function))} {}

  std::type_index takes_;
  std::type_index gives_;
  std::unique_ptr<AnyClosure> closure_;
};

}  // namespace exercise
