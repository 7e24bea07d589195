#include "tools/compare/command.hpp"

#include <signal.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/experiment.hpp"
#include "tools/compare/output_file.hpp"
#include "tools/compare/page/markup.hpp"
#include "tools/compare/page/page.hpp"
#include "tools/compare/report.hpp"
#include "tools/compare/results.hpp"
#include "tools/compare/terminal.hpp"
#include "tools/compare/text.hpp"

namespace unblock {
namespace {

int list_loads() {
  Narrator out{stdout};
  std::size_t widest = 0;
  for (const Load& load : known_loads()) widest = std::max(widest, load.name.size());
  const std::size_t indent = widest + 4;
  const auto print = [&](const std::string& text) {
    for (const std::string& line : wrapped(text, width_of(stdout), indent)) out.line(line);
  };
  out.line("Loads, and the flags that make each:\n");
  for (const Load& load : known_loads()) {
    print(fmt::format("  {:<{}}  {}", load.name, widest, load.summary));
    print(fmt::format("  {:<{}}  {}", "", widest, flags_of(load.options)));
  }
  out.line("\nRun:");
  out.line("  unblock compare --load many-idle                one of them");
  out.line("  unblock compare --load few-busy --load fan-in   several");
  out.line("  unblock compare --load many-idle --idle 9000    one of them, changed");
  return 0;
}

// Where the results go: tables to the terminal, JSON and the page to their files. Nothing but JSON
// goes to standard output where that is wanted there.
class Output {
 public:
  Output(const std::string& json, const std::string& html)
      : json_on_stdout_{json == "-"},
        out_{json_on_stdout_ ? nullptr : stdout},
        colour_{out_.colour()},
        width_{width_of(stdout)} {
    if (!json.empty() && !json_on_stdout_) json_.emplace(json);
    if (!html.empty()) page_.emplace(html);
  }

  void show(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) out_.line(line);
  }
  void show_wrapped(const std::string& text) { show(wrapped(text, width_, 2)); }
  void show(const Comparison& comparison) { show(report(comparison, colour_, width_)); }
  void show(const Scale& scale) { show(report(scale, colour_, width_)); }
  void show_legend(const CompareFlags& flags) {
    show(legend(flags.pinning, !flags.scales, width_));
  }

  // Replaces what is no UTF-8 (a server's last words, say) rather than fail.
  void write_json(const Results& results) {
    if (!json_ && !json_on_stdout_) return;
    const std::string text =
        to_json(results).dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
    if (json_on_stdout_) {
      Narrator{stdout}.line(text);
    } else {
      json_->write(text + "\n");
      show_wrapped("JSON     " + json_->path());
    }
  }

  // Says where it is in one piece, so that a terminal makes a link of it.
  void write_page(const Results& results) {
    if (!page_) return;
    page_->write(page::page_of(results, page_->path()));
    const auto path = std::filesystem::absolute(page_->path()).lexically_normal();
    out_.line("page     " + page::file_url(path));
  }

