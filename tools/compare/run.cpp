#include "tools/compare/run.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/observe.hpp"
#include "tools/compare/models.hpp"

namespace unblock {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds slice{20};  // between looks at the interrupt

// The CPUs for both ends, as indices of those that we may use: the last ones, since a system's
// interrupts and first processes tend to live on the first.
struct Places {
  std::optional<std::size_t> server;
  std::optional<std::size_t> client;
};

Places places_for(Pinning pinning) {
  const std::size_t cpus = available_cpus();
  if (pinning == Pinning::none) return {};
  if (pinning == Pinning::same) return {cpus - 1, cpus - 1};
  if (cpus < 2) {
    throw UserError{"there is one CPU only, which cannot be split: use --pin same"};
  }
  return {cpus - 1, cpus - 2};
}

// A number of /proc/PID/status, in the unit that stands there; 0 where the process is gone.
std::size_t status_number(pid_t pid, const std::string& name) {
  std::ifstream file{fmt::format("/proc/{}/status", pid)};
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, name.size(), name) == 0) {
      return std::strtoul(line.c_str() + name.size(), nullptr, 10);
    }
  }
  return 0;
}

std::string last_line(const std::string& text) {
  std::istringstream lines{text};
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) last = line;
  }
  return last;
}

std::string describe_status(int status) {
  return status > 128 ? fmt::format("signal {}", status - 128) : fmt::format("status {}", status);
}

// One server process, from its start to its end.
class Server {
 public:
  Server(const Contender& contender, const RoundOptions& options, const Interrupt& interrupt)
      : options_{options}, interrupt_{interrupt}, child_{start(contender, options)} {}

  [[nodiscard]] pid_t pid() const noexcept { return child_.pid(); }

  /// Waits for the line that names its port; fills in `problem` where none comes.
  std::optional<std::uint16_t> await_port(std::string& problem);

  /// Why it is no more, where that is so.
  std::optional<std::string> death(milliseconds deadline);

  /// Ends it; false where it took more than a SIGTERM.
  bool stop();

  /// Its last words, as ": ..." to be put behind a sentence. Once it has ended.
  std::string last_words();

 private:
  static ChildProcess start(const Contender& contender, const RoundOptions& options) {
    std::optional<PinnedToCpu> pinned;  // what is started inherits it
    if (const auto cpu = places_for(options.pinning).server) pinned.emplace(*cpu);
    return ChildProcess{{.command = contender.command, .limits = {}, .cpu = {}}};
  }

  const RoundOptions& options_;
  const Interrupt& interrupt_;
  ChildProcess child_;
};

