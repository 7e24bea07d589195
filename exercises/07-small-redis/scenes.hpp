#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "exercises/kit/served.hpp"

/// What the checks of this exercise have in common.
namespace unblock::kit {

struct Server {
  Served served;
  Random random;

  Server() { served.start(); }
  Peer connect(std::string name = "the client") { return served.connect(std::move(name)); }
};

inline std::string bulk(const std::string& text) {
  return fmt::format("${}\r\n", text.size()) + text + "\r\n";
}

inline std::string command(const std::vector<std::string>& words) {
  std::string text = fmt::format("*{}\r\n", words.size());
  for (const std::string& word : words) text += bulk(word);
  return text;
}

inline void ask(Peer& client, const std::vector<std::string>& words, const std::string& reply) {
  client.send(command(words));
  client.expect(reply);
}

inline void expect_error(Peer& client) {
  const std::string line = client.receive_line();
  expect(line.starts_with("-ERR ") && line.ends_with("\r\n"),
         "the reply is no error: expected -ERR, a text, and CR LF; it is " + view(line));
}

inline void ask_error(Peer& client, const std::vector<std::string>& words) {
  client.send(command(words));
  expect_error(client);
}

/// Asks `times` times for a value of 64 KB, reads nothing, and waits until the server rests.
/// Returns the value.
inline std::string ask_for_megabytes(Server& server, Peer& client, int times = 2000) {
  std::string value = server.random.word(64 * 1024);
  Peer other = server.connect("a client that sets a long value");
  ask(other, {"SET", "long", value}, "+OK\r\n");
  std::string commands;
  for (int i = 0; i < times; ++i) commands += command({"GET", "long"});
  client.send(commands);
  server.served.subject().await_rest();
  return value;
}

}  // namespace unblock::kit
