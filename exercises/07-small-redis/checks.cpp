#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "core/child_process.hpp"
#include "exercises/07-small-redis/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(Redis, AnswersPingAndEcho) {
  Server server;
  Peer client = server.connect();
  const std::string word = server.random.word(12);
  ask(client, {"PING"}, "+PONG\r\n");
  ask(client, {"PING", word}, bulk(word));
  ask(client, {"ECHO", word}, bulk(word));
}

TEST(Redis, SetsAndGets) {
  Server server;
  Peer client = server.connect();
  const std::string key = server.random.word(8);
  const std::string value = server.random.word(20);
  ask(client, {"GET", key}, "$-1\r\n");
  ask(client, {"SET", key, "before"}, "+OK\r\n");
  ask(client, {"SET", key, value}, "+OK\r\n");
  Peer other = server.connect("another client");
  ask(other, {"GET", key}, bulk(value));
}

TEST(Redis, DeletesAndCounts) {
  Server server;
  Peer client = server.connect();
  const std::size_t number = server.random.number(10, 1000);
  ask(client, {"SET", "number", std::to_string(number)}, "+OK\r\n");
  ask(client, {"INCR", "number"}, ":" + std::to_string(number + 1) + "\r\n");
  ask(client, {"INCR", "new"}, ":1\r\n");
  ask(client, {"GET", "number"}, bulk(std::to_string(number + 1)));
  ask(client, {"DEL", "number", "none", "new"}, ":2\r\n");
  ask(client, {"GET", "number"}, "$-1\r\n");
}

TEST(Redis, KeepsBytesAsTheyAre) {
  Server server;
  Peer client = server.connect();
  const Bytes random = server.random.bytes(300);
  std::string value = "\r\n$3\r\n" + std::string(1, '\0');
  value.append(reinterpret_cast<const char*>(random.data()), random.size());
  ask(client, {"SET", value, value + "x"}, "+OK\r\n");
  ask(client, {"GET", value}, bulk(value + "x"));
  ask(client, {"ECHO", ""}, bulk(""));
}

TEST(Errors, AreReplies) {
  Server server;
  Peer client = server.connect();
  ask_error(client, {"NOSUCHCOMMAND", "x"});
  ask_error(client, {"GET"});
  ask_error(client, {"SET", "key"});
  ask(client, {"SET", "word", "abc"}, "+OK\r\n");
  ask_error(client, {"INCR", "word"});
  ask_error(client, {"SET", "word", "x", "EX", "0"});
  ask(client, {"GET", "word"}, bulk("abc"));
}

TEST(Errors, OfTheProtocolEndTheConnection) {
  Server server;
  Peer client = server.connect();
  ask(client, {"PING"}, "+PONG\r\n");
  client.send("*1\r\nPING\r\n");
  expect_error(client);
  client.expect_end("", true);
  Peer other = server.connect("another client");
  ask(other, {"PING"}, "+PONG\r\n");
}

TEST(Pipeline, IsAnsweredInOrder) {
  Server server;
  Peer client = server.connect();
  std::string commands;
  std::string replies;
  for (int i = 1; i <= 300; ++i) {
    const std::string word = server.random.word(server.random.number(1, 20));
    commands += command({"INCR", "n"}) + command({"ECHO", word});
    replies += ":" + std::to_string(i) + "\r\n" + bulk(word);
  }
  client.send(commands);
  client.expect(replies);
}

TEST(Pipeline, MayComeInPieces) {
  Server server;
  Peer client = server.connect();
  const std::string word = server.random.word(15);
  const std::string all = command({"SET", "key", word}) + command({"GET", "key"});
  for (std::size_t sent = 0; sent < all.size();) {
    const std::size_t size = std::min(server.random.number(1, 6), all.size() - sent);
    client.send(std::string_view{all}.substr(sent, size));
    sent += size;
    server.served.subject().await_rest();
  }
  client.expect("+OK\r\n" + bulk(word));
}

