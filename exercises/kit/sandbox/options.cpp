#include "exercises/kit/sandbox/options.hpp"

#include <functional>
#include <map>
#include <stdexcept>
#include <string_view>

namespace unblock::sandbox {
namespace {

using Setter = std::function<void(Options&, const std::string&)>;

Setter number(std::size_t Options::*member) {
  return
      [member](Options& options, const std::string& text) { options.*member = std::stoul(text); };
}

Setter yes_or_no(bool Options::*member) {
  return [member](Options& options, const std::string& text) { options.*member = text == "yes"; };
}

template <typename T>
Setter list(std::vector<T> Options::*member) {
  return
      [member](Options& options, const std::string& text) { (options.*member).emplace_back(text); };
}

const std::map<std::string, Setter>& setters() {
  static const std::map<std::string, Setter> all{
      {"read", list(&Options::readable)},
      {"write", list(&Options::writable)},
      {"cover", list(&Options::covered)},
      {"env", list(&Options::environment)},
      {"deny", list(&Options::denied_calls)},
      {"cpu_s", number(&Options::cpu_s)},
      {"memory_mb", number(&Options::memory_mb)},
      {"address_space_mb", number(&Options::address_space_mb)},
      {"processes", number(&Options::processes)},
      {"descriptors", number(&Options::descriptors)},
      {"file_mb", number(&Options::file_mb)},
      {"box_mb", number(&Options::box_mb)},
      {"network", yes_or_no(&Options::network)},
      {"namespaces", yes_or_no(&Options::namespaces)},
      {"io_uring", yes_or_no(&Options::io_uring)},
  };
  return all;
}

}  // namespace

Options parse(int argc, char** argv) {
  Options options;
  int at = 1;
  for (; at < argc && std::string_view{argv[at]} != "--"; ++at) {
    const std::string argument{argv[at]};
    const auto equals = argument.find('=');
    const auto setter = setters().find(argument.substr(0, equals));
    if (equals == std::string::npos || setter == setters().end()) {
      throw std::invalid_argument{"'" + argument + "' is no option of the sandbox"};
    }
    setter->second(options, argument.substr(equals + 1));
  }
  for (++at; at < argc; ++at) options.command.emplace_back(argv[at]);
  if (options.command.empty()) throw std::invalid_argument{"there is no program to run"};
  return options;
}

}  // namespace unblock::sandbox
