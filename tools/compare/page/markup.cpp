#include "tools/compare/page/markup.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

namespace unblock::page {
namespace {

constexpr const char* replacement = "\xef\xbf\xbd";  // U+FFFD

// The library for JSON knows UTF-8.
std::string valid_utf8(const std::string& text) {
  const auto dumped =
      nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return nlohmann::json::parse(dumped).get<std::string>();
}

std::string percent_encoded(const std::string& path) {
  constexpr auto* plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
  std::string encoded;
  for (const char c : path) {
    if (std::string{plain}.find(c) != std::string::npos) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

bool is_below(const std::filesystem::path& path, const std::filesystem::path& root) {
  return std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first == root.end();
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        const bool is_control = static_cast<unsigned char>(c) < ' ' || c == '\x7f';
        if (is_control && c != '\n' && c != '\t') {
          safe += replacement;
        } else {
          safe += c;
        }
    }
  }
  return safe;
}

std::string json_for_script(const nlohmann::ordered_json& json) {
  std::string safe;
  // In JSON it stands in strings only.
  for (const char c : json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string filled(const std::string& text, const std::map<std::string, std::string>& parts) {
  std::string whole;
  std::size_t at = 0;
  for (std::size_t open = text.find("{{"); open != std::string::npos; open = text.find("{{", at)) {
    const std::size_t close = text.find("}}", open);
    whole += text.substr(at, open - at);
    whole += parts.at(text.substr(open + 2, close - open - 2));
    at = close + 2;
  }
  return whole + text.substr(at);
}

std::string file_url(const std::filesystem::path& absolute) {
  return "file://" + percent_encoded(absolute.string());
}

std::string link_to(const std::filesystem::path& target, const std::filesystem::path& folder,
                    const std::filesystem::path& root) {
  if (!is_below(target, root) || !is_below(folder, root)) return file_url(target);
  return percent_encoded(target.lexically_relative(folder).string());
}

}  // namespace unblock::page