 private:
  bool json_on_stdout_;
  Narrator out_;
  bool colour_;
  std::size_t width_;
  std::optional<OutputFile> json_;
  std::optional<OutputFile> page_;
};

void require_two_files(const CompareFlags& flags) {
  if (flags.html == "-") {
    throw UserError{"--html takes a file, for a browser to open: for example --html demo.html"};
  }
  if (!flags.html.empty() && flags.html == flags.json) {
    throw UserError{
        fmt::format("--json and --html would both write {}: name two files", flags.html)};
  }
}

std::chrono::nanoseconds nanoseconds_of(double seconds) {
  return std::chrono::nanoseconds{std::llround(seconds * 1e9)};
}

void run_loads(const CompareFlags& flags, const std::vector<Load>& loads, Output& output,
               const Interrupt& interrupt, Results& results) {
  for (std::size_t i = 0; i < loads.size() && !interrupt.requested(); ++i) {
    const Load& load = loads[i];
    const std::size_t rounds = flags.rounds.value_or(load.rounds);
    RoundOptions options{.load = load.options, .pinning = flags.pinning};
    options.duration = nanoseconds_of(
        flags.seconds.value_or(seconds_of_a_round(rounds, results.contenders.size())));
    output.show_wrapped(describe_plan(load, options, rounds));
    output.show_wrapped("");
    {
      const ProgressLine progress;
      const std::string prefix =
          loads.size() == 1 ? "" : fmt::format("{} ({} of {}), ", load.name, i + 1, loads.size());
      results.comparisons.push_back(
          compare(results.contenders, load, options, rounds, true, interrupt,
                  [&](const std::string& what) { progress.show(prefix + what); }));
    }
    output.show(results.comparisons.back());
    output.show_wrapped("");
  }
}

void run_scale(const CompareFlags& flags, Output& output, const Interrupt& interrupt,
               Results& results) {
  RoundOptions options{.pinning = flags.pinning};
  options.duration = nanoseconds_of(flags.seconds.value_or(0.15));
  options.load.message_bytes = flags.size.value_or(options.load.message_bytes);
  options.load.pipeline = flags.pipeline.value_or(options.load.pipeline);
  const std::size_t rounds = flags.rounds.value_or(1);
  output.show_wrapped(fmt::format(
      "scale: 1 to 10,000 connections, messages of {}; at each number of connections {} of {:g} s",
      plural(options.load.message_bytes, "byte"), plural(rounds, "round"),
      std::chrono::duration<double>{options.duration}.count()));
  output.show_wrapped("");
  {
    const ProgressLine progress;
    results.scale = sweep(results.contenders, scale_connections(), options, rounds, interrupt,
                          [&](const std::string& what) { progress.show(what); });
  }
  output.show(*results.scale);
}

bool any_measured(const std::vector<Entry>& entries) {
  return std::any_of(entries.begin(), entries.end(),
                     [](const Entry& entry) { return !entry.rounds.empty(); });
}

bool any_measured(const Results& results) {
  if (results.scale) {
    const auto& sweeps = results.scale->sweeps;
    return std::any_of(sweeps.begin(), sweeps.end(), [](const Sweep& sweep) {
      return !sweep.points.empty() && any_measured(sweep.points.front().comparison.entries);
    });
  }
  return std::any_of(results.comparisons.begin(), results.comparisons.end(),
                     [](const Comparison& comparison) { return any_measured(comparison.entries); });
}

}  // namespace

Load chosen_load(const std::string& name, const CompareFlags& flags) {
  Load load = find_load(name);
  const auto change = [&](const char* flag, const auto& given, auto& option) {
    if (!given) return;
    option = *given;
    load.changes.push_back(fmt::format("{} {}", flag, *given));
  };
  LoadOptions& options = load.options;
  change("--connections", flags.connections, options.connections);
  change("--idle", flags.idle, options.idle);
  change("--slow", flags.slow, options.slow);
  change("--size", flags.size, options.message_bytes);
  change("--pipeline", flags.pipeline, options.pipeline);
  change("--rate", flags.rate, options.rate);
  if (flags.reconnect) {
    options.reconnect = true;
    load.changes.emplace_back("--reconnect");
  }
  if (options.reconnect && options.pipeline > 1) {
    throw UserError{fmt::format(
        "{}: a connection that is closed after each request has no room for --pipeline {}: leave "
        "one of them out",
        name, options.pipeline)};
  }
  return load;
}

double seconds_of_a_round(std::size_t rounds, std::size_t contenders) {
  constexpr double all_rounds = 22;
  const double warm_up = std::chrono::duration<double>{RoundOptions{}.warm_up}.count();
  // One of them is measured twice.
  const double each = all_rounds / static_cast<double>(rounds * (contenders + 1)) - warm_up;
  return std::clamp(std::floor(each * 100) / 100, 0.1, 0.25);
}

int run_compare(const CompareFlags& flags, const std::vector<std::string>& words) {
  if (flags.lists_loads) return list_loads();
  Results results{.command = words,
                  .started = std::chrono::system_clock::now(),
                  .pinning = flags.pinning,
                  .contenders = choose_contenders(flags.models, flags.with)};
  std::vector<Load> loads;
  for (const std::string& name : flags.loads) loads.push_back(chosen_load(name, flags));
  if (loads.empty()) loads.push_back(chosen_load(known_loads().front().name, flags));
  places_for(flags.pinning);  // what cannot be had is said before the run, and not after
  for (const Load& load : loads) {
    if (!flags.scales) allow_descriptors_for(load.options);
  }
  require_two_files(flags);
  Output output{flags.json, flags.html};

  const auto begin = std::chrono::steady_clock::now();
  const Interrupt interrupt;
  if (flags.scales) {
    run_scale(flags, output, interrupt, results);
  } else {
    run_loads(flags, loads, output, interrupt, results);
  }
  results.interrupted = interrupt.requested();
  results.elapsed = std::chrono::steady_clock::now() - begin;
  output.show_legend(flags);
  output.write_json(results);
  output.write_page(results);
  if (results.interrupted) return 128 + SIGINT;
  return any_measured(results) ? 0 : 1;
}

}  // namespace unblock
