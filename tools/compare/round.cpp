#include "tools/compare/round.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "tools/compare/process_tree.hpp"

namespace unblock {
namespace {

using std::chrono::milliseconds;

// What is wrong with a server that kept running; empty where the numbers may stand.
std::string judge(const Round& round, const LoadOptions& load, const LoadClient& client) {
  const auto count = [&](Failure failure) {
    return round.failures[static_cast<std::size_t>(failure)];
  };
  const std::size_t connections = LoadClient::connections_of(load);
  if (const std::size_t wrong = count(Failure::wrong_bytes); wrong > 0) {
    return fmt::format("answered wrong bytes on {} of {} connections", wrong, connections);
  }
  if (client.busy_alive() > 0 || load.connections == 0) return {};
  if (const std::size_t unanswered = count(Failure::unanswered); unanswered > 0) {
    return fmt::format("hung: {} of {} connections had no answer within {} ms", unanswered,
                       connections, load.patience.count());
  }
  return fmt::format("failed on all connections ({})", to_string(round.failures));
}

// The connections, the warm-up and the measured time.
void put_load_on(const ServerProcess& server, LoadClient& client, const RoundOptions& options,
                 Round& round) {
  // What a server needs for any connection at all is no part of what each costs.
  client.connect(1);
  const std::size_t memory_for_one = tree_memory(processes_of(server.pid()));
  client.connect();
  if (client.greeted() == 0) return;
  client.drive(options.warm_up);
  const std::vector<pid_t> processes = processes_of(server.pid());
  const std::size_t threads = tree_threads(processes);
  const auto cpu_before = tree_cpu_time(processes);
  LoadWindow window = client.drive(options.duration);
  round.server_cpu = tree_cpu_time(processes) - cpu_before;
  round.threads = std::max(threads, tree_threads(processes));
  round.peak_memory = tree_peak_memory(processes);
  const std::size_t memory = tree_memory(processes);
  round.memory_for_connections = memory > memory_for_one ? memory - memory_for_one : 0;
  round.more_connections = client.greeted() - 1;
  round.requests = window.requests;
  round.elapsed = window.elapsed;
  round.client_cpu = window.client_cpu;
  round.latency = std::move(window.latency);
}

void take_usage(const rusage& usage, Round& round) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  round.user_cpu_in_life = seconds(usage.ru_utime);
  round.system_cpu_in_life = seconds(usage.ru_stime);
  round.voluntary_switches = static_cast<std::uint64_t>(usage.ru_nvcsw);
  round.involuntary_switches = static_cast<std::uint64_t>(usage.ru_nivcsw);
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
  load.beside = server->talk();
  LoadClient client{load};
  put_load_on(*server, client, options, round);
  const bool any_alive = client.alive() > 0;
  // Those answered after the end are no part of the throughput, but a long wait counts as one.
  const LoadWindow rest = client.finish();
  round.latency.merge(rest.latency);
  round.never_sent = rest.never_sent;
  round.failures = client.failures();
  round.served = client.greeted();
  round.answers = client.answers();
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
  take_usage(server->usage(), round);
  if (round.problem = judge(round, load, client); !round.problem.empty()) {
    round.problem += server->last_words();
  }
  return round;
}

std::optional<std::string> lack_of_descriptors_for(const LoadOptions& load) {
  rlimit limit{};
  check("getrlimit", ::getrlimit(RLIMIT_NOFILE, &limit));
  const std::size_t needed = LoadClient::descriptors_needed(load);
  if (limit.rlim_max >= needed) return std::nullopt;
  return fmt::format(
      "{} connections take {} descriptors and {} are allowed: raise this shell's limit with "
      "`sudo prlimit --pid $$ --nofile={}`, for good in /etc/security/limits.conf, or give fewer "
      "--connections and --idle",
      LoadClient::connections_of(load), needed, limit.rlim_max, needed);
}

void allow_descriptors_for(const LoadOptions& load) {
  if (const auto lack = lack_of_descriptors_for(load)) throw UserError{*lack};
  rlimit limit{};
  check("getrlimit", ::getrlimit(RLIMIT_NOFILE, &limit));
  if (limit.rlim_cur >= LoadClient::descriptors_needed(load)) return;
  limit.rlim_cur = limit.rlim_max;
  check("setrlimit", ::setrlimit(RLIMIT_NOFILE, &limit));
}

}  // namespace unblock
