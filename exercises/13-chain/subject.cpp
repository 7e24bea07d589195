// The program around your file: it makes chains of stages that note when they run and when they are
// destroyed, runs them as a check orders, and tells what came of it. Nothing here is to be changed;
// the grader uses its own copy.

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "chain.hpp"
#include "exercises/kit/commands.hpp"

namespace {

using exercise::Chain;
using exercise::Finished;
using exercise::Outcome;
using exercise::Pause;
using exercise::Stage;
using exercise::Suspended;
using exercise::Value;

// What has happened, in this order.
std::vector<std::string> events;

void note(std::string what) { events.push_back(std::move(what)); }

// Each stage has captured one: it can only be moved then, and its end is noted.
struct NoteEnd {
  void operator()(const std::string* name) const {
    note("destroyed " + *name);
    delete name;
  }
};
using Captured = std::unique_ptr<const std::string, NoteEnd>;

// A value that can only be moved.
using Box = std::unique_ptr<int>;

// Not derived from std::exception: who catches only that misses it.
struct StageFailed {
  std::string word;
};

// How a run ended: "finished", "suspended", "used up", "wrong type", "threw WORD"; the number of
// the next stage; the value.
using Told = std::tuple<std::string, std::size_t, std::string>;

std::string text_of(const Value& value) {
  if (value.type() == typeid(int)) return "int " + std::to_string(value.as<int>());
  if (value.type() == typeid(std::string)) return "text " + value.as<std::string>();
  if (value.type() == typeid(Box)) {
    return value.as<Box>() ? "box " + std::to_string(*value.as<Box>()) : "empty box";
  }
  return value.type() == typeid(void) ? "nothing" : "something else";
}

Value value_of(const std::string& type, const std::string& text) {
  return type == "int" ? Value{std::stoi(text)} : Value{text};
}

template <typename Given, typename Function>
Stage noting(const std::string& name, Function function) {
  return Stage{[captured = Captured{new std::string{name}}, function](Given given) {
    note(*captured);
    return function(std::move(given));
  }};
}

// Nothing where `function` has returned.
template <typename Function>
std::optional<std::string> exception_of(Function function) {
  try {
    function();
    return std::nullopt;
  } catch (const exercise::UsedUp&) {
    return "used up";
  } catch (const exercise::WrongType&) {
    return "wrong type";
  } catch (const StageFailed& failed) {
    note("caught");
    return "threw " + failed.word;
  }
}

class Program {
 public:
  std::string then(const std::string& name, const std::string& kind, const std::string& argument) {
    return exception_of([&] { chains_[name].then(stage(kind, argument)); }).value_or("done");
  }
  std::string append(const std::string& name, const std::string& other) {
    return exception_of([&] { chains_[name].then(std::move(chains_[other])); }).value_or("done");
  }
  // `pauses`: the stages before which the answer is yes.
  Told run(const std::string& name, Value given, const std::vector<std::size_t>& pauses) {
    return tell(name,
                [&] { return std::move(chains_[name]).run(std::move(given), pause(pauses)); });
  }
  Told resume(const std::string& name, const std::vector<std::size_t>& pauses) {
    const auto found = suspended_.find(name);
    if (found == suspended_.end()) throw std::runtime_error{"run() has not suspended it before"};
    return tell(name, [&] { return std::move(found->second).resume(pause(pauses)); });
  }
  void drop(const std::string& name) {
    chains_.erase(name);
    suspended_.erase(name);
  }

 private:
  // Its kind and argument are noted when it runs.
  Stage stage(const std::string& kind, const std::string& argument) {
    const std::string name = kind + " " + argument;
    const auto number = [&] { return std::stoi(argument); };
    if (kind == "add") return noting<int>(name, [n = number()](int given) { return given + n; });
    if (kind == "times") return noting<int>(name, [n = number()](int given) { return given * n; });
    if (kind == "text") return noting<int>(name, [](int given) { return std::to_string(given); });
    if (kind == "append") {
      return noting<std::string>(name,
                                 [argument](const std::string& given) { return given + argument; });
    }
    if (kind == "length") {
      return noting<std::string>(
          name, [](const std::string& given) { return static_cast<int>(given.size()); });
    }
    if (kind == "box") return noting<int>(name, [](int given) { return Box{new int{given}}; });
    if (kind == "unbox") return noting<Box>(name, [](Box given) { return given ? *given : -1; });
    if (kind == "fail") {
      return noting<int>(name, [argument](int) -> int { throw StageFailed{argument}; });
    }
    // Runs another chain, to its end.
    return noting<int>(name, [this, argument](int given) {
      Outcome inner =
          std::move(chains_[argument]).run(Value{given}, [](std::size_t) { return false; });
      return std::get<Finished>(std::move(inner)).result.template take<int>();
    });
  }

  static Pause pause(const std::vector<std::size_t>& pauses) {
    return [before = std::set<std::size_t>(pauses.begin(), pauses.end())](std::size_t next) {
      note("asked " + std::to_string(next));
      return before.contains(next);
    };
  }

  template <typename Function>
  Told tell(const std::string& name, Function function) {
    std::optional<Outcome> outcome;
    if (const auto thrown = exception_of([&] { outcome.emplace(function()); })) {
      return {*thrown, 0, ""};
    }
    if (const auto* const finished = std::get_if<Finished>(&*outcome)) {
      return {"finished", 0, text_of(finished->result)};
    }
    auto& suspended = std::get<Suspended>(*outcome);
    Told told{"suspended", suspended.next_stage(), text_of(suspended.value())};
    suspended_.insert_or_assign(name, std::move(suspended));
    return told;
  }

  std::map<std::string, Chain> chains_;
  std::map<std::string, Suspended> suspended_;
};

}  // namespace

int main() {
  using Texts = std::vector<std::string>;
  using Numbers = std::vector<std::size_t>;

  unblock::kit::Commands commands;
  Program program;
  commands.on("then", [&](const std::string& name, const Texts& kinds, const Texts& arguments) {
    std::string told;
    for (std::size_t i = 0; i < kinds.size() && i < arguments.size(); ++i) {
      told = program.then(name, kinds[i], arguments[i]);
    }
    return told;
  });
  commands.on("append", [&](const std::string& name, const std::string& other) {
    return program.append(name, other);
  });
  commands.on("run", [&](const std::string& name, const std::string& type, const std::string& text,
                         const Numbers& pauses) {
    return program.run(name, value_of(type, text), pauses);
  });
  commands.on("resume", [&](const std::string& name, const Numbers& pauses) {
    return program.resume(name, pauses);
  });
  commands.on("resume_on_another_thread", [&](const std::string& name, const Numbers& pauses) {
    Told told;
    std::thread{[&] { told = program.resume(name, pauses); }}.join();
    return told;
  });
  commands.on("drop", [&](const std::string& name) { program.drop(name); });
  // What has happened since the last time.
  commands.on("events", [&] { return std::exchange(events, {}); });
  return commands.run();
}
