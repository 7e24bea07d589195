#include <unistd.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "exercises/01-thread-per-connection/scenes.hpp"

namespace unblock::kit {
namespace {

TEST(Server, BearsAnException) {
  Subject subject;
  Scene scene{subject, 1};
  subject.start("run");
  Peer first = scene.served("client 1");
  first.send("!");
  first.expect_end("serve has thrown: the connection is closed, as if it had returned", true);
  const Peer second = scene.served("client 2", "serve has thrown, and its place is free");
}

// All that the process has mapped, whether it is used or not.
std::size_t mapped_bytes(pid_t pid) {
  std::ifstream file{fmt::format("/proc/{}/statm", pid)};
  std::size_t pages = 0;
  file >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(Server, DoesNotCollectThreads) {
  Subject subject;
  Scene scene{subject, 4};
  Call run = subject.start("run");
  { const Peer client = scene.served(); }
  scene.await_rest(run);
  const std::size_t threads = subject.threads().size();
  const auto serve_clients = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      Peer client = scene.served();
      client.close();
      subject.await([&] { return subject.threads().size() <= threads; }, "the thread to end");
    }
  };
  serve_clients(10);  // what the library keeps for later threads is there now
  const std::size_t before = mapped_bytes(subject.pid());
  constexpr std::size_t clients = 150;
  serve_clients(clients);
  const std::size_t after = mapped_bytes(subject.pid());
  // A thread's stack has 2 MiB at least, and 8 MiB as a rule.
  expect(after < before + clients * (1U << 20U),
         fmt::format("the memory that is set aside grew by {} MiB while {} clients came and went",
                     (after - before) >> 20U, clients));
}

TEST(Server, ShutsDownNoStranger) {
  Subject subject;
  Scene scene{subject, many};
  Call run = subject.start("run");
  Peer client = scene.served();
  client.half_close();
  client.expect_end();
  scene.await_rest(run);
  // The number that the connection had goes to one of these.
  auto [one, its_one] = socket_pair(subject, "a stranger");
  auto [two, its_two] = socket_pair(subject, "another stranger");
  subject.call("keep", std::move(its_one));
  subject.call("keep", std::move(its_two));
  subject.call("stop");
  run.result();
  one.expect_nothing("run has shut down a descriptor that is not its own");
  two.expect_nothing("run has shut down a descriptor that is not its own");
  subject.finish();
}

TEST(Server, WaitsWhereNoDescriptorIsLeft) {
  Subject subject{{.descriptors = 14}};
  Scene scene{subject, many};
  Call run = subject.start("run");
  std::vector<Peer> clients;
  for (int number = 1; number <= 16; ++number) {
    clients.push_back(scene.connect("client " + std::to_string(number)));
  }
  subject.expect_idle("accept says EMFILE at once, and to call it again at once is to spin");
  scene.await_rest(run);
  for (Peer& client : clients) {
    scene.expect_echo(client, "a connection has ended, and its descriptor is free");
    client.close();
  }
}

TEST(Server, LeavesNothingOpen) {
  Subject subject;
  Scene scene{subject, many};
  Call run = subject.start("run");
  {
    const Peer first = scene.served("client 1");
    const Peer second = scene.served("client 2");
  }
  const Peer third = scene.served("client 3");
  scene.await_rest(run);
  subject.call("stop");
  run.result();
  subject.call("~Server");
  subject.expect_no_open_descriptors();
  subject.finish();
}

}  // namespace
}  // namespace unblock::kit
