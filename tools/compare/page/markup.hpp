#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace unblock::page {

/// The text for a place between tags, or for an attribute in double quotes: nothing in it is taken
/// for markup. What is no UTF-8, and control characters, become U+FFFD.
std::string escaped(const std::string& text);

/// JSON for a <script type="application/json">: no text in it can end the element.
std::string json_for_script(const nlohmann::ordered_json& json);

/// `text` with each {{name}} replaced by what `parts` has for it, once: braces in a part stay.
/// Throws std::out_of_range for a name that is not there.
std::string filled(const std::string& text, const std::map<std::string, std::string>& parts);

/// "file:///tmp/demo.html"
std::string file_url(const std::filesystem::path& absolute);

/// The same file as a link in a page that lies in `folder`: relative where both are below `root`,
/// so that the tree can move. All three are absolute.
std::string link_to(const std::filesystem::path& target, const std::filesystem::path& folder,
                    const std::filesystem::path& root);

}  // namespace unblock::page
