#include "experiments.hpp"

#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <list>
#include <set>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "select_engine.hpp"
#include "stage.hpp"

namespace unblock {
namespace {

// A handler in which a thread stays until open(), so that it can be seen which threads are in it.
class Gate final : public CompletionHandler {
 public:
  void on_completion(CompletionEvent event) override {
    if (event.error != 0) return;
    std::unique_lock lock{mutex_};
    inside_.insert(this_thread_id());
    changed_.wait(lock, [this] { return open_; });
  }
  [[nodiscard]] std::set<pid_t> await_inside(std::size_t count) {
    await([&] {
      const std::lock_guard lock{mutex_};
      return inside_.size() >= count;
    });
    const std::lock_guard lock{mutex_};
    return inside_;
  }
  void open() {
    const std::lock_guard lock{mutex_};
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<pid_t> inside_;
  bool open_ = false;
};

// The threads that handle completions at the same time, with an engine that has three for it.
std::set<pid_t> threads_that_handle(EngineKind kind) {
  constexpr std::size_t count = 3;
  const auto engine = make_engine(kind, count);
  Gate gate;
  std::list<Line> lines;
  const RunningProactor proactor{*engine};
  std::set<pid_t> inside;
  for (std::size_t i = 1; i <= count; ++i) {
    Line& line = lines.emplace_back(*engine, gate);
    line.initiator.start_read();
    send_text(line.client.get(), "x");
    inside = gate.await_inside(i);  // the one before is still in its handler
  }
  gate.open();
  return inside;
}

}  // namespace

// [roles]
Finding roles(Narrator& out) {
  const pid_t ours = this_thread_id();
  Notebook handler;
  SelectEngine engine{1};
  Line line{engine, handler};
  out.step("Three threads: one in the processor, one that runs the proactor, and ours.");
  std::optional<RunningProactor> proactor{std::in_place, engine};
  const bool waits = await_asleep(proactor->thread_id());
  out.step("CompletionDemultiplexer: it waits for an event; the proactor's thread {} in it.",
           waits ? "sleeps" : "does not sleep");

  out.step("Initiator: our thread starts a read of a connection on which nothing has come.");
  line.initiator.start_read();
  const std::size_t early = handler.entries().size();
  out.note("start_read has returned, {} handlers were called, and our thread goes on.", early);
  out.step("AsynchronousOperation: that read; from now on it is the processor's.");

  const bool processor_waits = await_asleep(engine.thread_id());
  out.step("AsynchronousOperationProcessor: its thread {} until the socket is ready.",
           processor_waits ? "sleeps" : "does not sleep");
  out.step(
      "CompletionEventQueue: the client sends \"ping\"; the processor reads it and pushes an "
      "event that carries it.");
  send_text(line.client.get(), "ping");
  handler.await_entries(1);
  const Notebook::Entry entry = handler.entries().front();
  const bool in_proactor = entry.thread == proactor->thread_id() && entry.thread != ours &&
                           entry.thread != engine.thread_id();
  out.step("Proactor: takes the event and calls the handler, in {} thread.",
           in_proactor ? "its own" : "another");
  out.step("CompletionHandler: finds \"{}\" in the event, and makes no system call to get it.",
           entry.text);
  proactor.reset();

  out.step("With three threads for handlers; each handler stays until all three are at work:");
  bool several = true;
  table_of_engines(out, {{"model", "handlers at once", "in our thread"}},
                   [&](const NamedEngine& each, auto& rows) {
                     const std::set<pid_t> threads = threads_that_handle(each.kind);
                     several = several && threads.size() == 3 && !threads.contains(ours);
                     rows.push_back({each.name, std::to_string(threads.size()),
                                     std::to_string(threads.count(ours))});
                   });

  const bool shown =
      waits && processor_waits && early == 0 && in_proactor && entry.text == "ping" && several;
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown ? "an operation was started in one thread, carried out in a second "
                                "and handled in a third, or in three more at once."
                              : "a role was not played where it should be.",
          .facts = {{"handled_before_data", static_cast<std::int64_t>(early)},
                    {"event_carries", entry.text},
                    {"handled_in_proactors_thread", in_proactor},
                    {"handled_in_several_threads", several}}};
}
// [/roles]

namespace {

// One byte that goes to and fro between the two ends of a connection: what was read is written
// back, and what was written is followed by the next read.
class Chain {
 public:
  static constexpr std::size_t length = 10'000;

