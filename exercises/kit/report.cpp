#include "exercises/kit/report.hpp"

#include <regex>
#include <string_view>
#include <utility>

namespace unblock::kit {
namespace {

struct Meaning {
  std::string_view part_of_name;
  std::string_view text;
};

// The first that fits.
constexpr Meaning meanings[] = {
    {"heap-buffer-overflow",
     "your code reads or writes outside a block of the heap: past the end "
     "of a vector, say"},
    {"stack-buffer-overflow", "your code reads or writes outside a local array"},
    {"stack-overflow",
     "the stack is used up: a recursion that does not end, or a huge local array"},
    {"global-buffer-overflow", "your code reads or writes outside a global array"},
    {"heap-use-after-free", "your code uses an object that was freed already"},
    {"stack-use-after-return", "your code uses a local variable of a function that has returned"},
    {"stack-use-after-scope", "your code uses a local variable whose block has ended"},
    {"double-free", "your code frees the same block twice"},
    {"attempting free on address which was not malloc", "your code frees what it did not allocate"},
    {"alloc-dealloc-mismatch", "what was made by new is freed by free, or the other way round"},
    {"negative-size-param", "a size became negative: a difference of unsigned numbers, often"},
    {"allocation-size-too-big",
     "a size is far too large: a negative number as an unsigned one, "
     "often"},
    {"requested allocation size",
     "a size is far too large: a negative number as an unsigned one, "
     "often"},
    {"out of memory", "your code takes memory without end"},
    {"rss limit", "your code takes memory without end"},
    {"detected memory leaks", "your code allocates memory and never frees it"},
    {"data race",
     "two threads use the same variable at the same time, at least one writes, and "
     "nothing orders them"},
    {"lock-order-inversion",
     "two mutexes are locked in both orders: some day each thread waits for "
     "the other"},
    {"thread leak", "a thread was neither joined nor detached"},
    {"destroy of a locked mutex", "a mutex is destroyed while a thread holds it"},
    {"SEGV", "your code uses a pointer that leads nowhere"},
    {"FPE", "your code divides by zero"},
    {"signed integer overflow", "the result does not fit into the type"},
    {"null pointer", "your code uses a null pointer"},
    {"shift exponent", "a shift by more bits than the type has"},
    {"index", "an index is outside its array"},
    {"reached the end of a value-returning function",
     "a function that has a result ends without "
     "return"},
};

std::string meaning_of(const std::string& what) {
  for (const Meaning& meaning : meanings) {
    if (what.find(meaning.part_of_name) != std::string::npos) return std::string{meaning.text};
  }
  return {};
}

// "    #2 0x55 in exercise::read_exactly(int, std::span<...>) read_exactly.cpp:17:5"
std::string first_frame_in(const std::string& printed, const std::string& file) {
  std::string name;
  for (const char c : file) {
    if (std::string_view{".+()[]"}.find(c) != std::string_view::npos) name += '\\';
    name += c;
  }
  const std::regex frame{R"(#\d+ (?:0x[0-9a-f]+ in )?(.*?) (?:\S*/)?)" + name + R"(:(\d+))"};
  std::smatch match;
  if (!std::regex_search(printed, match, frame)) return {};
  std::string function = match[1];
  function = function.substr(0, function.find('('));
  return file + ":" + match[2].str() + (function.empty() ? "" : ", in " + function);
}

}  // namespace

std::optional<Report> find_report(const std::string& printed, const std::string& file) {
  static const std::regex sanitizer{
      R"((ERROR|WARNING): (Address|Leak|Thread|UndefinedBehavior)Sanitizer:? ([^\n]*))"};
  static const std::regex undefined{R"((?:^|\n)(\S+?):(\d+):\d+: runtime error: ([^\n]*))"};
  std::smatch match;
  Report report;
  if (std::regex_search(printed, match, undefined)) {
    report.what = match[3];
    const std::string place = match[1];
    if (place.ends_with(file)) report.where = file + ":" + match[2].str();
  } else if (std::regex_search(printed, match, sanitizer)) {
    report.what = match[3];
    report.is_leak = report.what.find("memory leaks") != std::string::npos;
  } else {
    return std::nullopt;
  }
  if (leak_checker_failed(printed) && report.what.find("has encountered") != std::string::npos) {
    return std::nullopt;
  }
  report.meaning = meaning_of(report.what);
  if (report.where.empty()) report.where = first_frame_in(printed, file);
  // Addresses and process numbers tell nobody anything.
  static const std::regex noise{R"( on (unknown )?address.*$| \(pid=\d+\).*$)"};
  report.what = std::regex_replace(report.what, noise, "");
  return report;
}

bool leak_checker_failed(const std::string& printed) {
  return printed.find("LeakSanitizer has encountered a fatal error") != std::string::npos;
}

}  // namespace unblock::kit
