#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

/// What a command line says of itself: help, manual page and completion are made of it, and of
/// nothing else.
namespace unblock::cli {

/// An option, a flag, or an argument without a name.
struct Parameter {
  std::vector<std::string> names;  ///< "-h", "--help"; none where it goes by its place
  std::string value;               ///< what it takes: "FILE", "same|split|none"; empty for a flag
  std::string limits;              ///< "1 to 1,000"
  std::string otherwise;           ///< what it is where it is not given
  std::string description;
  std::string group;  ///< the heading that it stands under
  std::vector<std::string> excludes;
  bool is_required = false;
  bool is_repeated = false;  ///< it may be given several times

  [[nodiscard]] bool has_name(const std::string& name) const;
  /// "--pin same|split|none", "-h, --help", "MODEL..."
  [[nodiscard]] std::string synopsis() const;
  /// The description with what else there is to say: limits, default, what it does not go with.
  [[nodiscard]] std::string explanation() const;
};

struct Command {
  std::string name;
  std::string description;
  std::vector<Parameter> options;     ///< those that have names
  std::vector<Parameter> positional;  ///< the others, in their order
  std::vector<Command> commands;
};

Command describe(const CLI::App& app);

/// "unblock compare [OPTION...] [MODEL...]", for `words` "unblock compare".
std::string usage(const Command& command, const std::string& words);

/// The text of --help, in lines of at most `width` columns.
std::string help(const Command& command, const std::string& words, std::size_t width);

}  // namespace unblock::cli
