#include "exercises/kit/commands.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <string>
#include <system_error>

namespace unblock::kit {
namespace {

constexpr int channel = 3;  // where the sandbox puts it

// How an answer begins, after the number of its call.
enum class Kind { returned, threw_system_error, threw_exception, threw_something };

void put_exception(MessageWriter& out) {
  try {
    throw;
  } catch (const std::system_error& error) {
    put(out, Kind::threw_system_error);
    put(out, error.code().value());
    put(out, std::string{error.what()});
  } catch (const std::exception& error) {
    put(out, Kind::threw_exception);
    put(out, 0);
    put(out, std::string{error.what()});
  } catch (...) {
    put(out, Kind::threw_something);
    put(out, 0);
    put(out, std::string{});
  }
}

void set_signals() {
  struct sigaction interrupt {};
  interrupt.sa_handler = [](int) {};  // without SA_RESTART: the call it interrupts fails with EINTR
  ::sigaction(SIGUSR1, &interrupt, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

void Commands::carry_out(std::int64_t call, const Handler& handler, MessageReader arguments) {
  MessageWriter answer;
  put(answer, call);
  try {
    MessageWriter result;
    put(result, call);
    put(result, Kind::returned);
    handler(arguments, result);
    answer = std::move(result);
  } catch (...) {
    put_exception(answer);
  }
  const std::lock_guard lock{sending_};
  send_message(channel, answer);
}

int Commands::run() {
  set_signals();
  {
    MessageWriter ready;  // call 0: here we are
    put(ready, 0);
    put(ready, Kind::returned);
    send_message(channel, ready);
  }
  while (auto message = receive_message(channel)) {
    const auto call = take<std::int64_t>(*message);
    const auto found = commands_.find(take<std::string>(*message));
    if (found == commands_.end()) return EXIT_FAILURE;  // the check and this program do not match
    const Command& command = found->second;
    if (!command.own_thread) {
      carry_out(call, command.handler, std::move(*message));
      continue;
    }
    threads_.emplace_back([this, call, &command, arguments = std::move(*message)]() mutable {
      // The check finds the thread by this name (pthread_setname_np(3): at most 15 characters).
      ::pthread_setname_np(::pthread_self(), ("call " + std::to_string(call)).c_str());
      carry_out(call, command.handler, std::move(arguments));
    });
  }
  threads_.clear();
  return EXIT_SUCCESS;
}

}  // namespace unblock::kit