  Chain(Engine& engine, ConnectedPair pair)
      : engine_{engine},
        one_{*this, engine, std::move(pair.client)},
        other_{*this, engine, std::move(pair.server)} {}

  // Starts it and handles completions, in this thread, until it has reached its length.
  void run() {
    one_.initiator.start_read();
    other_.initiator.start_read();
    send_text(one_.initiator.fd(), "x");
    Proactor{engine_}.run();
  }

  [[nodiscard]] std::size_t operations() const { return operations_; }
  [[nodiscard]] std::size_t deepest() const { return deepest_; }
  [[nodiscard]] std::size_t stack_bytes() const { return highest_ - lowest_; }

 private:
  struct End final : CompletionHandler {
    End(Chain& its_chain, Engine& engine, UniqueFd socket)
        : chain{its_chain}, initiator{engine, *this, std::move(socket)} {}
    void on_completion(CompletionEvent event) override { chain.on_completion(*this, event); }
    Chain& chain;
    Initiator initiator;
  };

  // [chain]
  void on_completion(End& end, CompletionEvent& event) {
    const auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    lowest_ = std::min(lowest_, frame);
    highest_ = std::max(highest_, frame);
    deepest_ = std::max(deepest_, ++depth_);
    if (operations_ == length) {
      engine_.cancel_all();  // the other end's read, for which nothing will come
    } else {
      ++operations_;
      const bool was_read = event.operation->kind == AsynchronousOperation::Kind::read;
      was_read ? end.initiator.start_write(std::move(event.data)) : end.initiator.start_read();
    }
    --depth_;
  }
  // [/chain]

  Engine& engine_;
  std::size_t operations_ = 0;
  std::size_t depth_ = 0;
  std::size_t deepest_ = 0;
  std::uintptr_t lowest_ = UINTPTR_MAX;
  std::uintptr_t highest_ = 0;
  End one_;
  End other_;
};

// The other way to chain, which looks simpler: where the data is there already, call the handler at
// once. Returns the address of the deepest frame after `steps` of them.
[[gnu::noinline]] std::uintptr_t call_handler_at_once(const ConnectedPair& pair, int steps) {
  const auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  send_text(pair.client.get(), "x");
  const std::string data = receive_text(pair.server.get(), 1);
  if (steps == 1) return frame;
  const std::uintptr_t deepest = call_handler_at_once(pair, steps - 1);
  return data == "x" ? deepest : 0;  // so that the frame is needed until here
}

}  // namespace

// [endless_chain]
Finding endless_chain(Narrator& out) {
  const PinnedToCpu one_cpu{0};  // threads that hand over to one another do so faster on one
  out.step(
      "A byte goes to and fro. Each handler starts the next operation; one thread handles all.");
  bool shown = true;
  std::int64_t most_stack = 0;
  table_of_engines(
      out, {{"model", "operations", "handlers inside one another", "stack between them"}},
      [&](const NamedEngine& each, auto& rows) {
        const auto engine = make_engine(each.kind);
        Chain chain{*engine, connected_pair()};
        chain.run();
        rows.push_back({each.name, std::to_string(chain.operations()),
                        std::to_string(chain.deepest()),
                        fmt::format("{} bytes", chain.stack_bytes())});
        shown = shown && chain.operations() == Chain::length && chain.deepest() == 1;
        most_stack = std::max(most_stack, static_cast<std::int64_t>(chain.stack_bytes()));
      });
  out.note("start_read only notes what is wanted: the handler has returned before it is done.");

  constexpr int steps = 1'000;
  const ConnectedPair pair = connected_pair();
  const auto top = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const std::uintptr_t deepest = call_handler_at_once(pair, steps);
  const auto grown = static_cast<std::int64_t>(top - deepest);
  out.step("{} steps where a start that finds data calls the handler at once: {} bytes of stack.",
           steps, grown);

  shown = shown && most_stack == 0 && grown > steps;
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown
                            ? "the chain may be endless: each link starts the next and returns, so "
                              "the stack does not grow."
                            : "the handlers were called inside one another.",
          .facts = {{"stack_of_chain", most_stack}, {"stack_of_direct_calls", grown}}};
}
// [/endless_chain]

