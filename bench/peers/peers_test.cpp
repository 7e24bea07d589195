// The peers are right, so that it means something to be compared with them: they pass what every
// lesson's model passes.

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/child_process.hpp"
#include "testkit/client.hpp"
#include "testkit/conformance.hpp"
#include "testkit/program_server.hpp"

namespace unblock {
namespace {

// Those that were built: "NAME=PATH,NAME=PATH".
ModelsUnderTest peers() {
  ModelsUnderTest models;
  std::istringstream list{UNBLOCK_PEERS};
  for (std::string peer; std::getline(list, peer, ',');) {
    const auto equals = peer.find('=');
    const std::string path = peer.substr(equals + 1);
    models.push_back({.model = program_model(peer.substr(0, equals), {path}),
                      .program = path,
                      .takes_a_limit = false,
                      .command = {path}});
  }
  return models;
}

// AddressSanitizer keeps what is freed, up to 256 MB of it, to see who still uses it. To a library
// that frees as it goes this looks like memory without a bound. The peers inherit the setting.
const bool little_is_kept = [] {
  const char* const given = std::getenv("ASAN_OPTIONS");
  const std::string options = given == nullptr ? "" : std::string{given} + ":";
  return ::setenv("ASAN_OPTIONS", (options + "quarantine_size_mb=1").c_str(), 1) == 0;
}();

UNBLOCK_CONFORMANCE(Peers, peers());

class Peer : public testing::TestWithParam<ModelUnderTest> {};
INSTANTIATE_TEST_SUITE_P(Peers, Peer, testing::ValuesIn(peers()), model_name);

// The suite skips a model that says it cannot serve on this machine. A peer always can.
TEST_P(Peer, AnnouncesItselfByItsName) {
  ChildProcess child{{.command = {GetParam().program, "--port", "0"}}};
  const auto line = child.read_line(test_deadline);
  ASSERT_TRUE(line) << child.read_errors();
  EXPECT_TRUE(line->starts_with("listening on 127.0.0.1:")) << *line;
  EXPECT_TRUE(line->ends_with(" (model " + GetParam().model.name + ")")) << *line;
}

TEST_P(Peer, RefusesAWrongCommandLineInOneLine) {
  for (const auto& wrong : std::vector<std::vector<std::string>>{
           {"--bogus"}, {"--port", "70000"}, {"--port", "-1"}, {"--port", "http"}, {"--port"}}) {
    std::vector<std::string> command{GetParam().program};
    command.insert(command.end(), wrong.begin(), wrong.end());
    ChildProcess child{{.command = command}};
    EXPECT_EQ(child.wait(test_deadline), 2);
    const std::string said = child.read_errors();
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
    EXPECT_EQ(child.read_rest(), "");
  }
}

TEST_P(Peer, RefusesAnAddressThatItCannotListenOn) {
  for (const char* const host : {"192.0.2.1", "no.such.host.invalid"}) {
    ChildProcess child{{.command = {GetParam().program, "--port", "0", "--host", host}}};
    EXPECT_EQ(child.wait(test_deadline), 1);
    const std::string said = child.read_errors();
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
    EXPECT_NE(said.find(host), std::string::npos) << said;
  }
}

}  // namespace
}  // namespace unblock