TEST(Expiry, ComesAfterItsSeconds) {
  Server server;
  Peer client = server.connect();
  const std::string word = server.random.word(15);
  const auto before = std::chrono::steady_clock::now();
  ask(client, {"SET", "key", word, "EX", "1"}, "+OK\r\n");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{1};
  const Bytes nothing = bytes_of("$-1\r");
  Bytes reply;
  for (bool over = false; reply != nothing && !over;) {
    over = std::chrono::steady_clock::now() >= end;  // now it must be gone
    client.send(command({"GET", "key"}));
    reply = client.receive(4);
    if (reply != nothing) client.expect(bulk(word).substr(4));
    ::usleep(5000);  // how often the check asks
  }
  expect_equal("the reply to GET, when the key's second is over", reply, nothing);
  expect(std::chrono::steady_clock::now() - before >= std::chrono::seconds{1},
         "the key is gone before its second is over");
}

TEST(Clients, AreServedBesideOneWhoDoesNotRead) {
  Server server;
  Peer other = server.connect("another client");
  ask(other, {"PING"}, "+PONG\r\n");
  Peer deaf = server.served.connect_narrow("a client that reads nothing");
  ask_for_megabytes(server, deaf);
  ask(other, {"PING"}, "+PONG\r\n");
}

TEST(Clients, WhoDoNotReadCostLittle) {
  Server server;
  Peer deaf = server.served.connect_narrow("a client that reads nothing");
  ask(deaf, {"PING"}, "+PONG\r\n");
  const std::size_t before = server.served.subject().resident_bytes();
  ask_for_megabytes(server, deaf);
  const std::size_t after = server.served.subject().resident_bytes();
  constexpr std::size_t most = 40U << 20U;
  expect(after < before + most,
         fmt::format("a client has asked for 128 MB and reads nothing: {} MB more are in use",
                     (after - before) >> 20U));
  server.served.subject().expect_idle();
}

TEST(Clients, GetAllTheyAskedFor) {
  Server server;
  Peer client = server.served.connect_narrow();
  const std::string reply = bulk(ask_for_megabytes(server, client, 40));
  for (int i = 0; i < 40; ++i) client.expect(reply);
  ask(client, {"PING"}, "+PONG\r\n");
}

TEST(Tools, RedisCliUnderstandsIt) {
  if (!std::filesystem::exists("/usr/bin/redis-cli")) {
    GTEST_SKIP() << "redis-cli is not installed (package redis-tools)";
  }
  Server server;
  const std::string word = server.random.word(15);
  const auto cli = [&](std::vector<std::string> words) {
    std::vector<std::string> line{"/usr/bin/redis-cli", "-p",
                                  std::to_string(server.served.listener().port())};
    line.insert(line.end(), words.begin(), words.end());
    step("redis-cli {}", words.front());
    ChildProcess child{{.command = line}};
    return child.read_rest();
  };
  expect_equal("what redis-cli prints", cli({"SET", "key", word}), std::string{"OK\n"});
  expect_equal("what redis-cli prints", cli({"GET", "key"}), word + "\n");
  expect_equal("what redis-cli prints", cli({"INCR", "n"}), std::string{"1\n"});
}

TEST(Tools, RedisBenchmarkRuns) {
  if (!std::filesystem::exists("/usr/bin/redis-benchmark")) {
    GTEST_SKIP() << "redis-benchmark is not installed (package redis-tools)";
  }
  Server server;
  step("redis-benchmark -t set,get,incr -n 2000 -c 10 -P 8");
  ChildProcess child{{.command = {"/usr/bin/redis-benchmark", "-p",
                                  std::to_string(server.served.listener().port()), "-t",
                                  "set,get,incr", "-n", "2000", "-c", "10", "-P", "8", "--csv"}}};
  const std::string printed = child.read_rest();
  for (const char* const test : {"\"SET\"", "\"GET\"", "\"INCR\""}) {
    expect(printed.find(test) != std::string::npos,
           fmt::format("redis-benchmark has no result for {}; it printed: {}", test, printed));
  }
}

TEST(Stop, LeavesNothingOpen) {
  Server server;
  Peer client = server.connect();
  ask(client, {"PING"}, "+PONG\r\n");
  server.served.stop();
  server.served.subject().expect_no_open_descriptors();
  client.expect_end("", true);
  server.served.subject().finish();
}

}  // namespace
}  // namespace unblock::kit
