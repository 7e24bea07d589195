#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/cli/description.hpp"

namespace unblock::cli {

struct Candidate {
  std::string text;
  std::string description = {};
};

/// What may stand where the cursor is.
struct Completion {
  enum class Paths { none, files, folders };
  std::vector<Candidate> candidates;
  Paths paths = Paths::none;  ///< and which paths, that the shell completes by itself
};

/// What may be given for a parameter that takes `value` ("MODEL"), where `begun` is typed already.
using Values =
    std::function<std::vector<Candidate>(const std::string& value, const std::string& begun)>;

/// `words`: what follows the program's name, up to the cursor; the last one, which may be empty, is
/// the one to be completed. Where it holds a '=', the candidates are for what follows that. It is
/// left to the shell to choose those that begin like it.
Completion complete(const Command& program, std::vector<std::string> words, const Values& values);

/// The same in lines, for the scripts below: "TEXT", "TEXT<tab>DESCRIPTION"; ":files", ":folders".
std::string to_lines(const Completion& completion);

/// The script that has a shell, "bash" or "zsh", ask the program: `PROGRAM __complete WORD...`.
std::string completion_script(const std::string& shell, const std::string& program);

}  // namespace unblock::cli
