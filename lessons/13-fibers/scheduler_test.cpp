#include "scheduler.hpp"

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <latch>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "socket.hpp"
#include "sync.hpp"

namespace unblock::fibers {
namespace {

using namespace std::chrono_literals;

#if defined(UNBLOCK_TSAN_FIBERS)
constexpr std::size_t many = 1'000;  // ThreadSanitizer follows 8,000 threads and fibers at most
#else
constexpr std::size_t many = 10'000;
#endif

SchedulerOptions with_threads(std::size_t threads) {
  return {.threads = threads, .stack_bytes = 128 * 1024, .tracer = {}};
}

struct SocketPair {
  SocketPair() {
    std::array<int, 2> fds{};
    check("socketpair",
          ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()));
    one = UniqueFd{fds[0]};
    other = UniqueFd{fds[1]};
  }
  UniqueFd one;
  UniqueFd other;
};

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span{text});
}

// What a fiber uses of another one's stack must live until it has ended. While the other one
// unwinds its join() is not cancelled.
struct JoinAtTheEnd {
  explicit JoinAtTheEnd(Handle fiber) : handle{std::move(fiber)} {}
  JoinAtTheEnd(const JoinAtTheEnd&) = delete;
  JoinAtTheEnd& operator=(const JoinAtTheEnd&) = delete;
  ~JoinAtTheEnd() {
    if (handle.joinable()) handle.join();
  }
  Handle handle;
};

// Each test runs with one thread and with several, with each way of switching, and with threads
// that hand over to the I/O thread and threads that wait for the kernel themselves.
struct How {
  std::string name;
  std::size_t threads;
  SwitchKind kind = SwitchKind::own;
  bool idle_threads_wait = false;
};

void PrintTo(const How& how, std::ostream* out) { *out << how.name; }

class Scheduling : public testing::TestWithParam<How> {
 protected:
  [[nodiscard]] SchedulerOptions options() const {
    SchedulerOptions options = with_threads(GetParam().threads);
    options.switch_kind = GetParam().kind;
    options.idle_threads_wait = GetParam().idle_threads_wait;
    return options;
  }
  Scheduler scheduler{options()};
};

TEST_P(Scheduling, RunsAFiberAndAllThatItSpawns) {
  std::atomic<int> ran{0};
  scheduler.run([&] {
    for (int i = 0; i < 10; ++i) {
      spawn([&] {
        spawn([&] { ++ran; });
        ++ran;
      });
    }
  });
  EXPECT_EQ(ran, 20);
}

TEST_P(Scheduling, HoldsTenThousandFibersAtOnce) {
  std::atomic<std::size_t> parked{0};
  std::size_t ended = 0;
  scheduler.run([&] {
    Channel<int> gate{1};
    std::vector<Handle> handles;
    for (std::size_t i = 0; i < many; ++i) {
      handles.push_back(spawn([&] {
        ++parked;
        EXPECT_FALSE(gate.pop());  // until it is closed
      }));
    }
    while (parked < many) yield();
    gate.close();
    for (Handle& handle : handles) {
      handle.join();
      ++ended;
    }
  });
  EXPECT_EQ(ended, many);
}

TEST_P(Scheduling, YieldLetsTheOthersRunInTurn) {
  std::array<int, 3> turns{};
  scheduler.run([&] {
    std::vector<Handle> handles;
    for (int& mine : turns) {
      handles.push_back(spawn([&mine] {
        for (int i = 0; i < 1000; ++i) {
          ++mine;
          yield();
        }
      }));
    }
    for (Handle& handle : handles) handle.join();
  });
  EXPECT_EQ(turns, (std::array{1000, 1000, 1000}));
}

TEST_P(Scheduling, AMutexExcludes) {
  int plain = 0;  // a race, were it not for the mutex: ThreadSanitizer would say so
  scheduler.run([&] {
    Mutex mutex;
    std::vector<Handle> handles;
    for (int f = 0; f < 8; ++f) {
      handles.push_back(spawn([&] {
        for (int i = 0; i < 200; ++i) {
          const std::lock_guard lock{mutex};
          const int before = plain;
          if (i % 4 == 0) yield();
          plain = before + 1;
        }
      }));
    }
    for (Handle& handle : handles) handle.join();
  });
  EXPECT_EQ(plain, 1600);
}

