#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/compare/page/axis.hpp"
#include "tools/compare/statistics.hpp"

namespace unblock::page {

/// Plots as SVG. Each is drawn twice, and the page's style shows the one that its width has room
/// for: text in a plot that was only shrunk could not be read on a phone.

/// A model in a plot: by its place in the run it has the same colour, marker and dashes everywhere.
struct PlottedModel {
  std::size_t index = 0;
  std::string name;
};

/// Bars, one for each model.
struct BarPlot {
  struct Bar {
    PlottedModel model;
    std::optional<Spread> length;  ///< the bar ends at its median; nothing: there is a note
    std::string number;            ///< beside it
    std::string aside;             ///< beside that
    bool is_best = false;
    std::string note;  ///< in place of the bar
  };
  std::string description;  ///< for those who do not see it
  Axis axis;
  std::optional<double> mark;  ///< a line across all bars
  std::vector<Bar> bars;
};
std::string draw(const BarPlot& plot);

/// Lines, one for each model, each with its name at its end.
struct LinePlot {
  struct Line {
    PlottedModel model;
    std::vector<std::pair<double, double>> points;
    std::vector<std::size_t> markers;  ///< points that carry a marker, by their numbers
    std::string end = {};              ///< "ends at 1,000": it is cut off there
  };
  std::string description;
  Axis x;
  Axis y;
  std::vector<Line> lines;
  std::string attributes = {};  ///< of both elements, for the page's script
};
std::string draw(const LinePlot& plot);

/// A line's or a bar's sign by itself, for tables and lists beside the plots.
std::string sign_of(std::size_t model_index);

}  // namespace unblock::page
