#include "core/lesson.hpp"

#include <fcntl.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/ranges.h>

#include "core/errors.hpp"
#include "core/stop_signals.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

struct ServeFlags {
  std::string model;
  ServerOptions options{.port = 8080};
};

struct DemoFlags {
  std::vector<std::string> experiments;
  bool json = false;
};

template <typename Named>
std::vector<std::string> names_of(const std::vector<Named>& items) {
  std::vector<std::string> names;
  for (const Named& item : items) names.push_back(item.name);
  return names;
}

template <typename Named>
const Named& find_named(const std::vector<Named>& items, const std::string& name,
                        std::string_view kind, const std::string& program) {
  const auto found = std::find_if(items.begin(), items.end(),
                                  [&](const Named& item) { return item.name == name; });
  if (found != items.end()) return *found;
  const std::vector<std::string> names = names_of(items);
  const std::string near = nearest(name, names);
  throw UserError{near.empty() ? fmt::format("{} has no {} '{}': it has {}", program, kind, name,
                                             fmt::join(names, ", "))
                               : fmt::format("{} has no {} '{}': did you mean '{}'? It has {}",
                                             program, kind, name, near, fmt::join(names, ", "))};
}

// A descriptor below 3 that is closed would be given to the next socket, and what the program
// prints would go to a client.
void require_standard_streams() {
  while (true) {
    const int fd = ::open("/dev/null", O_RDWR);
    if (fd > STDERR_FILENO || fd < 0) {
      if (fd >= 0) ::close(fd);
      return;
    }
    if (fd == STDOUT_FILENO) {
      throw UserError{"standard output is closed: give it a file, a pipe or a terminal"};
    }
  }
}

// Names in a column, and what they stand for beside it.
void print_list(Narrator& out, const std::vector<std::pair<std::string, std::string>>& items) {
  std::size_t width = 0;
  for (const auto& [name, text] : items) width = std::max(width, name.size());
  for (const auto& [name, text] : items) {
    out.paragraph(fmt::format("  {:<{}}  {}", name, width, text), width + 4);
  }
}

void print_overview(const Lesson& lesson) {
  Narrator out{stdout};
  out.line(fmt::format("Lesson {:02}  {}\n", lesson.number, lesson.title));
  out.paragraph(lesson.idea);
  out.line("\nModels:");
  std::vector<std::pair<std::string, std::string>> items;
  for (const Model& model : lesson.models) items.emplace_back(model.name, model.summary);
  print_list(out, items);
  out.line("\nExperiments:");
  items.clear();
  for (const Experiment& experiment : lesson.experiments) {
    items.emplace_back(experiment.name, experiment.claim);
  }
  print_list(out, items);
  out.line("\nRun:");
  const std::string& program = lesson.name;
  print_list(out,
             {{program + " demo", "all experiments, narrated"},
              {program + " demo " + lesson.experiments.front().name, "one of them"},
              {program + " serve --port 8080", "an echo server; try it with `nc 127.0.0.1 8080`"},
              {program + " --help", "all flags"}});
}

int serve(const Lesson& lesson, const ServeFlags& flags) {
  const Model& model = find_named(lesson.models, flags.model, "model", lesson.name);
  if (flags.options.threads != 0 && !model.takes_threads) {
    throw UserError{
        fmt::format("model '{}' has a fixed number of threads: leave --threads out", model.name)};
  }
  // Declared before the signals, so that it outlives the thread that calls its stop(); made after
  // them, since it may start threads.
  std::unique_ptr<AnyServer> server;
  StopSignals signals;
  server = model.make(flags.options);
  signals.on_stop([&] { server->stop(); });
  Narrator{stdout}.line(fmt::format("listening on {} (model {})",
                                    to_string(flags.options.host, server->port()), model.name));
  server->run();
  return 0;
}

