#include "tools/compare/run.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/observe.hpp"

namespace unblock {
namespace {

using std::chrono::milliseconds;

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

std::optional<Round> run_round(const Contender& contender, const RoundOptions& options,
                               const Interrupt& interrupt) {
  Round round;
  std::optional<ServerProcess> server;
  try {
    server.emplace(contender, options.pinning, interrupt);
  } catch (const UserError& error) {
    round.problem = fmt::format("did not start: {}", error.what());
    return round;
  }
  const auto port = server->await_port(options.start_deadline, round.problem);
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
    const std::size_t threads = server->threads();
    const auto cpu_before = process_cpu_time(server->pid());
    LoadWindow window = client.drive(options.duration);
    round.server_cpu = process_cpu_time(server->pid()) - cpu_before;
    round.threads = std::max(threads, server->threads());
    round.peak_memory = server->peak_memory();
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
  if (!server->stop(options.stop_deadline)) {
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
