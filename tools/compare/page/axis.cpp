#include "tools/compare/page/axis.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tools/compare/text.hpp"

namespace unblock::page {
namespace {

// The 1, 2 or 5 times a power of ten that `number` is nearest to from below.
double round_down(double number) {
  const double power = std::pow(10.0, std::floor(std::log10(number) + 1e-9));
  const double first = number / power;
  return power * (first >= 5 - 1e-9 ? 5 : first >= 2 - 1e-9 ? 2 : 1);
}

double next_round(double number) {
  const double first = number / std::pow(10.0, std::floor(std::log10(number) + 1e-9));
  return number * (first > 1.5 && first < 3 ? 2.5 : 2);  // 1, 2, 5, 10
}

double round_up(double number) {
  const double below = round_down(number);
  return below >= number * (1 - 1e-9) ? below : next_round(below);
}

bool is_power_of_ten(double number) {
  const double power = std::log10(number);
  return std::abs(power - std::round(power)) < 1e-6;
}

}  // namespace

double Axis::share(double value) const {
  if (is_log) return std::log(value / low) / std::log(high / low);
  return (value - low) / (high - low);
}

Axis linear_axis(double high, std::string label) {
  Axis axis{.low = 0, .high = high > 0 ? high : 1, .ticks = {}, .label = std::move(label)};
  const double step = round_up(axis.high / 5);
  for (int i = 0; i * step < axis.high + step * (1 - 1e-9); ++i) {
    axis.ticks.push_back({i * step, short_number(i * step)});
  }
  axis.high = std::max(axis.high, axis.ticks.back().at);
  return axis;
}

Axis log_axis(double low, double high, std::string label) {
  Axis axis{.low = round_down(low),
            .high = round_up(high),
            .is_log = true,
            .ticks = {},
            .label = std::move(label)};
  if (axis.high <= axis.low * 1.5) axis.high = next_round(next_round(axis.low));
  const bool has_room = axis.high / axis.low < 2'000;
  double at = axis.low;
  while (at <= axis.high * (1 + 1e-9)) {
    axis.ticks.push_back({at, has_room || is_power_of_ten(at) ? short_number(at) : ""});
    at = next_round(at);
  }
  return axis;
}

double percentile_place(double share) { return -std::log10(1 - share); }

Axis percentile_axis(double highest) {
  Axis axis{.low = 0,
            .high = std::max(2.0, percentile_place(highest)),
            .ticks = {{0, "0"}, {percentile_place(0.5), "50"}},
            .label = "percent of the requests took no longer"};
  for (int nines = 1; nines <= axis.high + 1e-9; ++nines) {
    // 90, 99, 99.9: as many nines, two of them before the point.
    const int behind = std::max(0, nines - 2);
    axis.ticks.push_back({static_cast<double>(nines),
                          fmt::format("{:.{}f}", 100 - std::pow(10.0, 2 - nines), behind)});
  }
  return axis;
}

std::string short_number(double number) {
  if (number >= 1e6) return fmt::format("{:g} M", std::round(number / 1e3) / 1e3);
  if (number >= 1'000) return grouped(static_cast<std::uint64_t>(std::llround(number)));
  return fmt::format("{:.4g}", number);
}

}  // namespace unblock::page
