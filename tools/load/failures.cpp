#include "tools/load/failures.hpp"

#include <numeric>

#include <fmt/format.h>

namespace unblock {

std::string to_string(Failure failure) {
  switch (failure) {
    case Failure::refused:
      return "refused";
    case Failure::closed_early:
      return "closed early";
    case Failure::reset:
      return "reset";
    case Failure::wrong_bytes:
      return "wrong bytes";
    case Failure::unanswered:
      return "unanswered";
  }
  return "unknown";
}

std::size_t total(const Failures& failures) noexcept {
  return std::accumulate(failures.begin(), failures.end(), std::size_t{0});
}

std::string to_string(const Failures& failures) {
  std::string text;
  for (std::size_t kind = 0; kind < failure_kinds; ++kind) {
    if (failures[kind] == 0) continue;
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", failures[kind], to_string(static_cast<Failure>(kind)));
  }
  return text;
}

}  // namespace unblock
