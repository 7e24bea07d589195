#pragma once

#include <string>
#include <vector>

namespace CLI {
class Option;
class Validator;
}  // namespace CLI

/// For declarations, beside CLI11's own: what help, manual page, completion and error messages make
/// of them is then fit for people. What an option takes is told by CLI11's type_name(): MODEL,
/// LOAD, EXERCISE, FILE, FOLDER, NAME=COMMAND, SECONDS, N, or, by one_of(), the words to choose
/// from.
namespace unblock::cli {

/// A number from `least` to `most`: a whole one, or any.
CLI::Validator between(int least, int most);
CLI::Validator between(double least, double most);

/// Has the option take one of a few words. Returns it.
CLI::Option* one_of(CLI::Option* option, const std::vector<std::string>& words);

}  // namespace unblock::cli
