// The program around your file: fibers that do what a check orders, one instruction after another,
// on channels, and tell over a descriptor how far they have come. Nothing here is to be changed;
// the grader uses its own copy.

#include <sys/socket.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "channel.hpp"
#include "exercises/kit/commands.hpp"
#include "scheduler.hpp"

namespace {

using exercise::Channel;
using exercise::Fiber;
using exercise::Scheduler;
using unblock::UniqueFd;

// An instruction: what, a number, a word.
using Instruction = std::tuple<std::string, std::int64_t, std::string>;
using Program = std::vector<Instruction>;

class Fibers {
 public:
  Fibers(int reports_fd, const std::vector<std::size_t>& capacities) : reports_fd_{reports_fd} {
    for (const std::size_t capacity : capacities) {
      channels_.push_back(exercise::make_channel(scheduler_, capacity));
    }
  }

  void run(const std::vector<Program>& programs) {
    for (std::size_t i = 0; i < programs.size(); ++i) {
      scheduler_.spawn([this, i, &program = programs[i]] {
        fibers_[static_cast<std::int64_t>(i)] = scheduler_.current();
        for (const auto& [what, number, word] : program) carry_out(i, what, number, word);
      });
    }
    scheduler_.run();
  }

 private:
  // The number is mostly the channel's. "trace-send" and "trace-receive" say also that they are
  // about to be called.
  void carry_out(std::size_t fiber, const std::string& what, std::int64_t number,
                 const std::string& word) {
    const std::string name = std::to_string(fiber);
    if (what == "say") say(word);
    if (what == "yield") scheduler_.yield();
    if (what == "send") {
      say(channel(number).send(word) ? "sent " + word : "not sent " + word);
    }
    if (what == "receive") say(channel(number).receive().value_or("the end"));
    if (what == "close") channel(number).close();
    if (what == "wake-for-nothing") scheduler_.wake(fibers_.at(number));
    if (what == "trace-send") {
      say("sends " + name + " " + word);
      say((channel(number).send(word) ? "sent " : "not-sent ") + name + " " + word);
    }
    if (what == "trace-receive") {
      say("asks " + name);
      say("gets " + name + " " + channel(number).receive().value_or("the-end"));
    }
    if (what == "send-many") send_many(number, std::stoul(word));
    if (what == "receive-many") receive_many(number, std::stoul(word));
  }

  void send_many(std::int64_t number, std::size_t values) {
    for (std::size_t i = 0; i < values; ++i) channel(number).send(std::to_string(i));
  }
  void receive_many(std::int64_t number, std::size_t values) {
    std::size_t received = 0;
    for (std::size_t i = 0; i < values; ++i) {
      if (channel(number).receive() == std::to_string(i)) ++received;
    }
    say("received " + std::to_string(received));
  }

  Channel& channel(std::int64_t number) { return *channels_.at(static_cast<std::size_t>(number)); }

  void say(const std::string& word) const {
    const std::string line = word + "\n";
    ::send(reports_fd_, line.data(), line.size(), 0);
  }

  int reports_fd_;
  Scheduler scheduler_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::map<std::int64_t, Fiber*> fibers_;
};

}  // namespace

int main() {
  unblock::kit::Commands commands;
  // Runs fibers of these programs until none of them can run any more.
  commands.on("run", [](const UniqueFd& reports, const std::vector<std::size_t>& capacities,
                        const std::vector<Program>& programs) {
    Fibers{reports.get(), capacities}.run(programs);
  });
  return commands.run();
}
