#include "tools/compare/contender.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "tools/compare/models.hpp"

namespace unblock {

Contender contender_for_model(const std::string& name) {
  const KnownModel& model = find_model(name);
  return {.name = model.name,
          .command = {program_path(model.program), "serve", "--model", model.name, "--port", "0"},
          .lesson = model.lesson,
          .summary = model.summary,
          .limit = model.limit,
          .why = why(model),
          .lesson_page = lesson_page(model)};
}

Contender contender_for_command(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == 0 || equals == std::string::npos || equals + 1 == text.size()) {
    throw UserError{fmt::format(
        "--with takes NAME=COMMAND, not '{}': for example --with mine='./server --port 0'", text)};
  }
  // The shell becomes the command: its process is the server's.
  return {.name = text.substr(0, equals),
          .command = {"/bin/sh", "-c", "exec " + text.substr(equals + 1)}};
}

std::vector<Contender> choose_contenders(const std::vector<std::string>& models,
                                         const std::vector<std::string>& with) {
  std::vector<Contender> chosen;
  for (const std::string& name : models) chosen.push_back(contender_for_model(name));
  if (models.empty()) {
    for (const KnownModel& model : known_models()) {
      if (model.by_default) chosen.push_back(contender_for_model(model.name));
    }
  }
  for (const std::string& text : with) chosen.push_back(contender_for_command(text));
  for (auto contender = chosen.begin(); contender != chosen.end(); ++contender) {
    const auto same_name = [&](const Contender& other) { return other.name == contender->name; };
    if (std::any_of(chosen.begin(), contender, same_name)) {
      throw UserError{
          fmt::format("'{}' is named twice: once is enough, since one server is measured against "
                      "itself anyway",
                      contender->name)};
    }
  }
  return chosen;
}

std::string to_string(Pinning pinning) {
  switch (pinning) {
    case Pinning::same:
      return "same";
    case Pinning::split:
      return "split";
    case Pinning::none:
      return "none";
  }
  return "unknown";
}

Places places_for(Pinning pinning) {
  if (pinning == Pinning::none) return {};
  // The last ones, since a system's interrupts and its first processes tend to live on the first.
  const std::size_t cpus = available_cpus();
  if (pinning == Pinning::same) return {cpus - 1, cpus - 1};
  if (cpus < 2) throw UserError{"there is one CPU only, which cannot be split: use --pin same"};
  return {cpus - 1, cpus - 2};
}

}  // namespace unblock
