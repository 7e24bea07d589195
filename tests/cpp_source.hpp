#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace unblock {

/// C++ without its comments and with empty string and character literals; the lines stay where
/// they are.
std::string without_comments_and_literals(std::string_view source);

/// An #include of a source file.
struct Include {
  std::string name;     ///< between the quotes or the angle brackets
  bool quoted = false;  ///< "name" and not <name>
  std::size_t line = 0;
};

std::vector<Include> includes_in(std::string_view source);

/// A function with its body: from the first line of its declaration to its closing brace.
struct FunctionBody {
  std::string declaration;  ///< its beginning, on one line
  std::size_t first_line = 0;
  std::size_t lines = 0;
};

/// The functions of a file formatted by clang-format, also those within classes; a lambda counts to
/// the function that it stands in. It reads braces and not the language: an initializer is told
/// from a body by the space that clang-format puts before a body's brace.
std::vector<FunctionBody> functions_in(std::string_view source);

}  // namespace unblock
