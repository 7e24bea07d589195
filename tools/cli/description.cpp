#include "tools/cli/description.hpp"

#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/compare/text.hpp"

namespace unblock::cli {
namespace {

Parameter describe(const CLI::Option& option) {
  Parameter parameter;
  for (const std::string& name : option.get_snames()) parameter.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) parameter.names.push_back("--" + name);
  if (option.get_items_expected_max() > 0) {
    // CLI11 appends what its validators say: "N:1 to 1,000".
    const std::string type = option.get_type_name();
    const auto colon = type.find(':');
    parameter.value = type.substr(0, colon);
    if (colon != std::string::npos) parameter.limits = type.substr(colon + 1);
    parameter.otherwise = option.get_default_str();
  }
  parameter.description = option.get_description();
  parameter.group = option.get_group();
  for (const CLI::Option* const other : option.get_excludes()) {
    parameter.excludes.push_back(other->get_name());
  }
  std::sort(parameter.excludes.begin(), parameter.excludes.end());  // a set of pointers
  parameter.is_required = option.get_required();
  parameter.is_repeated = option.get_expected_max() > 1;
  return parameter;
}

// A row of a table with two columns.
std::string row(const std::string& left, const std::string& right, std::size_t width) {
  constexpr std::size_t column = 26;
  std::string text;
  std::string first = fmt::format("  {:<{}}", left, column - 2);
  if (first.size() > column) {
    text = first + "\n";
    first.assign(column, ' ');
  }
  for (const std::string& line : wrapped(first + right, width, column)) text += line + "\n";
  return text;
}

}  // namespace

bool Parameter::has_name(const std::string& name) const {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string Parameter::synopsis() const {
  if (names.empty()) return value + (is_repeated ? "..." : "");
  return fmt::format("{}{}{}", fmt::join(names, ", "), value.empty() ? "" : " ", value);
}

std::string Parameter::explanation() const {
  std::vector<std::string> more;
  if (!limits.empty()) more.push_back(limits);
  if (!otherwise.empty()) more.push_back("default " + otherwise);
  if (!excludes.empty()) more.push_back("not with " + listed(excludes));
  if (more.empty()) return description;
  return fmt::format("{} ({})", description, fmt::join(more, "; "));
}

Command describe(const CLI::App& app) {
  Command command{.name = app.get_name(), .description = app.get_description()};
  for (const CLI::Option* const option : app.get_options()) {
    Parameter parameter = describe(*option);
    (parameter.names.empty() ? command.positional : command.options).push_back(parameter);
  }
  for (const CLI::App* const subcommand : app.get_subcommands({})) {
    command.commands.push_back(describe(*subcommand));
  }
  return command;
}

std::string usage(const Command& command, const std::string& words) {
  std::string text = words + " [OPTION...]";
  if (!command.commands.empty()) text += " [COMMAND]";
  for (const Parameter& parameter : command.positional) {
    text +=
        fmt::format(fmt::runtime(parameter.is_required ? " {}" : " [{}]"), parameter.synopsis());
  }
  return text;
}

std::string help(const Command& command, const std::string& words, std::size_t width) {
  std::string text = fmt::format("{}\n\nUsage: {}\n", command.description, usage(command, words));
  std::string group;
  for (const auto* const parameters : {&command.positional, &command.options}) {
    if (!parameters->empty()) text += parameters->front().names.empty() ? "\n" : "";
    for (const Parameter& parameter : *parameters) {
      if (!parameter.names.empty() && parameter.group != group) {
        group = parameter.group;
        text += fmt::format("\n{}:\n", group);
      }
      text += row(parameter.synopsis(), parameter.explanation(), width);
    }
  }
  if (!command.commands.empty()) text += "\nCommands:\n";
  for (const Command& sub : command.commands) text += row(sub.name, sub.description, width);
  return text;
}

}  // namespace unblock::cli