std::optional<std::uint16_t> Server::await_port(std::string& problem) {
  const auto end = steady_clock::now() + options_.start_deadline;
  while (!interrupt_.requested()) {
    if (const auto line = child_.read_line(slice)) {
      if (const auto port = parse_listening_line(*line)) return port;
      continue;
    }
    if (const auto status = child_.wait(slice)) {
      problem = fmt::format("did not start ({}){}", describe_status(*status), last_words());
      return std::nullopt;
    }
    if (steady_clock::now() >= end) {
      stop();
      problem = fmt::format("did not start: no line \"listening on HOST:PORT\" within {} s{}",
                            options_.start_deadline.count() / 1000, last_words());
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<std::string> Server::death(milliseconds deadline) {
  const auto status = child_.wait(deadline);
  if (!status) return std::nullopt;
  return fmt::format("died in the middle ({}){}", describe_status(*status), last_words());
}

bool Server::stop() {
  child_.signal(SIGTERM);
  if (child_.wait(options_.stop_deadline)) return true;
  child_.signal(SIGKILL);
  child_.wait();
  return false;
}

std::string Server::last_words() {
  const std::string words = last_line(child_.read_errors(milliseconds{200}));
  return words.empty() ? "" : ": " + words;
}

// What is wrong with a server that kept running; empty where the numbers may stand.
std::string judge(const Round& round, const LoadOptions& load, bool any_alive) {
  const auto count = [&](Failure failure) {
    return round.failures[static_cast<std::size_t>(failure)];
  };
  const std::size_t connections = load.connections + load.idle;
  if (const std::size_t wrong = count(Failure::wrong_bytes); wrong > 0) {
    return fmt::format("answered wrong bytes on {} of {} connections", wrong, connections);
  }
  if (count(Failure::unanswered) >= load.connections) {
    return fmt::format("hung: {} of {} connections had no answer within {} ms",
                       count(Failure::unanswered), connections, load.patience.count());
  }
  if (!any_alive) {
    return fmt::format("failed on all connections ({})", to_string(round.failures));
  }
  return {};
}

// Who is measured twice: the steadiest server that we know, so that it shows the machine's noise
// and not its own; else the first that can be measured.
std::optional<Entry> choose_twin(const std::vector<Entry>& entries) {
  const Entry* chosen = nullptr;
  for (const Entry& entry : entries) {
    if (!entry.problem.empty()) continue;
    if (chosen == nullptr || entry.contender.name == "epoll-lt") chosen = &entry;
  }
  if (chosen == nullptr) return std::nullopt;
  return Entry{chosen->contender, {}, {}};
}

}  // namespace

Contender contender_for_model(const std::string& name) {
  const KnownModel& model = find_model(name);
  return {.name = model.name,
          .command = {program_path(model.program), "serve", "--model", model.name, "--port", "0"}};
}

std::optional<Round> run_round(const Contender& contender, const RoundOptions& options,
                               const Interrupt& interrupt) {
  Round round;
  std::optional<Server> server;
  try {
    server.emplace(contender, options, interrupt);
  } catch (const UserError& error) {
    round.problem = fmt::format("did not start: {}", error.what());
    return round;
  }
  const auto port = server->await_port(round.problem);
  if (interrupt.requested()) return std::nullopt;
  if (!port) return round;

  std::optional<PinnedToCpu> pinned;
  if (const auto cpu = places_for(options.pinning).client) pinned.emplace(*cpu);
  LoadOptions load = options.load;
  load.port = *port;
  load.interrupt_fd = interrupt.fd();
  LoadClient client{load};
  client.connect();
  if (client.greeted() > 0) {
    client.drive(options.warm_up);
    const std::size_t threads = status_number(server->pid(), "Threads:");
    const auto cpu_before = process_cpu_time(server->pid());
    LoadWindow window = client.drive(options.duration);
    round.server_cpu = process_cpu_time(server->pid()) - cpu_before;
    round.threads = std::max(threads, status_number(server->pid(), "Threads:"));
    round.peak_memory = status_number(server->pid(), "VmHWM:") * 1024;
    round.requests = window.requests;
    round.elapsed = window.elapsed;
    round.client_cpu = window.client_cpu;
    round.latency = std::move(window.latency);
  }
  const bool any_alive = client.alive() > 0;
  // Those answered after the end are no part of the throughput, but a long wait counts as one.
  round.latency.merge(client.finish().latency);
  round.failures = client.failures();
  if (interrupt.requested()) return std::nullopt;

  // The kernel closes a dying process' connections before its end can be seen.
  if (const auto death = server->death(any_alive ? milliseconds{0} : milliseconds{500})) {
    round.problem = *death;
    return round;
  }
  if (!server->stop()) {
    round.remark = fmt::format("did not stop within {} s of SIGTERM, and was killed",
                               options.stop_deadline.count() / 1000);
  }
  if (round.problem = judge(round, options.load, any_alive); !round.problem.empty()) {
    round.problem += server->last_words();
  }
  return round;
}

Comparison compare(const std::vector<Contender>& contenders, const RoundOptions& options,
                   std::size_t rounds, const Interrupt& interrupt, const Progress& progress) {
  Comparison result{.options = options, .planned_rounds = rounds, .entries = {}, .twin = {}};
  for (const Contender& contender : contenders) result.entries.push_back({contender, {}, {}});

  const auto take_turn = [&](Entry& entry, std::size_t round) {
    if (!entry.problem.empty() || result.interrupted) return;
    progress(round, entry.contender);
    std::optional<Round> outcome = run_round(entry.contender, options, interrupt);
    if (!outcome) {
      result.interrupted = true;
    } else if (outcome->problem.empty()) {
      entry.rounds.push_back(std::move(*outcome));
    } else {
      entry.problem = outcome->problem;
    }
  };
  for (std::size_t round = 1; round <= rounds && !result.interrupted; ++round) {
    for (Entry& entry : result.entries) take_turn(entry, round);
    if (round == 1) result.twin = choose_twin(result.entries);
    if (result.twin) take_turn(*result.twin, round);
  }
  return result;
}

void allow_descriptors_for(const LoadOptions& load) {
  const std::size_t needed = LoadClient::descriptors_needed(load);
  rlimit limit{};
  check("getrlimit", ::getrlimit(RLIMIT_NOFILE, &limit));
  if (limit.rlim_cur >= needed) return;
  if (limit.rlim_max < needed) {
    throw UserError{
        fmt::format("{} connections take {} descriptors and {} are allowed: raise the limit with "
                    "`ulimit -Hn {}` as root, or give fewer --connections and --idle",
                    load.connections + load.idle, needed, limit.rlim_max, needed)};
  }
  limit.rlim_cur = limit.rlim_max;
  check("setrlimit", ::setrlimit(RLIMIT_NOFILE, &limit));
}

}  // namespace unblock
