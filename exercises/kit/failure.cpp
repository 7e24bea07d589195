#include "exercises/kit/failure.hpp"

#include <algorithm>
#include <cctype>

namespace unblock::kit {
namespace {

constexpr std::size_t shown_bytes = 12;
constexpr std::size_t shown_before = 4;  // bytes before the first that differs
constexpr std::size_t told_steps = 14;

std::vector<std::string> current_story;
std::optional<Failure> current_failure;

std::uint64_t current_seed = std::random_device{}();

std::string text_of(const Failure& failure) {
  std::string text = failure.what;
  if (!failure.expected.empty()) text += "\n  expected   " + failure.expected;
  if (!failure.came.empty()) text += "\n  came back  " + failure.came;
  if (!failure.report.empty()) text += "\n  " + failure.report;
  for (const std::string& line : failure.story) text += "\n    " + line;
  return text;
}

}  // namespace

std::string to_string(Failure::Kind kind) {
  switch (kind) {
    case Failure::Kind::wrong:
      return "wrong";
    case Failure::Kind::crashed:
      return "crashed";
    case Failure::Kind::hung:
      return "hung";
    case Failure::Kind::leaked:
      return "leaked";
    case Failure::Kind::limit:
      return "limit";
    case Failure::Kind::ended_early:
      return "ended early";
  }
  return "wrong";
}

CheckFailed::CheckFailed(Failure failure)
    : failure_{std::move(failure)}, text_{text_of(failure_)} {}

void fail(Failure failure) {
  // A story may be thousands of steps long: its end tells most.
  const std::size_t first =
      current_story.size() > told_steps ? current_story.size() - told_steps : 0;
  if (first > 0) failure.story.push_back(fmt::format("... {} steps ...", first));
  failure.story.insert(failure.story.end(),
                       current_story.begin() + static_cast<std::ptrdiff_t>(first),
                       current_story.end());
  current_failure = failure;
  throw CheckFailed{std::move(failure)};
}

void step(std::string text) { current_story.push_back(std::move(text)); }

void forget_story() {
  current_story.clear();
  current_failure.reset();
}

const std::optional<Failure>& last_failure() { return current_failure; }

std::string view(std::span<const std::byte> bytes, std::size_t from) {
  std::string text = fmt::format("{} byte{}", bytes.size(), bytes.size() == 1 ? "" : "s");
  if (bytes.empty()) return text;
  from = std::min(from, bytes.size());
  const auto shown = bytes.subspan(from, std::min(shown_bytes, bytes.size() - from));
  if (shown.empty()) return text + fmt::format(", none from byte {} on", from);
  text += from > 0 ? fmt::format(", from byte {} on:", from) : ":";
  std::string letters;
  for (const std::byte byte : shown) {
    const auto value = static_cast<unsigned char>(byte);
    text += fmt::format(" {:02x}", value);
    letters += std::isprint(value) != 0 ? static_cast<char>(value) : '.';
  }
  const bool more = from + shown.size() < bytes.size();
  return text + (more ? " ..." : "") + fmt::format("  \"{}\"", letters);
}

std::string view(std::string_view text) { return view(std::as_bytes(std::span{text})); }

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

void expect_equal(std::string what, const Bytes& came, const Bytes& expected, std::string cause) {
  if (came == expected) return;
  const auto differs =
      std::mismatch(came.begin(), came.end(), expected.begin(), expected.end()).first;
  const auto at = static_cast<std::size_t>(differs - came.begin());
  const std::size_t from =
      std::max(came.size(), expected.size()) <= shown_bytes ? 0 : at - std::min(at, shown_before);
  fail({.what = std::move(what),
        .expected = view(expected, from),
        .came = view(came, from),
        .cause = std::move(cause)});
}

void expect(bool holds, std::string what, std::string cause) {
  if (!holds) fail({.what = std::move(what), .cause = std::move(cause)});
}

void set_seed(std::uint64_t seed) { current_seed = seed; }

std::uint64_t seed() { return current_seed; }

Random::Random() : engine_{current_seed} {}

std::size_t Random::number(std::size_t least, std::size_t most) {
  return std::uniform_int_distribution<std::size_t>{least, most}(engine_);
}

Bytes Random::bytes(std::size_t size) {
  Bytes bytes(size);
  std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::byte>(engine_()); });
  return bytes;
}

std::string Random::word(std::size_t size) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::string word(size, ' ');
  std::generate(word.begin(), word.end(), [&] { return letters[number(0, letters.size() - 1)]; });
  return word;
}

}  // namespace unblock::kit
