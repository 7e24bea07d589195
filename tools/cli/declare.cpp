#include "tools/cli/declare.hpp"

#include <algorithm>
#include <type_traits>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/compare/text.hpp"

namespace unblock::cli {
namespace {

template <typename Number>
CLI::Validator within(Number least, Number most) {
  const auto text_of = [](Number number) {
    return number >= 1 ? grouped(static_cast<std::uint64_t>(number)) : fmt::format("{}", number);
  };
  const std::string limits = fmt::format("{} to {}", text_of(least), text_of(most));
  const std::string kind = std::is_integral_v<Number> ? "whole number" : "number";
  const auto problem = [=](const std::string& text) -> std::string {
    Number number{};
    if (CLI::detail::lexical_cast(text, number) && least <= number && number <= most) return "";
    return fmt::format("'{}' is not a {} from {}", text, kind, limits);
  };
  return {problem, limits};
}

}  // namespace

CLI::Validator between(int least, int most) { return within(least, most); }
CLI::Validator between(double least, double most) { return within(least, most); }

CLI::Option* one_of(CLI::Option* option, const std::vector<std::string>& words) {
  const auto problem = [=](const std::string& text) -> std::string {
    if (std::find(words.begin(), words.end(), text) != words.end()) return "";
    return fmt::format("'{}' is none of {}", text, fmt::join(words, ", "));
  };
  return option->type_name(fmt::format("{}", fmt::join(words, "|")))
      ->check(CLI::Validator{problem, ""});
}

}  // namespace unblock::cli
