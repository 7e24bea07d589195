#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace unblock {

/// A server that takes part: a program that prints `listening on HOST:PORT` once it serves, and
/// ends on SIGTERM.
struct Contender {
  std::string name;
  std::vector<std::string> command;
  int lesson = 0;                ///< 0: somebody else's
  std::string summary = {};      ///< a sentence's worth
  std::string limit = {};        ///< why it may hold fewer connections than it is offered
  std::string why = {};          ///< two sentences: why a model comes out as it does
  std::string lesson_page = {};  ///< from the root of the tree; of a model only
};

/// The contender that the model of this name is (tools/compare/models.hpp). Throws UserError where
/// there is none.
Contender contender_for_model(const std::string& name);

/// A server of somebody else's, from "NAME=COMMAND", where a shell splits the command. Throws
/// UserError where it is not of that form.
Contender contender_for_command(const std::string& text);

/// The models named, or all that take part by default where none is, and those of "NAME=COMMAND".
/// Throws UserError where one is unknown or named twice.
std::vector<Contender> choose_contenders(const std::vector<std::string>& models,
                                         const std::vector<std::string>& with);

/// Which CPUs the server and the client may use.
enum class Pinning {
  same,   ///< one CPU for both
  split,  ///< one each
  none,   ///< the scheduler decides
};

inline constexpr std::array all_pinnings{Pinning::same, Pinning::split, Pinning::none};

/// "same", "split", "none".
std::string to_string(Pinning pinning);

/// The CPUs for both ends, as PinnedToCpu counts them. Throws UserError where there are too few.
struct Places {
  std::optional<std::size_t> server;
  std::optional<std::size_t> client;
};
Places places_for(Pinning pinning);

}  // namespace unblock
