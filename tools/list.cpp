#include "tools/list.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/experiment.hpp"
#include "tools/compare/models.hpp"
#include "tools/compare/terminal.hpp"
#include "tools/compare/text.hpp"
#include "tools/grade/exercise.hpp"

namespace unblock {
namespace {

using Json = nlohmann::ordered_json;

// What a lesson's program says of itself; nothing where there is no such program.
std::optional<Json> ask(const std::string& program) {
  try {
    ChildProcess child{{.command = {program_path(program), "--json"}}};
    const Json answer = Json::parse(child.read_rest(), nullptr, false);
    if (child.wait() == 0 && answer.is_object()) return answer;
  } catch (const UserError&) {
    // It is not built; or the word is somebody else's.
  }
  return std::nullopt;
}

// A lesson whose program cannot be asked.
Json known_of(const KnownModel& first) {
  Json models = Json::array();
  for (const KnownModel& model : known_models()) {
    if (model.lesson != first.lesson) continue;
    models.push_back({{"name", model.name}, {"summary", model.summary}});
  }
  return {{"lesson", first.lesson}, {"name", first.program}, {"title", nullptr},
          {"idea", nullptr},        {"models", models},      {"experiments", Json::array()}};
}

Json lessons() {
  Json all = Json::array();
  int last = 0;
  for (const KnownModel& model : known_models()) {
    if (model.lesson == last) continue;
    last = model.lesson;
    const auto told = ask(model.program);
    Json lesson = told ? *told : known_of(model);
    lesson["is_built"] = told.has_value();
    lesson["run"] = {model.program, model.program + " demo",
                     fmt::format("{} serve --model {}", model.program, model.name)};
    all.push_back(std::move(lesson));
  }
  return all;
}

Json exercises() {
  Json all = Json::array();
  for (const std::string& name : grade::exercise_names()) {
    const grade::Exercise exercise = grade::exercise_named(name);
    all.push_back({{"name", name},
                   {"title", exercise.title},
                   {"lesson", exercise.lesson},
                   {"minutes", exercise.minutes},
                   {"points", exercise.points()},
                   {"run", {"unblock grade " + name}}});
  }
  return all;
}

void print_named(Narrator& out, const Json& items, const char* text) {
  std::size_t widest = 0;
  for (const Json& item : items) {
    widest = std::max(widest, item["name"].get<std::string>().size());
  }
  for (const Json& item : items) {
    const std::string line = fmt::format("       {:<{}}  {}", item["name"].get<std::string>(),
                                         widest, item[text].get<std::string>());
    for (const std::string& part : wrapped(line, width_of(stdout), widest + 9)) out.line(part);
  }
}

void print(const Json& lesson) {
  Narrator out{stdout};
  const std::string name = lesson["name"];
  out.line(fmt::format("{:02}  {}{}", lesson["lesson"].get<int>(), name,
                       lesson["is_built"] ? "" : "  (not built: `make`)"));
  out.line("     models");
  print_named(out, lesson["models"], "summary");
  if (!lesson["experiments"].empty()) out.line("     experiments");
  print_named(out, lesson["experiments"], "claim");
}

}  // namespace

int run_list(bool as_json) {
  Narrator out{stdout};
  const Json all = lessons();
  if (as_json) {
    const Json whole{{"format", "unblock-list"},
                     {"version", 1},
                     {"lessons", all},
                     {"exercises", exercises()},
                     {"run", {"unblock compare", "unblock compare --list"}}};
    out.line(whole.dump(2, ' ', false, Json::error_handler_t::replace));
    return 0;
  }
  for (const Json& lesson : all) print(lesson);
  const Json tasks = exercises();
  out.line(tasks.empty() ? "\nExercises: none here" : "\nExercises");
  print_named(out, tasks, "title");

  const std::string program = all.front()["name"];
  const std::string model = all.front()["models"].front()["name"];
  std::vector<std::pair<std::string, std::string>> next{
      {program, "what a lesson is"},
      {program + " demo", "its experiments, narrated"},
      {program + " serve --model " + model, "one of its servers"},
      {"unblock compare", "all models side by side"},
      {"unblock compare --list", "the loads that there are"}};
  if (!tasks.empty()) {
    next.emplace_back(tasks.front()["run"].front(), "your solution of an exercise");
  }
  out.line("\nRun:");
  for (const auto& [words, what] : next) out.line(fmt::format("  {:<44}  {}", words, what));
  return 0;
}

}  // namespace unblock
