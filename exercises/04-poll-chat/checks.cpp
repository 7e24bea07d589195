#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "exercises/04-poll-chat/scenes.hpp"

namespace unblock::kit {
namespace {

std::vector<Peer> members(Served& served, int count) {
  std::vector<Peer> all;
  for (int i = 1; i <= count; ++i) {
    all.push_back(greeted(served.connect("member " + std::to_string(i))));
  }
  return all;
}

void expect_all_hear(std::vector<Peer>& all, std::size_t speaker, Random& random) {
  const std::string line = random_line(random);
  all[speaker].send(line);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i != speaker) all[i].expect(line);
  }
}

TEST(Room, PassesLinesOn) {
  Served served;
  Random random;
  served.start();
  auto all = members(served, 4);
  for (int i = 0; i < 8; ++i) expect_all_hear(all, random.number(0, 3), random);
}

TEST(Room, TellsNobodyItsOwnLines) {
  Served served;
  Random random;
  served.start();
  auto all = members(served, 2);
  const std::string mine = random_line(random);
  all[0].send(mine);
  all[1].expect(mine);
  const std::string answer = random_line(random);
  all[1].send(answer);
  all[0].expect(answer, "a line goes to all members but the one that has sent it");
}

TEST(Room, KeepsLinesWhole) {
  Served served;
  Random random;
  served.start();
  auto all = members(served, 3);
  const std::string first = random.word(10);
  const std::string between = random_line(random);
  const std::string last = random_line(random);
  all[0].send(first);
  served.subject().await_rest();
  all[1].send(between);
  all[0].expect(between);
  all[2].expect(between, "half a line is to wait in the room until its newline has come");
  all[0].send(last);
  all[1].expect(first + last);
  all[2].expect(first + last);
}

TEST(Room, TakesSeveralLinesAtOnce) {
  Served served;
  Random random;
  served.start();
  auto all = members(served, 2);
  std::string lines;
  for (int i = 0; i < 5; ++i) lines += random_line(random);
  all[0].send(lines);
  all[1].expect(lines);
}

TEST(Room, SleepsWhileNobodySpeaks) {
  Served served;
  Random random;
  served.start();
  auto all = members(served, 3);
  expect_all_hear(all, 0, random);
  served.subject().expect_idle();
}

TEST(Room, GoesOnAfterASignal) {
  Served served;
  Random random;
  served.start();
  auto all = members(served, 2);
  served.call().interrupt();
  expect_all_hear(all, 0, random);
}

TEST(BackPressure, LosesNothing) {
  FullRoom room;
  const auto newline = std::find(room.spoken.rbegin(), room.spoken.rend(), std::byte{'\n'});
  const auto whole = static_cast<std::size_t>(room.spoken.rend() - newline);
  room.sleeper.expect(std::span{room.spoken}.first(whole));
  room.speaker.send("\n");
  room.sleeper.expect(std::span{room.spoken}.subspan(whole));
  room.sleeper.expect("\n");
}

TEST(BackPressure, StaysBounded) {
  const FullRoom room;
  expect(room.spoken.size() < FullRoom::most,
         "a member reads nothing, and the room goes on reading from others: it has taken 4 MB");
}

TEST(BackPressure, CostsNoTime) {
  FullRoom room;
  room.served.subject().expect_idle();
}

TEST(Members, MayLeave) {
  Served served;
  Random random;
  served.start();
  auto all = members(served, 4);
  const std::size_t before = served.subject().descriptors();
  all[1].half_close();
  all[1].expect_end();
  served.subject().await([&] { return served.subject().descriptors() == before - 1; },
                         "the descriptor of the member that has left to be closed");
  all.erase(all.begin() + 1);
  for (int i = 0; i < 3; ++i) expect_all_hear(all, 0, random);
}

TEST(Members, AreHeardToTheEnd) {
  Served served;
  Random random;
  served.start();
  auto all = members(served, 2);
  const std::string last = random.word(12);
  all[0].send(last);
  all[0].half_close();
  all[1].expect(last + "\n");
}

TEST(Members, MayBreakOff) {
  Served served;
  Random random;
  served.start();
  auto all = members(served, 4);
  all[1].reset();
  all.erase(all.begin() + 1);
  for (int i = 0; i < 3; ++i) expect_all_hear(all, 0, random);
}

TEST(Stop, LeavesNothingOpen) {
  Served served;
  served.start();
  auto all = members(served, 3);
  served.stop();
  served.subject().expect_no_open_descriptors();
  for (Peer& member : all) member.expect_end("", true);
  served.subject().finish();
}

}  // namespace
}  // namespace unblock::kit
