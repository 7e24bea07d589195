#pragma once

#include <string>

#include "tools/compare/page/plot.hpp"

namespace unblock::page {

/// What the kinds of plots have in common. Lengths are in the units of the picture.

/// A model's name is cut to so many.
constexpr std::size_t letters_of_a_name = 24;

/// How much room a picture is made for.
struct Frame {
  const char* name;  ///< the class of the element
  double width;
  double font;  ///< size; a letter of the names (monospaced) is 0.6 of it wide
  bool is_narrow;

  [[nodiscard]] double letters(std::size_t count) const {
    return static_cast<double>(count) * font * letter_width;
  }
  [[nodiscard]] std::size_t letters_in(double room) const;

  static constexpr double letter_width = 0.61;
};

/// The classes that give a model its colour and its dashes.
std::string classes_of(std::size_t model_index);

/// Its marker, in the middle of (x, y).
std::string marker(std::size_t model_index, double x, double y, double size);

std::string line(const char* style, double x1, double y1, double x2, double y2);

/// `anchor`: start, middle or end. The text is escaped here.
std::string text(const char* style, double x, double y, const char* anchor,
                 const std::string& words);

/// The element around a picture.
std::string picture(const Frame& frame, double height, const std::string& description,
                    const std::string& attributes, const std::string& content);

}  // namespace unblock::page