TEST_P(Scheduling, AConditionWakesWhoWaitsForIt) {
  int stage = 0;
  scheduler.run([&] {
    Mutex mutex;
    Condition changed;
    const auto player = [&](int mine) {
      return [&, mine] {
        for (int round = 0; round < 200; ++round) {
          std::unique_lock lock{mutex};
          changed.wait(lock, [&] { return stage % 2 == mine; });
          ++stage;
          changed.notify_all();
        }
      };
    };
    Handle ping = spawn(player(0));
    Handle pong = spawn(player(1));
    ping.join();
    pong.join();
  });
  EXPECT_EQ(stage, 400);
}

TEST_P(Scheduling, AConditionGivesUpAtItsDeadline) {
  scheduler.run([&] {
    Mutex mutex;
    Condition never;
    std::unique_lock lock{mutex};
    EXPECT_FALSE(
        never.wait_until(lock, std::chrono::steady_clock::now() + 1ms, [] { return false; }));
    EXPECT_TRUE(lock.owns_lock());
  });
}

TEST_P(Scheduling, AChannelKeepsTheOrder) {
  std::vector<int> received;
  scheduler.run([&] {
    Channel<int> channel{3};
    const JoinAtTheEnd pusher{spawn([&] {
      for (int i = 0; i < 1000; ++i) EXPECT_TRUE(channel.push(i));
      channel.close();
    })};
    while (const auto value = channel.pop()) received.push_back(*value);
  });
  ASSERT_EQ(received.size(), 1000U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(received[static_cast<std::size_t>(i)], i);
}

TEST_P(Scheduling, AChannelLosesNothingBetweenManyFibers) {
  std::atomic<int> sum{0};
  scheduler.run([&] {
    Channel<std::unique_ptr<int>> channel{2};
    std::vector<Handle> pushers;
    std::vector<Handle> poppers;
    for (int p = 0; p < 4; ++p) {
      pushers.push_back(spawn([&] {
        for (int i = 1; i <= 100; ++i) channel.push(std::make_unique<int>(i));
      }));
      poppers.push_back(spawn([&] {
        while (const auto value = channel.pop()) sum += **value;
      }));
    }
    for (Handle& handle : pushers) handle.join();
    channel.close();
    for (Handle& handle : poppers) handle.join();
  });
  EXPECT_EQ(sum, 4 * 5050);
}

TEST_P(Scheduling, AClosedChannelTakesNothingAndGivesTheRest) {
  scheduler.run([&] {
    Channel<int> channel{2};
    EXPECT_TRUE(channel.push(1));
    channel.close();
    channel.close();
    EXPECT_FALSE(channel.push(2));
    EXPECT_EQ(channel.pop(), 1);
    EXPECT_EQ(channel.pop(), std::nullopt);
  });
}

TEST_P(Scheduling, SleepersWakeInTheOrderOfTheirTimes) {
  std::vector<int> order;
  scheduler.run([&] {
    Mutex mutex;
    const auto start = std::chrono::steady_clock::now();
    std::vector<Handle> handles;
    for (const int n : {3, 1, 2}) {
      handles.push_back(spawn([&, n] {
        const auto when = start + n * 20ms;
        sleep_until(when);
        EXPECT_GE(std::chrono::steady_clock::now(), when);
        const std::lock_guard lock{mutex};
        order.push_back(n);
      }));
    }
    for (Handle& handle : handles) handle.join();
  });
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST_P(Scheduling, JoinWaitsForTheEnd) {
  bool ended = false;
  scheduler.run([&] {
    Handle handle = spawn([&] {
      for (int i = 0; i < 100; ++i) yield();
      ended = true;
    });
    handle.join();
    EXPECT_TRUE(ended);
    EXPECT_FALSE(handle.joinable());
  });
}

TEST_P(Scheduling, AFiberThatHasEndedCanStillBeJoined) {
  scheduler.run([&] {
    std::atomic<bool> ended{false};
    Handle handle = spawn([&] { ended = true; });
    while (!ended) yield();
    for (int i = 0; i < 100; ++i) yield();
    handle.join();
  });
}

TEST_P(Scheduling, JoinThrowsWhatTheFiberFailedBy) {
  scheduler.run([&] {
    Handle handle = spawn([] {
      yield();
      throw std::runtime_error{"on its own stack"};
    });
    EXPECT_THROW(handle.join(), std::runtime_error);
  });
}

TEST_P(Scheduling, RunThrowsWhatNobodyJoined) {
  EXPECT_THROW(scheduler.run([] { spawn([] { throw std::runtime_error{"unseen"}; }); }),
               std::runtime_error);
}

TEST_P(Scheduling, EachFiberHasItsOwnExceptions) {
  scheduler.run([&] {
    const auto thrower = [](int mine) {
      return [mine] {
        try {
          throw mine;
        } catch (int) {
          for (int i = 0; i < 50; ++i) {
            yield();  // in the middle of handling it, while others do the same
            try {
              throw;
            } catch (int again) {
              EXPECT_EQ(again, mine);
            }
          }
        }
        EXPECT_EQ(std::current_exception(), nullptr);
      };
    };
    for (int i = 0; i < 5; ++i) spawn(thrower(i));
  });
}

TEST_P(Scheduling, AReadWaitsForWhatIsWritten) {
  scheduler.run([&] {
    SocketPair pair;
    Socket reader{std::move(pair.one)};
    Socket writer{std::move(pair.other)};
    Handle handle = spawn([&] {
      std::array<std::byte, 8> buffer{};
      EXPECT_EQ(reader.read(buffer), 5U);
      EXPECT_EQ(std::string(reinterpret_cast<char*>(buffer.data()), 5), "hello");
    });
    for (int i = 0; i < 100; ++i) yield();
    writer.write(bytes_of("hello"));
    handle.join();
  });
}

TEST_P(Scheduling, AReadFindsTheEndThatCameWithTheLastBytes) {
  scheduler.run([&] {
    for (int round = 0; round < 50; ++round) {
      SocketPair pair;
      Socket reader{std::move(pair.one)};
      std::string got;
      Handle handle = spawn([&] {
        std::array<std::byte, 64> buffer{};
        while (const std::size_t count = reader.read(buffer)) {
          got.append(reinterpret_cast<char*>(buffer.data()), count);
          if (round % 2 == 0) yield();
        }
      });
      if (round % 3 == 0) yield();
      Socket writer{std::move(pair.other)};
      writer.write(bytes_of("last"));
      ::shutdown(writer.fd(), SHUT_WR);
      handle.join();
      EXPECT_EQ(got, "last");
    }
  });
}

TEST_P(Scheduling, AWriteOfManyBytesWaitsForRoom) {
  constexpr std::size_t size = 4 << 20;
  std::size_t received = 0;
  scheduler.run([&] {
    SocketPair pair;
    Socket reader{std::move(pair.one)};
    Socket writer{std::move(pair.other)};
    const JoinAtTheEnd sender{spawn([&] {
      const std::vector<std::byte> bytes(size);
      writer.write(bytes);
      ::shutdown(writer.fd(), SHUT_WR);
    })};
    std::vector<std::byte> buffer(10'000);
    while (const std::size_t count = reader.read(buffer)) received += count;
  });
  EXPECT_EQ(received, size);
}

TEST_P(Scheduling, StopWakesAllThatWaitAndUnwindsThem) {
  std::atomic<int> waiting{0};
  std::atomic<int> unwound{0};
  struct Witness {
    explicit Witness(std::atomic<int>& counter) : unwound_{counter} {}
    ~Witness() { ++unwound_; }
    std::atomic<int>& unwound_;
  };
  std::jthread stopper{[&] {
    await([&] { return waiting == 6; });
    scheduler.stop();
  }};
  scheduler.run([&] {
    SocketPair silent;
    SocketPair unread;
    Socket reader{std::move(silent.one)};
    Socket full{std::move(unread.one)};
    Channel<int> channel{1};
    Mutex mutex;
    Condition condition;
    std::deque<JoinAtTheEnd> fibers;
    const auto spawn_waiting = [&](auto wait) {
      fibers.emplace_back(spawn([&, wait] {
        const Witness witness{unwound};
        ++waiting;
        wait();
        ADD_FAILURE() << "it was not cancelled";
      }));
    };
    spawn_waiting([&] {
      std::array<std::byte, 1> byte{};
      (void)reader.read(byte);
    });
    spawn_waiting([&] { full.write(std::vector<std::byte>(16 << 20)); });
    spawn_waiting([&] { channel.pop(); });
    spawn_waiting([&] { sleep_for(1h); });
    spawn_waiting([&] {
      std::unique_lock lock{mutex};
      condition.wait(lock, [] { return false; });
    });
    spawn_waiting([&] {
      for (;;) yield();
    });
    sleep_for(1h);
  });
  EXPECT_EQ(unwound, 6);
}

TEST_P(Scheduling, AStopBeforeRunIsNotLost) {
  scheduler.stop();
  bool after = false;
  scheduler.run([&] {
    yield();
    after = true;
  });
  EXPECT_FALSE(after);
}

TEST_P(Scheduling, ADeadlockIsNamed) {
  try {
    scheduler.run([&] {
      Channel<int> never{1};
      never.pop();
    });
    FAIL() << "nothing was thrown";
  } catch (const RuleBroken& broken) {
    EXPECT_NE(
        std::string{broken.what()}.find("deadlock: nothing can wake the fibers that are left (1)"),
        std::string::npos)
        << broken.what();
  }
}

// Two fibers, each of which holds one mutex and wants the other one's.
struct Crosswise {
  auto lock(Mutex& first, Mutex& second) {
    return [this, &first, &second] {
      const std::lock_guard outer{first};
      ++held;
      while (held < 2) ThisFiber::yield();  // the one that stop() does not cancel
      const std::lock_guard inner{second};
    };
  }
  Mutex one;
  Mutex other;
  std::atomic<int> held{0};
};

// What is locked crosswise is not had soon: the waits for a mutex are given up as well.
TEST_P(Scheduling, MutexesLockedCrosswiseAreADeadlock) {
  Crosswise mutexes;
  EXPECT_THROW(scheduler.run([&] {
    JoinAtTheEnd left{spawn(mutexes.lock(mutexes.one, mutexes.other))};
    JoinAtTheEnd right{spawn(mutexes.lock(mutexes.other, mutexes.one))};
    left.handle.join();
    right.handle.join();
  }),
               RuleBroken);
}

// While somebody waits for the world outside it is not seen; stop() has to end them all the same.
TEST_P(Scheduling, StopEndsFibersThatWaitForOneAnother) {
  Crosswise mutexes;
  std::jthread stopper{[&] {
    await([&] { return mutexes.held == 2; });
    scheduler.stop();
  }};
  EXPECT_THROW(scheduler.run([&] {
    const JoinAtTheEnd left{spawn(mutexes.lock(mutexes.one, mutexes.other))};
    const JoinAtTheEnd right{spawn(mutexes.lock(mutexes.other, mutexes.one))};
    sleep_for(1h);
  }),
               RuleBroken);
}

INSTANTIATE_TEST_SUITE_P(Fibers, Scheduling,
                         testing::Values(How{"own_1", 1}, How{"own_3", 3},
                                         How{"ucontext_1", 1, SwitchKind::ucontext},
                                         How{"ucontext_3", 3, SwitchKind::ucontext},
                                         How{"idle_threads_wait_1", 1, SwitchKind::own, true},
                                         How{"idle_threads_wait_3", 3, SwitchKind::own, true}),
                         [](const auto& how) { return how.param.name; });

TEST(Migration, AFiberGoesOnOnAnotherThread) {
  Scheduler scheduler{with_threads(2)};
  pid_t before = 0;
  pid_t after = 0;
  scheduler.run([&] {
    SocketPair pair;
    Socket reader{std::move(pair.one)};
    const UniqueFd writer = std::move(pair.other);
    std::atomic<bool> resumed{false};
    std::latch both{2};  // each thread is held by a fiber that blocks it
    const auto hold = [&] {
      both.arrive_and_wait();
      if (this_thread_id() == before) {
        EXPECT_TRUE(await([&] { return resumed.load(); }));
      } else {
        EXPECT_EQ(::send(writer.get(), "x", 1, 0), 1);
      }
    };
    Handle parked = spawn([&] {
      before = this_thread_id();
      Handle one = spawn(hold);
      Handle other = spawn(hold);
      std::array<std::byte, 1> byte{};
      EXPECT_EQ(reader.read(byte), 1U);
      after = this_thread_id();
      resumed = true;
      one.join();  // they use what belongs to the first fiber
      other.join();
    });
    parked.join();
  });
  EXPECT_NE(before, 0);
  EXPECT_NE(after, before);
}

TEST(Rules, AreNamedWhereTheyAreBroken) {
  EXPECT_THROW(yield(), RuleBroken);
  EXPECT_THROW(sleep_for(1ms), RuleBroken);
  EXPECT_THROW(spawn([] {}), RuleBroken);
  EXPECT_THROW(Mutex{}.lock(), RuleBroken);
  EXPECT_THROW(Channel<int>{1}.pop(), RuleBroken);
  EXPECT_THROW(Channel<int>{0}, RuleBroken);
  try {
    yield();
  } catch (const RuleBroken& broken) {
    EXPECT_STREQ(
        broken.what(),
        "yield() is for fibers: call it in a function that Scheduler::run() or spawn() was given");
  }
}

TEST(Rules, HoldInsideFibersToo) {
  Scheduler scheduler{with_threads(1)};
  scheduler.run([&] {
    EXPECT_THROW(scheduler.run([] {}), RuleBroken);
    EXPECT_THROW(Handle{}.join(), RuleBroken);
    Mutex mutex;
    EXPECT_THROW(mutex.unlock(), RuleBroken);
    mutex.lock();
    EXPECT_THROW(mutex.lock(), RuleBroken);
    EXPECT_FALSE(mutex.try_lock());
    mutex.unlock();
    Scheduler other{with_threads(1)};
    EXPECT_THROW(other.spawn([] {}), RuleBroken);
    std::array<int, 2> fds{};
    check("socketpair", ::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()));
    UniqueFd blocking{fds[0]};
    const UniqueFd its_peer{fds[1]};
    EXPECT_THROW(Socket{std::move(blocking)}, RuleBroken);
    EXPECT_TRUE(blocking) << "it still owns the descriptor";
  });
}

TEST(Rules, OneFiberReadsADescriptor) {
  Scheduler scheduler{with_threads(1)};
  scheduler.run([&] {
    SocketPair pair;
    Socket reader{std::move(pair.one)};
    const auto read_one = [&] {
      std::array<std::byte, 1> byte{};
      (void)reader.read(byte);
    };
    Handle first = spawn(read_one);
    yield();
    yield();
    EXPECT_THROW(read_one(), RuleBroken);
    pair.other.reset();
    first.join();
  });
}

TEST(Scheduler, LeavesNothingBehind) {
  std::jthread{[] {}}.join();  // ThreadSanitizer starts a thread of its own with the first one
  const std::size_t descriptors = open_descriptors();
  const std::size_t threads = thread_ids().size();
  {
    Scheduler scheduler{with_threads(3)};
    scheduler.run([] { sleep_for(1ms); });
  }
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_TRUE(await([&] { return thread_ids().size() == threads; }));
}

TEST(Scheduler, UsesStacksAgain) {
  Scheduler scheduler{with_threads(1)};
  std::set<const void*> places;
  scheduler.run([&] {
    for (int i = 0; i < 100; ++i) {
      spawn([&] {
        int local = 0;
        places.insert(static_cast<const void*>(&local));
      }).join();
    }
  });
  EXPECT_LE(places.size(), 2U);
}

}  // namespace
}  // namespace unblock::fibers