// [reactor_inside]
Finding reactor_inside(Narrator& out) {
  Notebook handler_of_first;
  Notebook handler_of_second;
  SelectEngine engine{1};
  Line first{engine, handler_of_first};
  Line second{engine, handler_of_second};
  const RunningProactor proactor{engine};

  await_asleep(engine.thread_id());
  const auto call = sleeps_in(engine.thread_id());
  // glibc makes select of pselect6 where the kernel has both.
  bool in_select = call && call->number == SYS_pselect6;
#ifdef SYS_select
  in_select = in_select || (call && call->number == SYS_select);
#endif
  out.step("The engine's thread {}.",
           call ? fmt::format("sleeps in {}",
                              in_select ? "select" : fmt::format("system call {}", call->number))
                : "sleeps (this kernel does not say in which call)");

  out.step("A read is started on a first connection, then one on a second.");
  first.initiator.start_read();
  second.initiator.start_read();
  out.note("The engine's thread {}.",
           await_asleep(engine.thread_id())
               ? "has put both into its set and sleeps again: it waits for both"
               : "does not sleep");

  out.step("Data comes for the second: it is ready, so its read is carried out.");
  send_text(second.client.get(), "second");
  handler_of_second.await_entries(1);
  const bool second_first = handler_of_first.entries().empty();
  out.note("Handlers called: second. The first read is {}.",
           second_first ? "still pending" : "done");
  send_text(first.client.get(), "first");
  handler_of_first.await_entries(1);
  out.step("Data comes for the first: handlers called: {}.",
           second_first ? "second, first" : "first, second");

  const bool other_thread = handler_of_first.entries().front().thread == proactor.thread_id() &&
                            proactor.thread_id() != engine.thread_id();
  out.note("{} the engine's thread: that one waits, reads, and pushes events.",
           other_thread ? "None of them was called by" : "They were called by");

  if (!call)
    return {
        .conclusion =
            "this kernel does not tell in which call a thread sleeps (/proc/PID/task/TID/syscall).",
        .facts = {{"in_select", false},
                  {"by_readiness", second_first},
                  {"handled_elsewhere", other_thread}}};
  const bool shown = in_select && second_first && other_thread;
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown
                            ? "inside the processor a thread waits for readiness and acts on it: a "
                              "reactor. Only its handlers are different: they do the I/O."
                            : "the engine's thread does not do what a reactor does.",
          .facts = {{"in_select", in_select},
                    {"by_readiness", second_first},
                    {"handled_elsewhere", other_thread}}};
}
// [/reactor_inside]

namespace {

class Counter final : public CompletionHandler {
 public:
  void on_completion(CompletionEvent event) override {
    if (event.error == 0) ++calls;
  }
  std::atomic<long> calls = 0;
};

// How a thread spends its time from now on.
class Watch {
 public:
  explicit Watch(pid_t thread)
      : thread_{thread}, waits_{context_switches(thread).voluntary}, awake_{time_awake(thread)} {}

  // How often it has given the CPU up because it had to wait.
  [[nodiscard]] long waits() const { return context_switches(thread_).voluntary - waits_; }
  // Of a hundred parts of the time.
  [[nodiscard]] int percent_asleep() const {
    const std::chrono::duration<double> awake = time_awake(thread_) - awake_;
    const std::chrono::duration<double> all = std::chrono::steady_clock::now() - start_;
    return static_cast<int>(100.5 - 100 * std::clamp(awake / all, 0.0, 1.0));
  }

