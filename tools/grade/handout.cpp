#include "tools/grade/handout.hpp"

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "tools/grade/exercise.hpp"
#include "tools/grade/progress.hpp"

namespace unblock::grade {
namespace {

namespace fs = std::filesystem;

bool is_for_students(const fs::path& path) {
  const std::string first = path.begin()->string();
  return first != "instructor" && first != ".git" && path.filename() != ".progress.json";
}

// Paths from the root. Where git does not know, whatever is neither hidden nor built.
std::vector<fs::path> files_of_tree() {
  std::vector<fs::path> files;
  try {
    ChildProcess git{{.command = {"/usr/bin/env", "git", "-C", source_folder(), "ls-files", "-z"}}};
    const std::string list = git.read_rest();
    if (git.wait() == 0 && !list.empty()) {
      for (std::size_t at = 0; at < list.size();) {
        const std::size_t end = std::min(list.find('\0', at), list.size());
        files.emplace_back(list.substr(at, end - at));
        at = end + 1;
      }
      return files;
    }
  } catch (const UserError&) {  // there is no git
  }
  for (auto at = fs::recursive_directory_iterator{source_folder()}; at != fs::end(at); ++at) {
    const std::string name = at->path().filename();
    const bool skipped = at->is_directory() &&
                         (name.starts_with("build") || (name.starts_with(".") && name != ".ci" &&
                                                        name != ".github" && name != ".starter"));
    if (skipped) at.disable_recursion_pending();
    if (at->is_regular_file()) files.push_back(at->path().lexically_relative(source_folder()));
  }
  return files;
}

}  // namespace

std::size_t write_handout(const fs::path& target) {
  if (fs::exists(target) && !(fs::is_directory(target) && fs::is_empty(target))) {
    throw UserError{
        fmt::format("{} exists and is no empty folder: name another one", target.string())};
  }
  const fs::path inside = fs::weakly_canonical(target).lexically_relative(source_folder());
  if (!inside.empty() && *inside.begin() != "..") {
    throw UserError{
        fmt::format("{} lies within the tree: name a folder outside of it", target.string())};
  }
  std::size_t copied = 0;
  for (const fs::path& file : files_of_tree()) {
    if (!is_for_students(file) || !fs::is_regular_file(source_folder() / file)) continue;
    fs::create_directories((target / file).parent_path());
    fs::copy_file(source_folder() / file, target / file);
    ++copied;
  }
  for (const std::string& name : exercise_names()) {
    Exercise exercise = exercise_named(name);
    // Not what somebody who has tried the exercise has made of it.
    if (const auto starter = committed_file(exercise)) {
      std::ofstream{target / "exercises" / name / exercise.file, std::ios::binary} << *starter;
    }
    exercise.folder = target / "exercises" / name;
    fs::create_directories(kept_starter(exercise).parent_path());
    fs::copy_file(exercise.folder / exercise.file, kept_starter(exercise),
                  fs::copy_options::overwrite_existing);
  }
  return copied;
}

}  // namespace unblock::grade