std::string json_string(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string json_value(const Finding::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return json_string(*text);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  return fmt::format("{}", std::get<double>(value));
}

std::string json_object(const Experiment& experiment, const Finding& finding) {
  std::vector<std::string> facts;
  for (const auto& [name, value] : finding.facts) {
    facts.push_back(fmt::format("{}: {}", json_string(name), json_value(value)));
  }
  return fmt::format(
      "  {{\"experiment\": {}, \"statements\": {}, \"claim\": {}, \"verdict\": {}, "
      "\"conclusion\": {}, \"facts\": {{{}}}}}",
      json_string(experiment.name), json_string(experiment.statements),
      json_string(experiment.claim), json_string(to_string(finding.verdict)),
      json_string(finding.conclusion), fmt::join(facts, ", "));
}

std::string json_strings(const std::vector<std::pair<std::string, std::string>>& members) {
  std::vector<std::string> texts;
  for (const auto& [name, text] : members) {
    texts.push_back(fmt::format("{}: {}", json_string(name), json_string(text)));
  }
  return fmt::format("{{{}}}", fmt::join(texts, ", "));
}

// The overview for programs: `unblock list` asks every lesson for it.
void print_overview_as_json(const Lesson& lesson) {
  std::vector<std::string> models;
  for (const Model& model : lesson.models) {
    models.push_back(json_strings({{"name", model.name}, {"summary", model.summary}}));
  }
  std::vector<std::string> experiments;
  for (const Experiment& experiment : lesson.experiments) {
    experiments.push_back(json_strings({{"name", experiment.name},
                                        {"statements", experiment.statements},
                                        {"claim", experiment.claim}}));
  }
  Narrator{stdout}.line(fmt::format(
      "{{\n  \"lesson\": {},\n  \"name\": {},\n  \"title\": {},\n  \"idea\": {},\n"
      "  \"models\": [\n    {}\n  ],\n  \"experiments\": [\n    {}\n  ]\n}}",
      lesson.number, json_string(lesson.name), json_string(lesson.title), json_string(lesson.idea),
      fmt::join(models, ",\n    "), fmt::join(experiments, ",\n    ")));
}

// A finding for people: the experiment's claim above the transcript, what came of it below.
void narrate(const Lesson& lesson, const Experiment& experiment) {
  Narrator out{stdout};
  const bool colour = out.colour();
  const char* const bold = colour ? "\x1b[1m" : "";
  const char* const plain = colour ? "\x1b[0m" : "";
  const std::string heading = fmt::format("{} {} ", lesson.name, experiment.name);
  const std::string tail = fmt::format(" {}", experiment.statements);
  const std::size_t used = heading.size() + tail.size();
  out.line(fmt::format("{}{}{}{}{}", bold, heading, std::string(used < 78 ? 78 - used : 2, '-'),
                       tail, plain));
  out.paragraph(fmt::format("Claim: {}", experiment.claim), 7);
  out.line("");
  const Finding finding = experiment.run(out);
  out.line("");
  out.paragraph(
      fmt::format("{}=> {}:{} {}", bold, to_string(finding.verdict), plain, finding.conclusion), 3);
  out.line("");
}

int demo(const Lesson& lesson, const DemoFlags& flags) {
  std::vector<Experiment> chosen;
  for (const std::string& name : flags.experiments) {
    chosen.push_back(find_named(lesson.experiments, name, "experiment", lesson.name));
  }
  if (chosen.empty()) chosen = lesson.experiments;

  std::vector<std::string> objects;
  for (const Experiment& experiment : chosen) {
    if (flags.json) {
      Narrator silent{nullptr};
      objects.push_back(json_object(experiment, experiment.run(silent)));
    } else {
      narrate(lesson, experiment);
    }
  }
  if (flags.json) Narrator{stdout}.line(fmt::format("[\n{}\n]", fmt::join(objects, ",\n")));
  return 0;
}

// CLI11 takes -1 for a very large number where an unsigned one is wanted.
CLI::Validator whole_number_from(int least) {
  return CLI::Validator{
      [least](const std::string& text) {
        const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
        const bool enough = digits && text.find_first_not_of('0') != std::string::npos;
        return enough || (digits && least == 0)
                   ? std::string{}
                   : fmt::format("'{}' is not a whole number of {} or more", text, least);
      },
      ""};
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

int lesson_main(const Lesson& lesson, int argc, char** argv) {
  // A pipe or a client that is gone is an error of write(2), not the end of the process.
  ::signal(SIGPIPE, SIG_IGN);
  CLI::App app{fmt::format("Lesson {:02}: {}", lesson.number, lesson.title), lesson.name};
  app.require_subcommand(0, 1);

  bool overview_as_json = false;
  app.add_flag("--json", overview_as_json, "Print what this lesson has as JSON, for programs");

  ServeFlags serve_flags{.model = lesson.models.front().name};
  CLI::App* serve_command = app.add_subcommand("serve", "Run an echo server until Ctrl-C");
  serve_command
      ->add_option("--model", serve_flags.model,
                   fmt::format("One of {}", fmt::join(names_of(lesson.models), ", ")))
      ->capture_default_str();
  serve_command->add_option("--host", serve_flags.options.host, "Name or address to listen on")
      ->capture_default_str();
  serve_command->add_option("--port", serve_flags.options.port, "Port; 0 for any free one")
      ->check(whole_number_from(0))
      ->capture_default_str();
  serve_command
      ->add_option("--max-connections", serve_flags.options.max_connections,
                   "Clients served at once; further ones wait")
      ->default_str("no limit")
      ->check(whole_number_from(1));
  const bool any_threads = std::any_of(lesson.models.begin(), lesson.models.end(),
                                       [](const Model& model) { return model.takes_threads; });
  if (any_threads) {
    serve_command
        ->add_option("--threads", serve_flags.options.threads,
                     "Threads that run handlers or fibers; 0 for the model's default")
        ->check(whole_number_from(0));
  }

  DemoFlags demo_flags;
  CLI::App* demo_command = app.add_subcommand("demo", "Run experiments, narrated");
  demo_command->add_option("experiment", demo_flags.experiments,
                           fmt::format("Any of {}; all of them where none is named",
                                       fmt::join(names_of(lesson.experiments), ", ")));
  demo_command->add_flag("--json", demo_flags.json, "Print the findings as JSON, for programs");

  try {
    require_standard_streams();
    app.parse(argc, argv);
    if (serve_command->parsed()) return serve(lesson, serve_flags);
    if (demo_command->parsed()) return demo(lesson, demo_flags);
    if (overview_as_json) {
      print_overview_as_json(lesson);
    } else {
      print_overview(lesson);
    }
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    fmt::print(stderr, "{}: {}; see {} --help\n", lesson.name, last_line(error.what()),
               lesson.name);
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", lesson.name, explain(error));
    return 1;
  }
}

}  // namespace unblock
