#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "core/lesson.hpp"
#include "testkit/conformance.hpp"
#include "testkit/planted_server.hpp"

namespace unblock {
namespace {

Model planted(Bug bug, const char* name) {
  return model<PlantedServer>(name, "a planted bug", bug);
}

std::vector<ModelUnderTest> planted_models() {
  std::vector<ModelUnderTest> models;
  for (const auto& [bug, name] : all_bugs) {
    models.push_back({.model = planted(bug, name), .program = "/proc/self/exe"});
  }
  return models;
}

UNBLOCK_CONFORMANCE(Planted, planted_models());

}  // namespace
}  // namespace unblock

// Run by testkit_test, which expects the suite to fail where it should. As `serve`, it is the
// program of the suite's second half.
int main(int argc, char** argv) {
  using namespace unblock;
  if (argc > 1 && std::string_view{argv[1]} == "serve") {
    Lesson lesson{.name = "planted_bugs",
                  .title = "Planted bugs",
                  .idea = "",
                  .models = {},
                  .experiments = {}};
    for (const auto& [bug, name] : all_bugs) lesson.models.push_back(planted(bug, name));
    return lesson_main(lesson, argc, argv);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
