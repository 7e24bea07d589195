#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unblock {

/// A part of a README that is made from something else:
///
///   <!-- code: echo_server.cpp drain -->     the lines of that file between the comments [drain]
///   and
///   ```cpp                                   [/drain]
///   ...
///   ```
///
///   <!-- run: epoll demo silence -->         what that program prints
///   ```console
///   $ epoll demo silence
///   ...
///   ```
struct ReadmeBlock {
  enum class Kind { code, run };

  Kind kind = Kind::code;
  std::vector<std::string> words;  ///< what stands after "code:" or "run:"
  std::size_t marker_line = 0;     ///< where the marker stands, counted from 1
  std::vector<std::string> shown;  ///< the lines between the fences
  std::optional<std::size_t>
      fence;  ///< the line of the upper fence; nothing where there is no block
};

/// The blocks of a README, from top to bottom. Throws UserError, with the line, for a marker that
/// cannot be understood or a block that does not end.
std::vector<ReadmeBlock> readme_blocks(std::string_view text);

/// `text` with each block's lines replaced by those of `made`, which has one entry for each block;
/// a block is added below a marker that has none.
std::string with_blocks(std::string_view text, const std::vector<ReadmeBlock>& blocks,
                        const std::vector<std::vector<std::string>>& made);

/// The lines of `source` between the comments [tag] and [/tag], without other tags' comments and
/// without the indentation of the opening one. Throws UserError where there is not exactly one such
/// part.
std::vector<std::string> tagged_part(std::string_view source, const std::string& tag);

/// The name in a line that is a comment with a tag, "name" or "/name"; nothing in any other line.
std::optional<std::string> tag_in(std::string_view line);

/// A line of a transcript without what differs from run to run: each number, with its unit, is a
/// "#"; white space is one space, and none at the ends; a rule of any length is "---".
std::string masked(std::string_view line);

/// Where what a README shows and what it was made from first differ.
struct Difference {
  std::size_t index = 0;  ///< in both, counted from 0
  std::string shown;      ///< that line in the README, or "(nothing)"
  std::string actual;     ///< that line of the code or the program, or "(nothing)"
};

/// The first line that differs. A code block must be the same; a transcript the same when masked,
/// wherever its lines are broken.
std::optional<Difference> difference(ReadmeBlock::Kind kind, const std::vector<std::string>& shown,
                                     const std::vector<std::string>& actual);

/// The lines of a text; a newline at its end starts no further line.
std::vector<std::string> lines_of(std::string_view text);

/// A whole file. Throws UserError where it cannot be read.
std::string read_file(const std::filesystem::path& path);

}  // namespace unblock
