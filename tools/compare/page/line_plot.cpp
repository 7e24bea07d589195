#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "tools/compare/page/svg.hpp"
#include "tools/compare/text.hpp"

namespace unblock::page {
namespace {

constexpr std::array<Frame, 2> line_frames{Frame{"wide", 1200, 17, false},
                                           Frame{"narrow", 360, 13, true}};

// The field that the lines are in, and the height of the whole picture.
struct Field {
  double left, top, right, bottom;
  double height;

  [[nodiscard]] double x(const Axis& axis, double value) const {
    return left + axis.share(value) * (right - left);
  }
  [[nodiscard]] double y(const Axis& axis, double value) const {
    return bottom - axis.share(value) * (bottom - top);
  }
};

// What stands at a line's end: its name, or where that has no room a number that the key explains.
std::string label_of(const LinePlot::Line& line) {
  const std::string name = cut(line.model.name, letters_of_a_name);
  return line.end.empty() ? name : name + " ✕";
}

Field field_of(const LinePlot& plot, const Frame& frame) {
  std::size_t widest_tick = 0;
  for (const Tick& tick : plot.y.ticks) widest_tick = std::max(widest_tick, columns_of(tick.text));
  std::size_t widest_label = 2;
  for (const LinePlot::Line& line : plot.lines) {
    if (!frame.is_narrow) widest_label = std::max(widest_label, columns_of(label_of(line)));
  }
  const auto count = static_cast<double>(plot.lines.size());
  Field field{};
  field.left = frame.letters(widest_tick) + frame.font * 0.8;
  field.right = frame.width - frame.letters(widest_label) - frame.font * 2.6;
  field.top = frame.font * 2;
  field.bottom = field.top + std::max(frame.is_narrow ? 240.0 : 440.0, count * frame.font * 1.25);
  field.height = field.bottom + frame.font * 3.2;
  if (frame.is_narrow) field.height += count * frame.font * 1.6;
  return field;
}

std::string grid(const LinePlot& plot, const Field& field, const Frame& frame) {
  std::string svg;
  for (const Tick& tick : plot.x.ticks) {
    const double x = field.x(plot.x, tick.at);
    svg += line("grid", x, field.top, x, field.bottom);
    svg += text("tick", x, field.bottom + frame.font * 1.3, "middle", tick.text);
  }
  for (const Tick& tick : plot.y.ticks) {
    const double y = field.y(plot.y, tick.at);
    svg += line(tick.text.empty() ? "grid faint" : "grid", field.left, y, field.right, y);
    if (tick.text.empty()) continue;
    svg += text("tick", field.left - frame.font * 0.5, y + frame.font * 0.35, "end", tick.text);
  }
  svg += text("label", 0, frame.font, "start", plot.y.label);
  svg += text("label", field.right, field.bottom + frame.font * 2.7, "end", plot.x.label);
  return svg;
}

// Heights for the labels, in the order of the lines: as near to their lines' ends as they can be
// without touching one another.
std::vector<double> label_heights(const LinePlot& plot, const Field& field, const Frame& frame) {
  std::vector<std::size_t> order(plot.lines.size());
  std::vector<double> heights;
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
    heights.push_back(field.y(plot.y, plot.lines[i].points.back().second));
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return heights[a] < heights[b]; });
  const double apart = frame.font * 1.2;
  double lowest = field.top - apart;
  for (const std::size_t i : order) lowest = heights[i] = std::max(heights[i], lowest + apart);
  double highest = field.bottom + apart;
  std::reverse(order.begin(), order.end());
  for (const std::size_t i : order) highest = heights[i] = std::min(heights[i], highest - apart);
  return heights;
}

std::string line_of(const LinePlot& plot, const LinePlot::Line& drawn, const Field& field,
                    const Frame& frame) {
  std::string path;
  for (const auto& [x, y] : drawn.points) {
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? 'M' : 'L', field.x(plot.x, x),
                        field.y(plot.y, y));
  }
  std::string svg = fmt::format(R"(<path class="stroke" d="{}"/>)", path);
  for (const std::size_t at : drawn.markers) {
    const auto& [x, y] = drawn.points.at(at);
    svg += marker(drawn.model.index, field.x(plot.x, x), field.y(plot.y, y), frame.font * 0.3);
  }
  if (!drawn.end.empty()) {
    const auto& [x, y] = drawn.points.back();
    const double arm = frame.font * 0.5;
    svg += fmt::format(
        R"(<path class="cross" d="M{0:.1f} {1:.1f}l{2:.1f} {2:.1f}m0 -{2:.1f}l-{2:.1f} {2:.1f}"/>)",
        field.x(plot.x, x) - arm, field.y(plot.y, y) - arm, 2 * arm);
  }
  return svg;
}

std::string label_at(const LinePlot& plot, std::size_t number, double y, const Field& field,
                     const Frame& frame) {
  const LinePlot::Line& labelled = plot.lines[number];
  const auto& [x, end_y] = labelled.points.back();
  const double begin = field.right + frame.font * 1.4;
  std::string svg =
      fmt::format(R"(<path class="leader" d="M{:.1f} {:.1f}H{:.1f}L{:.1f} {:.1f}h{:.1f}"/>)",
                  field.x(plot.x, x), field.y(plot.y, end_y), field.right + frame.font * 0.2, begin,
                  y, frame.font * 0.4);
  const std::string words = frame.is_narrow ? std::to_string(number + 1) : label_of(labelled);
  return svg + text("name", begin + frame.font * 0.7, y + frame.font * 0.35, "start", words);
}

// Below a narrow plot: which number is which model.
std::string key_row(const LinePlot::Line& line, std::size_t number, double y, const Frame& frame) {
  std::string svg = text("name", frame.letters(2), y, "end", std::to_string(number + 1));
  const double left = frame.letters(3);
  const double middle = y - frame.font * 0.35;
  svg += page::line("stroke", left, middle, left + 40, middle);
  svg += marker(line.model.index, left + 20, middle, frame.font * 0.35);
  return svg + text("name", left + 50, y, "start", label_of(line));
}

std::string draw_in(const Frame& frame, const LinePlot& plot) {
  const Field field = field_of(plot, frame);
  std::string svg = grid(plot, field, frame);
  const std::vector<double> heights = label_heights(plot, field, frame);
  for (std::size_t i = 0; i < plot.lines.size(); ++i) {
    const LinePlot::Line& line = plot.lines[i];
    svg += fmt::format(R"(<g class="{}" data-model="{}">)", classes_of(line.model.index),
                       line.model.index);
    svg += label_at(plot, i, heights[i], field, frame);
    svg += line_of(plot, line, field, frame);
    if (frame.is_narrow) {
      const double y = field.bottom + frame.font * (4.4 + 1.6 * static_cast<double>(i));
      svg += key_row(line, i, y, frame);
    }
    svg += "</g>";
  }
  const std::string place = fmt::format(
      R"( data-left="{:.1f}" data-right="{:.1f}" data-top="{:.1f}" data-bottom="{:.1f}")",
      field.left, field.right, field.top, field.bottom);
  return picture(frame, field.height, plot.description, place + plot.attributes, svg);
}

}  // namespace

std::string draw(const LinePlot& plot) {
  std::string both;
  for (const Frame& frame : line_frames) both += draw_in(frame, plot);
  return both;
}

}  // namespace unblock::page
