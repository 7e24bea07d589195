#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/errors.hpp"
#include "core/tcp.hpp"
#include "exercises/05-edge-echo/scenes.hpp"
#include "exercises/kit/served.hpp"

namespace unblock::kit {

UniqueFd endless_connection() {
  // A datagram socket may be connected with itself; a stream could be, but over TCP a byte is under
  // way for a moment. More than any buffer of a reader: each read fills that buffer.
  constexpr std::size_t first_message = 100 * 1024;
  step("one connection never runs dry: what is sent over it comes back at once");
  UniqueFd fd{check("socket", ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socklen_t length = sizeof address.sun_family;  // the kernel finds a name: unix(7), autobind
  check("bind", ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length));
  length = sizeof address;
  check("getsockname", ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length));
  check("connect", ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length));
  const Bytes bytes = Random{}.bytes(first_message);
  check("send", ::send(fd.get(), bytes.data(), bytes.size(), 0));
  return fd;
}

FullConnection full_connection(Subject& subject) {
  const auto set = [](int fd, int option, int size) {
    check("setsockopt", ::setsockopt(fd, SOL_SOCKET, option, &size, sizeof size));
  };
  constexpr int little = 8 * 1024;
  constexpr int much = 1 << 20;
  const UniqueFd listen_fd = listen_tcp("127.0.0.1", 0);
  set(listen_fd.get(), SO_SNDBUF, little);
  set(listen_fd.get(), SO_RCVBUF, much);
  UniqueFd ours{check("socket", ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  set(ours.get(), SO_SNDBUF, much);
  set(ours.get(), SO_RCVBUF, little);
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  check("getsockname", ::getsockname(listen_fd.get(), generic, &length));
  check("connect", ::connect(ours.get(), generic, length));
  UniqueFd theirs{
      check("accept", ::accept4(listen_fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC))};
  FullConnection full{{Peer{subject, std::move(ours), "the client"}, std::move(theirs)},
                      Random{}.bytes(120 * 1024)};
  full.connection.ours.send(full.sent);
  return full;
}

void expect_in_parts(Subject& subject, Peer& client, const Bytes& expected) {
  Bytes came;
  while (came.size() < expected.size()) {
    subject.await_rest();
    const Bytes some = client.receive_some();
    if (some.empty()) break;
    came.insert(came.end(), some.begin(), some.end());
  }
  expect_equal("the bytes that came back", came, expected);
}

namespace {

constexpr std::size_t most_taken = 4U << 20U;  // see StayBounded

// How many descriptors the subject watches edge-triggered: proc(5), fdinfo of an epoll descriptor.
std::size_t watched_for_edges(const Subject& subject) {
  std::size_t count = 0;
  for (const int epoll_fd : subject.descriptors_of("anon_inode:[eventpoll]")) {
    std::istringstream info{subject.descriptor_info(epoll_fd)};
    for (std::string line; std::getline(info, line);) {
      std::istringstream words{line};  // "tfd: 7 events: 8000201d data: ..."
      std::string tfd;
      std::string events_word;
      int fd = 0;
      std::uint32_t events = 0;
      if (words >> tfd >> fd >> events_word >> std::hex >> events && (events & EPOLLET)) ++count;
    }
  }
  return count;
}

TEST(EdgeEcho, SendsBackWhatComes) {
  Served served;
  Random random;
  served.start(none());
  Peer first = served.connect("client 1");
  expect_echo(first, random);
  Peer second = served.connect("client 2");
  for (int i = 0; i < 3; ++i) {
    expect_echo(first, random);
    expect_echo(second, random);
  }
}

TEST(EdgeEcho, WatchesForEdges) {
  Served served;
  Random random;
  served.start(none());
  std::vector<Peer> clients;
  for (int i = 1; i <= 4; ++i) {
    clients.push_back(served.connect("client " + std::to_string(i)));
    expect_echo(clients.back(), random);
  }
  const std::size_t edges = watched_for_edges(served.subject());
  if (edges >= clients.size()) return;
  fail({.what = "the kernel tells which descriptors you watch, and how",
        .expected = "4 clients, each watched with EPOLLET",
        .came = std::to_string(edges) + " descriptors are watched with EPOLLET"});
}

TEST(EdgeEcho, AcceptsEveryoneWhoWaits) {
  Served served;
  Random random;
  std::vector<Peer> clients;
  for (int i = 1; i <= 50; ++i) clients.push_back(served.connect("client " + std::to_string(i)));
  served.start(none());
  for (Peer& client : clients) expect_echo(client, random);
}

TEST(EdgeEcho, SleepsWhileNothingHappens) {
  Served served;
  Random random;
  served.start(none());
  Peer first = served.connect("client 1");
  expect_echo(first, random);
  Peer second = served.connect("client 2");
  expect_echo(second, random);
  served.subject().expect_idle();
}

TEST(EdgeEcho, GoesOnAfterASignal) {
  Served served;
  Random random;
  served.start(none());
  Peer client = served.connect();
  expect_echo(client, random);
  served.call().interrupt();
  expect_echo(client, random);
}

TEST(Drain, ReadsAllThatIsThere) {
  Served served;
  auto [ours, theirs] = socket_pair(served.subject(), "the client");
  // All of it is there before the server looks, so there is one edge; and its echo fits into the
  // kernel's buffer, piece by piece, whatever the pieces: this side reads nothing meanwhile.
  int room = 512 * 1024;
  for (const int fd : {ours.fd(), theirs.get()}) {
    check("setsockopt", ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room));
  }
  socklen_t length = sizeof room;
  check("getsockopt", ::getsockopt(ours.fd(), SOL_SOCKET, SO_SNDBUF, &room, &length));
  check("fcntl", ::fcntl(theirs.get(), F_SETFL, O_NONBLOCK));
  Bytes bytes = Random{}.bytes(std::min<std::size_t>(120 * 1024, room / 3));
  bytes.resize(ours.send_some(bytes));
  step("the client sends {}, and the server starts", view(bytes));
  served.start(just(std::move(theirs)));
  ours.await_read();
  ours.expect(bytes);
}

TEST(Drain, ReadsTheEndBehindTheBytes) {
  Served served;
  Random random;
  auto [ours, theirs] = tcp_pair(served.subject(), "the client");
  check("fcntl", ::fcntl(theirs.get(), F_SETFL, O_NONBLOCK));
  const Bytes bytes = random.bytes(random.number(10, 100));
  ours.send(bytes);
  ours.half_close();
  served.start(just(std::move(theirs)));
  ours.expect(bytes);
  ours.expect_end();
}

TEST(Drain, GoesOnAfterTheSocketWasFull) {
  Served served;
  auto [connection, bytes] = full_connection(served.subject());
  served.start(just(std::move(connection.theirs)));
  expect_in_parts(served.subject(), connection.ours, bytes);
}

TEST(Buffers, HoldUpNobodyElse) {
  Served served;
  Random random;
  served.start(none());
  Peer other = served.connect("another client");
  expect_echo(other, random);
  Peer deaf = served.connect_narrow("a client that reads nothing");
  expect_echo(deaf, random);
  served.flood(deaf, most_taken);
  for (int i = 0; i < 3; ++i) expect_echo(other, random);
}

TEST(Buffers, StayBounded) {
  // Half a megabyte lies in the kernel's buffers, on the way there and back.
  Served served;
  Random random;
  served.start(none());
  Peer deaf = served.connect_narrow("a client that reads nothing");
  expect_echo(deaf, random);
  const Bytes taken = served.flood(deaf, most_taken);
  expect(taken.size() < most_taken,
         "a client reads nothing, and your code goes on reading from it: it has taken 4 MB");
}

TEST(Fair, WhateverOneClientSends) {
  Served served;
  Random random;
  Peer waiting = served.connect("a client that waits");
  const Bytes bytes = random.bytes(20);
  waiting.send(bytes);
  served.start(just(endless_connection()));
  waiting.expect(bytes);
  for (int i = 0; i < 10; ++i) expect_echo(waiting, random);
}

TEST(End, OfOneClientConcernsNobodyElse) {
  Served served;
  Random random;
  served.start(none());
  Peer other = served.connect("another client");
  expect_echo(other, random);
  Peer broken = served.connect("a client that breaks off");
  expect_echo(broken, random);
  broken.reset();
  expect_echo(other, random);
}

TEST(Stop, LeavesNothingOpen) {
  Served served;
  Random random;
  auto [handed_over, theirs] = tcp_pair(served.subject(), "a client that was handed over");
  check("fcntl", ::fcntl(theirs.get(), F_SETFL, O_NONBLOCK));
  served.start(just(std::move(theirs)));
  std::vector<Peer> clients;
  clients.push_back(std::move(handed_over));
  expect_echo(clients.back(), random);
  for (int i = 1; i <= 3; ++i) {
    clients.push_back(served.connect("client " + std::to_string(i)));
    expect_echo(clients.back(), random);
  }
  served.stop();
  served.subject().expect_no_open_descriptors();
  for (Peer& client : clients) client.expect_end("", true);
  served.subject().finish();
}

}  // namespace
}  // namespace unblock::kit
