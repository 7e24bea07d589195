#include "tools/compare/page/svg.hpp"

#include <array>

#include <fmt/format.h>

#include "tools/compare/page/markup.hpp"

namespace unblock::page {
namespace {

constexpr std::size_t colours = 8;  // page.css has as many
constexpr std::size_t dashes = 3;

// Around the origin, within a square of side 2.
constexpr std::array<const char*, 7> shapes{
    "M-.9 0a.9 .9 0 1 0 1.8 0a.9 .9 0 1 0 -1.8 0z",  // disc
    "M-.8 -.8H.8V.8H-.8z",                           // square
    "M0 -1L1 .8H-1z",                                // triangle
    "M0 -1.1L1.1 0L0 1.1L-1.1 0z",                   // diamond
    "M0 1L1 -.8H-1z",                                // triangle, upside down
    "M-.4 -1H.4V-.4H1V.4H.4V1H-.4V.4H-1V-.4H-.4z",   // plus
    "M0 -1.1L.3 -.35L1.1 -.35L.45 .15L.7 1L0 .5L-.7 1L-.45 .15L-1.1 -.35L-.3 -.35z"};  // star

}  // namespace

std::size_t Frame::letters_in(double room) const {
  return room <= 0 ? 0 : static_cast<std::size_t>(room / (font * letter_width));
}

std::string classes_of(std::size_t model_index) {
  return fmt::format("c{} d{}", model_index % colours, model_index / colours % dashes);
}

std::string marker(std::size_t model_index, double x, double y, double size) {
  return fmt::format(
      R"svg(<path class="marker" transform="translate({:.1f} {:.1f}) scale({:g})" d="{}"/>)svg", x,
      y, size, shapes.at(model_index % shapes.size()));
}

std::string line(const char* style, double x1, double y1, double x2, double y2) {
  return fmt::format(R"(<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)", style,
                     x1, y1, x2, y2);
}

std::string text(const char* style, double x, double y, const char* anchor,
                 const std::string& words) {
  return fmt::format(R"(<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>)", style,
                     x, y, anchor, escaped(words));
}

std::string picture(const Frame& frame, double height, const std::string& description,
                    const std::string& attributes, const std::string& content) {
  return fmt::format(
      "<svg class=\"plot {}\" viewBox=\"0 0 {:g} {:.0f}\" font-size=\"{:g}\" role=\"img\" "
      "aria-label=\"{}\"{}>{}</svg>\n",
      frame.name, frame.width, height, frame.font, escaped(description), attributes, content);
}

std::string sign_of(std::size_t model_index) {
  return fmt::format(
      R"(<svg class="sign {}" viewBox="0 0 40 16" aria-hidden="true"><line class="stroke" x1="1" )"
      R"(y1="8" x2="39" y2="8"/>{}</svg>)",
      classes_of(model_index), marker(model_index, 20, 8, 6));
}

}  // namespace unblock::page
