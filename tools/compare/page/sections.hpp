#pragma once

#include <cstddef>
#include <string>

#include "tools/compare/results.hpp"

namespace unblock::page {

/// A part of the page with a heading, to which the navigation leads.
struct Section {
  std::string id;
  std::string title;  ///< in the navigation, as plain text
  std::string html;
};

/// One load: how fast each model was under it, what that took, all numbers, and what was
/// remarkable.
Section section_of(const Comparison& comparison, const Results& results, std::size_t number);

/// One way of adding connections.
Section section_of(const Sweep& sweep, const Results& results);

/// The element's beginning, its heading and what is inside.
std::string section_html(const std::string& id, const std::string& title,
                         const std::string& content);

/// A list of paragraphs of plain text; nothing where there are none.
std::string list_html(const std::vector<std::string>& texts);

/// A heading that belongs to a picture, the pictures, and a sentence below them.
std::string figure_html(const std::string& heading, const std::string& pictures,
                        const std::string& below);

/// The model's place in the run, by which it has its colour.
std::size_t index_of(const Results& results, const std::string& model);

}  // namespace unblock::page
