#pragma once

#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>

#include "exercises/kit/message.hpp"

/// The subject's side: the program around a student's file. It does what a check orders and answers
/// with what came of it. It judges nothing: the student's code runs in this very process, and what
/// it says is believed by nobody.
namespace unblock::kit {

/// The commands that a subject knows. In subject.cpp:
///
///   int main() {
///     Commands commands;
///     commands.on("read_exactly", [](UniqueFd fd, std::size_t size) {
///       Bytes buffer(size);
///       const std::size_t got = read_exactly(fd.get(), buffer);
///       return std::tuple{got, buffer};
///     });
///     return commands.run();
///   }
///
/// A command's parameters and its result are types that travel (message.hpp), or void. A descriptor
/// that it gets is its own: it closes with the command, unless the command gives it away. An
/// exception is an answer too.
class Commands {
 public:
  /// The command runs in the main thread; no other one is begun meanwhile.
  template <typename Function>
  void on(const std::string& name, Function function) {
    add(name, std::move(function), false);
  }
  /// Each call of the command runs in a thread of its own: for what blocks until another command
  /// (`stop`) ends it.
  template <typename Function>
  void in_thread(const std::string& name, Function function) {
    add(name, std::move(function), true);
  }

  /// Carries out commands until the check hangs up; then waits for the threads. Returns main()'s
  /// status. SIGUSR1 does nothing here but interrupt a system call (EINTR); SIGPIPE is ignored.
  int run();

 private:
  using Handler = std::function<void(MessageReader&, MessageWriter&)>;
  struct Command {
    Handler handler;
    bool own_thread;
  };

  template <typename Function>
  void add(const std::string& name, Function function, bool own_thread);
  void carry_out(std::int64_t call, const Handler& handler, MessageReader arguments);

  std::map<std::string, Command> commands_;
  std::mutex sending_;  // answers of several threads come one after another
  std::list<std::jthread> threads_;
};

namespace detail {

template <typename Function>
struct Signature : Signature<decltype(&Function::operator())> {};
template <typename Result_, typename Class, typename... Parameters>
struct Signature<Result_ (Class::*)(Parameters...) const> {
  using Result = Result_;
  using Arguments = std::tuple<std::decay_t<Parameters>...>;
};
template <typename Result_, typename Class, typename... Parameters>
struct Signature<Result_ (Class::*)(Parameters...)>
    : Signature<Result_ (Class::*)(Parameters...) const> {};

}  // namespace detail

template <typename Function>
void Commands::add(const std::string& name, Function function, bool own_thread) {
  using Signature = detail::Signature<Function>;
  Handler handler = [function = std::move(function)](MessageReader& in,
                                                     MessageWriter& out) mutable {
    auto arguments = take<typename Signature::Arguments>(in);
    if constexpr (std::is_void_v<typename Signature::Result>) {
      std::apply(function, std::move(arguments));
    } else {
      put(out, std::apply(function, std::move(arguments)));
    }
  };
  commands_[name] = {std::move(handler), own_thread};
}

}  // namespace unblock::kit
