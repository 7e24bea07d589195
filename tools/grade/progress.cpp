#include "tools/grade/progress.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include <fmt/format.h>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "tools/grade/build.hpp"
#include "tools/grade/read_file.hpp"
#include "tools/grade/terminal.hpp"

namespace unblock::grade {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// What a command prints; nothing where it fails or there is no such program.
std::optional<std::string> output_of(const std::vector<std::string>& command) {
  try {
    ChildProcess child{{.command = command}};
    std::string text = child.read_rest();
    if (child.wait() == 0) return text;
  } catch (const UserError&) {
  }
  return std::nullopt;
}

std::optional<std::string> git(const Exercise& exercise,
                               const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"/usr/bin/env", "git", "-C", exercise.folder};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return output_of(command);
}

std::optional<std::string> file_in(const std::string& commit, const Exercise& exercise) {
  return git(exercise, {"show", commit + ":./" + exercise.file});
}

// The file as the course last had it: in the last commit of what students leave alone. What they
// commit themselves, in a clone or a classroom's copy, comes after it or beside it.
std::optional<std::string> starter_in_git(const Exercise& exercise) {
  const auto commit = git(exercise, {"log", "-1", "--format=%H", "--", "exercise.toml",
                                     "checks.cpp", ":/core", ":/tools", ":/exercises/kit"});
  if (!commit || commit->empty()) return std::nullopt;
  return file_in(commit->substr(0, commit->find('\n')), exercise);
}

}  // namespace

std::optional<std::string> committed_file(const Exercise& exercise) {
  return file_in("HEAD", exercise);
}

Progress::Progress(fs::path file) : file_{std::move(file)} {
  const json known = json::parse(read_file(file_), nullptr, false);
  if (!known.is_object()) return;
  for (const auto& [name, entry] : known.items()) {
    if (!entry.is_object()) continue;
    entries_[name] = {.points = entry.value("points", 0),
                      .possible = entry.value("possible", 0),
                      .hints = entry.value("hints", std::size_t{0})};
  }
}

std::optional<Progress::Entry> Progress::of(const std::string& exercise) const {
  const auto found = entries_.find(exercise);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

void Progress::graded(const ExerciseResult& result) {
  Entry& entry = entries_[result.exercise];
  entry.points = result.points();
  entry.possible = result.possible();
  save();
}

void Progress::told_hint(const std::string& exercise) {
  ++entries_[exercise].hints;
  save();
}

void Progress::forget(const std::string& exercise) {
  entries_.erase(exercise);
  save();
}

std::string Progress::next(const std::vector<std::string>& exercises) const {
  const auto unfinished = [this](const std::string& name) {
    const auto entry = of(name);
    const bool finished = entry && entry->possible > 0 && entry->points >= entry->possible;
    return !finished && left_out(name).empty();
  };
  const auto found = std::find_if(exercises.begin(), exercises.end(), unfinished);
  return found == exercises.end() ? "" : *found;
}

// Written whole beside it and put in its place: whoever reads it meanwhile finds the old one or the
// new one. That it cannot be written keeps nobody from his exercise.
void Progress::save() const {
  json known = json::object();
  for (const auto& [name, entry] : entries_) {
    known[name] = {{"points", entry.points}, {"possible", entry.possible}, {"hints", entry.hints}};
  }
  const fs::path fresh = file_.string() + ".new";
  std::ofstream{fresh} << known.dump(2) << '\n';
  std::error_code ignored;
  fs::rename(fresh, file_, ignored);
}

std::vector<std::string> progress_lines(const Progress& progress) {
  const std::vector<std::string> names = chosen_exercises({});
  std::vector<std::string> lines;
  int points = 0;
  int possible = 0;
  for (const std::string& name : names) {
    try {
      const Exercise exercise = exercise_named(name);
      const auto entry = progress.of(name);
      if (const std::string why = left_out(name); !why.empty()) throw UserError{"left out: " + why};
      const bool graded = entry && entry->possible > 0;
      points += graded ? entry->points : 0;
      possible += graded ? entry->possible : exercise.points();
      lines.push_back(fmt::format("  {:<24} {:>9}  {:>4} min  {}", name,
                                  graded ? fmt::format("{} of {}", entry->points, entry->possible)
                                         : fmt::format("- of {}", exercise.points()),
                                  exercise.minutes, exercise.title));
    } catch (const UserError& error) {
      lines.push_back(fmt::format("  {:<24} {}", name, error.what()));
    }
  }
  lines.push_back(
      fmt::format("  {:<24} {:>9}", "together", fmt::format("{} of {}", points, possible)));
  lines.emplace_back();
  const std::string next = progress.next(names);
  if (next.empty()) {
    lines.emplace_back("All points of all exercises: well done.");
  } else {
    lines.push_back(
        fmt::format("Next: exercises/{0}/README.md; `make exercise-{0}` grades it.", next));
  }
  return lines;
}

std::vector<std::string> next_hint(const Exercise& exercise, Progress& progress) {
  const auto entry = progress.of(exercise.name);
  const std::size_t told = entry ? std::min(entry->hints, exercise.hints.size()) : 0;
  if (told == exercise.hints.size()) {
    std::vector<std::string> lines{fmt::format("{}: these are all its hints.", exercise.name)};
    for (std::size_t i = 0; i < told; ++i) {
      lines.push_back(fmt::format("  {}. {}", i + 1, exercise.hints[i]));
    }
    return lines;
  }
  progress.told_hint(exercise.name);
  return {fmt::format("{}, hint {} of {}:", exercise.name, told + 1, exercise.hints.size()),
          "  " + exercise.hints[told]};
}

fs::path kept_starter(const Exercise& exercise) {
  return exercise.folder / ".starter" / exercise.file;
}

std::string reset_exercise(const Exercise& exercise) {
  std::optional<std::string> starter;
  if (fs::exists(kept_starter(exercise))) starter = read_file(kept_starter(exercise));
  if (!starter) starter = starter_in_git(exercise);
  if (!starter) {
    throw UserError{
        fmt::format("the starter of {} is neither in {} nor in git: take the file from "
                    "where you have the exercises from",
                    exercise.name, kept_starter(exercise).string())};
  }
  const fs::path file = exercise.folder / exercise.file;
  if (fs::exists(file) && read_file(file) == *starter) {
    return fmt::format("{} is the starter already", file.string());
  }
  std::string told = fmt::format("{} is the starter again", file.string());
  if (fs::exists(file)) {
    fs::path kept;
    for (int i = 1; kept.empty() || fs::exists(kept); ++i) {
      kept = file.string() + "." + std::to_string(i);
    }
    fs::rename(file, kept);
    told += fmt::format("; what was there is {}", kept.filename().string());
  }
  std::ofstream{file, std::ios::binary} << *starter;
  return told;
}

}  // namespace unblock::grade
