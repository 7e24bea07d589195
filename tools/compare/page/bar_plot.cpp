#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "tools/compare/page/svg.hpp"
#include "tools/compare/text.hpp"

namespace unblock::page {
namespace {

constexpr std::array<Frame, 2> bar_frames{Frame{"wide", 760, 16, false},
                                          Frame{"narrow", 360, 13, true}};

// The picture's columns: name, bar, number, aside. In a narrow one the bar is below the others.
struct Columns {
  double bar_begin;
  double bar_end;
  double number_end;
  double aside_end;
  double row;    // height
  double top;    // of the first row
  double bar_y;  // within a row: the middle of the bar, the base line of the text
  double text_y;
  double bar_height;
};

template <typename Text>
std::size_t longest(const BarPlot& plot, Text text_of) {
  std::size_t most = 0;
  for (const BarPlot::Bar& bar : plot.bars) most = std::max(most, columns_of(text_of(bar)));
  return most;
}

Columns columns_for(const BarPlot& plot, const Frame& frame) {
  const double names = frame.letters(
      std::min(letters_of_a_name, longest(plot, [](const auto& bar) { return bar.model.name; })));
  const std::size_t aside_letters = longest(plot, [](const auto& bar) { return bar.aside; });
  const double asides = aside_letters == 0 ? 0 : frame.letters(aside_letters) + frame.font;
  const double numbers = frame.letters(longest(plot, [](const auto& bar) { return bar.number; }));
  const double star = frame.font * 1.2;
  Columns at{};
  at.aside_end = frame.width - star;
  at.number_end = at.aside_end - asides;
  at.row = frame.font * (frame.is_narrow ? 3 : 2);
  at.top = frame.font * 1.6;
  at.text_y = frame.is_narrow ? frame.font * 1.1 : at.row / 2 + frame.font * 0.35;
  at.bar_y = frame.is_narrow ? frame.font * 2 : at.row / 2;
  at.bar_height = frame.is_narrow ? frame.font * 0.9 : at.row * 0.6;
  at.bar_begin = frame.is_narrow ? 1 : names + frame.font * 0.8;
  at.bar_end = frame.is_narrow ? frame.width - frame.font : at.number_end - numbers - frame.font;
  return at;
}

std::string bar_at(const BarPlot::Bar& bar, const Axis& axis, const Columns& at, double y,
                   const Frame& frame) {
  const auto place = [&](double value) {
    return at.bar_begin + axis.share(value) * (at.bar_end - at.bar_begin);
  };
  const double end = place(bar.length->median);
  const double middle = y + at.bar_y;
  std::string svg = fmt::format(
      R"(<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2"/>)",
      at.bar_begin, middle - at.bar_height / 2, std::max(1.0, end - at.bar_begin), at.bar_height);
  const double low = place(bar.length->low);
  const double high = place(bar.length->high);
  if (high > low) {
    const double cap = at.bar_height * 0.25;
    svg += fmt::format(R"(<path class="spread" d="M{0:.1f} {2:.1f}H{1:.1f}M{0:.1f} {3:.1f}v{4:.1f})"
                       R"(M{1:.1f} {3:.1f}v{4:.1f}"/>)",
                       low, high, middle, middle - cap, 2 * cap);
  }
  svg += text("number", at.number_end, y + at.text_y, "end", bar.number);
  if (!bar.aside.empty()) svg += text("aside", at.aside_end, y + at.text_y, "end", bar.aside);
  if (bar.is_best) svg += text("best", frame.width, y + at.text_y, "end", "★");
  return svg;
}

// The lines behind and across one bar; they leave the text above a narrow plot's bars alone.
std::string lines_at(const BarPlot& plot, const Columns& at, double y, const Frame& frame) {
  const double half = frame.is_narrow ? at.bar_height * 0.8 : at.row / 2;
  const double middle = y + at.bar_y;
  std::string svg;
  const auto add = [&](const char* style, double value) {
    const double x = at.bar_begin + plot.axis.share(value) * (at.bar_end - at.bar_begin);
    svg += line(style, x, middle - half, x, middle + half);
  };
  for (const Tick& tick : plot.axis.ticks) add("grid", tick.at);
  if (plot.mark) add("mark", *plot.mark);
  return svg;
}

std::string row_of(const BarPlot::Bar& bar, const BarPlot& plot, const Columns& at, double y,
                   const Frame& frame) {
  std::string svg = fmt::format(R"(<g class="{}" data-model="{}">)", classes_of(bar.model.index),
                                bar.model.index);
  const std::string name = cut(bar.model.name, letters_of_a_name);
  if (frame.is_narrow) {
    svg += text("name", 0, y + at.text_y, "start", name);
  } else {
    svg += text("name", at.bar_begin - frame.font * 0.6, y + at.text_y, "end", name);
  }
  if (bar.length) {
    svg += bar_at(bar, plot.axis, at, y, frame);
  } else {
    const double note_y = frame.is_narrow ? at.bar_y + frame.font * 0.35 : at.text_y;
    svg += text("note", at.bar_begin + 4, y + note_y, "start",
                "✕ " + cut(bar.note, frame.letters_in(frame.width - at.bar_begin) - 3));
  }
  return svg + "</g>";
}

std::string draw_in(const Frame& frame, const BarPlot& plot) {
  const Columns at = columns_for(plot, frame);
  std::string svg;
  double y = at.top;
  for (const BarPlot::Bar& bar : plot.bars) {
    if (bar.length) svg += lines_at(plot, at, y, frame);
    svg += row_of(bar, plot, at, y, frame);
    y += at.row;
  }
  for (const Tick& tick : plot.axis.ticks) {
    const double x = at.bar_begin + plot.axis.share(tick.at) * (at.bar_end - at.bar_begin);
    svg += text("tick", x, y + frame.font * 1.2, "middle", tick.text);
  }
  svg += text("label", at.bar_end, at.top - frame.font * 0.5, "end", plot.axis.label);
  return picture(frame, y + frame.font * 1.8, plot.description, "", svg);
}

}  // namespace

std::string draw(const BarPlot& plot) {
  std::string both;
  for (const Frame& frame : bar_frames) both += draw_in(frame, plot);
  return both;
}

}  // namespace unblock::page
