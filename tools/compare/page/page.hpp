#pragma once

#include <filesystem>
#include <string>

#include "tools/compare/results.hpp"

namespace unblock::page {

/// The results as one HTML page that needs nothing else: no network, no file beside it. What it
/// says is in the markup, with the plots; its script adds comfort only. `file`: where it is going
/// to be, for the links to the lessons of this tree (relative where the page is in it, too).
std::string page_of(const Results& results, const std::filesystem::path& file);

/// The text in page.html, page.css and page.js, which the build puts into the program.
extern const char* const html_source;
extern const char* const css_source;
extern const char* const js_source;

}  // namespace unblock::page
