#pragma once

#include <string>
#include <vector>

namespace unblock {

/// A model that `unblock` knows by name: which lesson's program serves it.
struct KnownModel {
  int lesson = 0;
  std::string program;     ///< "epoll"
  std::string name;        ///< "epoll-lt"
  std::string summary;     ///< a sentence's worth, on one line
  bool by_default = true;  ///< compared where no model is named
  std::string limit = {};  ///< why it may hold fewer connections than it is offered
};

/// Two sentences on why it comes out as it does beside the others.
const std::string& why(const KnownModel& model);

/// The model's lesson, from the root of the tree: "lessons/05-epoll/README.md".
std::string lesson_page(const KnownModel& model);

/// In the order of the lessons.
const std::vector<KnownModel>& known_models();

/// The model of that name; throws UserError, with the nearest name, where there is none.
const KnownModel& find_model(const std::string& name);

/// Where the lesson's program lies, as seen from the folder of the program that asks:
/// ../libexec/unblock where it is installed, else ../bin, which in a build is where `unblock` lies
/// too. Where there is none, the path beside it.
std::string program_path(const std::string& program);

}  // namespace unblock
