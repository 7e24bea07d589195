#include "tools/compare/page/sample_results.hpp"

#include <fmt/format.h>

#include "tools/compare/models.hpp"

namespace unblock::page {

const char* const hostile_name =
    "</script><script>document.documentElement.dataset.error='name'</script>\"'><img src=x>";
const char* const hostile_words =
    "died in the middle (exit 1): </td><script>document.documentElement.dataset.error='words'"
    "</script><!-- {{script}} \xff\x01 & so on";

Entry sample_entry(const Contender& contender, std::size_t requests) {
  Entry entry{.contender = contender, .rounds = {}, .problem = {}, .calls = {}};
  for (std::size_t number = 0; number < 2; ++number) {
    Round round;
    round.requests = requests + 10 * number;
    round.elapsed = std::chrono::seconds{1};
    round.server_cpu = std::chrono::milliseconds{500};
    round.client_cpu = std::chrono::milliseconds{400};
    round.answers = round.requests;
    round.threads = 2;
    round.peak_memory = 4 << 20;
    round.more_connections = 63;
    for (std::size_t i = 0; i < requests; ++i) round.latency.record(500'000 + 1'000 * i);
    entry.rounds.push_back(std::move(round));
  }
  return entry;
}

Results sample_results(std::size_t servers, std::size_t loads) {
  Results results{.command = {"unblock", "compare", "--with", std::string{hostile_name} + "=x"},
                  .started = {},
                  .contenders = {}};
  for (const KnownModel& model : known_models()) {
    if (results.contenders.size() + 1 >= servers) break;
    results.contenders.push_back(contender_for_model(model.name));
  }
  while (results.contenders.size() + 1 < servers) {
    const std::string name = fmt::format("of-a-student-{}", results.contenders.size());
    results.contenders.push_back(contender_for_command(name + "=x"));
  }
  results.contenders.push_back({.name = hostile_name, .command = {"x"}});
  for (std::size_t load = 0; load < loads; ++load) {
    Comparison comparison{.load = known_loads().at(load),
                          .options = {},
                          .planned_rounds = 2,
                          .entries = {},
                          .twin = {}};
    std::size_t requests = 1'000;
    for (const Contender& contender : results.contenders) {
      comparison.entries.push_back(sample_entry(contender, requests += 50));
    }
    comparison.entries.back().problem = hostile_words;
    comparison.entries.back().rounds.clear();
    comparison.twin = comparison.entries.front();
    results.comparisons.push_back(std::move(comparison));
  }
  return results;
}

Results sample_scale() {
  Results results{.command = {"unblock", "compare", "--scale"}, .started = {}, .contenders = {}};
  for (const char* const name : {"select", "epoll-lt"}) {
    results.contenders.push_back(contender_for_model(name));
  }
  Sweep sweep{.name = "active", .summary = "every connection sends", .points = {}, .ends = {}};
  for (const std::size_t connections : {1U, 10U}) {
    Comparison comparison{
        .load = {}, .options = {}, .planned_rounds = 2, .entries = {}, .twin = {}};
    for (const Contender& contender : results.contenders) {
      comparison.entries.push_back(sample_entry(contender, 1'000 + 111 * connections));
    }
    sweep.points.push_back({connections, std::move(comparison)});
  }
  sweep.ends.push_back({"select", 10, "no descriptor <left>"});
  results.scale = Scale{.connections = {1, 10}, .sweeps = {sweep}};
  return results;
}

}  // namespace unblock::page
