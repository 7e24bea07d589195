#include <unistd.h>

#include <chrono>

#include <gtest/gtest.h>

#include "exercises/07-small-redis/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(Redis, KnowsCommandsInAnyCase) {
  Server server;
  Peer client = server.connect();
  ask(client, {"sEt", "key", "value"}, "+OK\r\n");
  ask(client, {"get", "key"}, bulk("value"));
  ask(client, {"GET", "KEY"}, "$-1\r\n");
}

TEST(Redis, CountsToTheLimit) {
  Server server;
  Peer client = server.connect();
  ask(client, {"SET", "n", "9223372036854775806"}, "+OK\r\n");
  ask(client, {"INCR", "n"}, ":9223372036854775807\r\n");
  ask_error(client, {"INCR", "n"});
  ask(client, {"GET", "n"}, bulk("9223372036854775807"));
  ask(client, {"SET", "n", "-10"}, "+OK\r\n");
  ask(client, {"INCR", "n"}, ":-9\r\n");
}

TEST(Expiry, EndsWithANewValue) {
  Server server;
  Peer client = server.connect();
  ask(client, {"SET", "key", "old", "EX", "1"}, "+OK\r\n");
  ask(client, {"SET", "key", "new"}, "+OK\r\n");
  // The old value's second is over when one has passed since the reply to the SET after it.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{1};
  while (std::chrono::steady_clock::now() < end) {
    ask(client, {"GET", "key"}, bulk("new"));
    ::usleep(20'000);  // how often the check asks
  }
  ask(client, {"GET", "key"}, bulk("new"));
}

}  // namespace
}  // namespace unblock::kit