 private:
  pid_t thread_;
  long waits_;
  std::chrono::nanoseconds awake_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

// [hidden_wait]
Finding hidden_wait(Narrator& out) {
  constexpr long messages = 100;
  Counter handler;
  SelectEngine engine{1};
  Line line{engine, handler};
  const RunningProactor proactor{engine};
  await_asleep(engine.thread_id());
  await_asleep(proactor.thread_id());

  out.step("Our thread orders a read and computes until it is complete, {} times over.", messages);
  out.note("Each time, the client sends when the engine's thread is seen asleep.");
  const Watch ours{this_thread_id()};
  const Watch engines{engine.thread_id()};
  std::atomic<long> ordered = 0;
  std::atomic<long> seen_asleep = 0;
  std::jthread client{[&](const std::stop_token& stop) {
    for (long i = 0; i < messages && !stop.stop_requested(); ++i) {
      await([&] { return ordered > i || stop.stop_requested(); });
      if (await_asleep(engine.thread_id())) ++seen_asleep;
      send_text(line.client.get(), "x");
    }
  }};
  std::uint64_t computed = 0;
  for (long i = 0; i < messages; ++i) {
    line.initiator.start_read();
    ++ordered;
    while (handler.calls == i) ++computed;
  }
  const std::int64_t our_waits = ours.waits();
  const std::int64_t engines_waits = engines.waits();
  const std::int64_t we_slept = ours.percent_asleep();
  const std::int64_t engine_slept = engines.percent_asleep();

  out.step("How the two threads spent that time:");
  out.table(
      {{"thread", "had to wait, times", "was asleep"},
       {"ours, which ordered the reads", std::to_string(our_waits), fmt::format("{} %", we_slept)},
       {"the engine's, in select", std::to_string(engines_waits),
        fmt::format("{} %", engine_slept)}});
  out.note("Ours has counted to {} meanwhile.", computed);

  // Its first sleep may have begun before the watch.
  const bool shown = seen_asleep == messages && engines_waits >= messages - 1 &&
                     our_waits < messages / 4 && engine_slept > we_slept;
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown ? "the waiting has not gone away: it has moved into a thread that we "
                                "do not see."
                              : "it was not the engine's thread that waited.",
          .facts = {{"messages", std::int64_t{messages}},
                    {"engine_waited", engines_waits},
                    {"we_waited", our_waits},
                    {"engine_asleep_percent", engine_slept},
                    {"we_asleep_percent", we_slept},
                    {"computed", static_cast<std::int64_t>(computed)}}};
}
// [/hidden_wait]

namespace {

// An operation, and how often its handler was called with what.
struct OneShot final : CompletionHandler {
  explicit OneShot(Engine& engine) : line{engine, *this} {}
  void on_completion(CompletionEvent event) override {
    if (event.error == ECANCELED) ++cancelled;
    ++calls;
  }
  std::atomic<int> calls = 0;
  std::atomic<int> cancelled = 0;
  Line line;
};

struct Tally {
  std::int64_t operations = 0;
  std::int64_t never = 0;
  std::int64_t once = 0;
  std::int64_t more = 0;
  std::int64_t cancelled = 0;
};

// Reads in flight, of which some get data, some are cancelled, some both at the same time; the rest
// ends with the engine.
Tally cancel_in_flight(EngineKind kind, std::size_t threads) {
  constexpr std::size_t count = 60;
  const auto engine = make_engine(kind, threads);
  std::list<OneShot> shots;
  {
    const RunningProactor proactor{*engine};
    for (std::size_t i = 0; i < count; ++i) shots.emplace_back(*engine).line.initiator.start_read();
    std::jthread sender{[&] {
      std::size_t i = 0;
      for (OneShot& shot : shots) {
        if (++i % 3 == 0) send_text(shot.line.client.get(), "x");
      }
    }};
    std::size_t i = 0;
    for (OneShot& shot : shots) {
      if (++i % 2 == 0) shot.line.initiator.cancel();
    }
  }
  Tally tally;
  for (const OneShot& shot : shots) {
    ++tally.operations;
    ++(shot.calls == 0 ? tally.never : shot.calls == 1 ? tally.once : tally.more);
    tally.cancelled += shot.cancelled;
  }
  return tally;
}

}  // namespace

// [cancellation]
Finding cancellation(Narrator& out) {
  out.step(
      "Reads are in flight. Data comes for some, others are cancelled, for some both happen at the "
      "same moment; then all that is left is cancelled, and the proactor ends.");
  Tally all;
  table_of_engines(
      out, {{"model", "threads", "operations", "handled once", "never", "twice", "cancelled"}},
      [&](const NamedEngine& each, auto& rows) {
        for (const std::size_t threads : {1, 3}) {
          const Tally tally = cancel_in_flight(each.kind, threads);
          rows.push_back({each.name, std::to_string(threads), std::to_string(tally.operations),
                          std::to_string(tally.once), std::to_string(tally.never),
                          std::to_string(tally.more), std::to_string(tally.cancelled)});
          all.operations += tally.operations;
          all.once += tally.once;
          all.cancelled += tally.cancelled;
        }
      });
  const bool shown = all.once == all.operations && all.cancelled > 0;
  return {.verdict = shown ? Verdict::holds : Verdict::fails,
          .conclusion = shown ? "whether the data or the cancellation came first, each handler was "
                                "called exactly once."
                              : "some handler was not called, or more than once.",
          .facts = {{"operations", all.operations},
                    {"handled_once", all.once},
                    {"cancelled", all.cancelled}}};
}
// [/cancellation]

}  // namespace unblock
