#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/lesson.hpp"

namespace unblock {

/// A model, and what it does not promise. A lesson's test hands its models to UNBLOCK_CONFORMANCE,
/// below.
struct ModelUnderTest {
  Model model;
  std::string program;  ///< path of the lesson's program, which serves the model under its name
  /// False where one client can hold up all the others; the suite then tests that it does
  /// (OneAtATime).
  bool serves_others_while_one_is_stuck = true;
  /// False where the model polls in a loop and never sleeps.
  bool sleeps_when_idle = true;
  std::size_t threads = 0;  ///< ServerOptions::threads
  /// False where the number of clients served at once cannot be limited.
  bool takes_a_limit = true;
  /// What serves it as a program, before --port, where that is not `program serve --model NAME`.
  std::vector<std::string> command = {};
};

/// A test's name for the model: "epoll-lt" becomes "epoll_lt"; with threads, "fibers_3_threads".
std::string model_name(const testing::TestParamInfo<ModelUnderTest>& info);
void PrintTo(const ModelUnderTest& model, std::ostream* out);

/// What every model does, with the server in a thread of the test's own process.
class Conformance : public testing::TestWithParam<ModelUnderTest> {
 protected:
  void SetUp() override;
  /// Nothing is left over: descriptors and threads are as many as before.
  void TearDown() override;

  [[nodiscard]] ServerOptions options() const { return {.threads = GetParam().threads}; }

 private:
  std::size_t descriptors_before_ = 0;
  std::size_t threads_before_ = 0;
};

/// What models do that serve several clients at once, and what the others do.
class SeveralAtOnce : public Conformance {};
class OneAtATime : public Conformance {};
/// What models do of the former whose number of clients at once can be limited.
class LimitedAtOnce : public SeveralAtOnce {};

/// What every model's program does, as a process of its own.
class ProgramConformance : public testing::TestWithParam<ModelUnderTest> {};

/// What the programs do of the models that serve several clients at once, and of those that sleep
/// when there is nothing to do.
class SeveralAtOnceProgram : public ProgramConformance {};
class SleepingProgram : public ProgramConformance {};

using ModelsUnderTest = std::vector<ModelUnderTest>;
ModelsUnderTest only(const ModelsUnderTest& models, bool ModelUnderTest::*trait, bool value = true);

/// Runs the suites over the models of a lesson, each over those that it is for:
///   UNBLOCK_CONFORMANCE(Epoll, ModelsUnderTest{...})
#define UNBLOCK_CONFORMANCE(lesson, ...)                                                          \
  const ::unblock::ModelsUnderTest lesson##_models = __VA_ARGS__;                                 \
  using ::unblock::Conformance, ::unblock::SeveralAtOnce, ::unblock::OneAtATime,                  \
      ::unblock::LimitedAtOnce, ::unblock::ProgramConformance, ::unblock::SeveralAtOnceProgram,   \
      ::unblock::SleepingProgram;                                                                 \
  constexpr auto lesson##_sharing = &::unblock::ModelUnderTest::serves_others_while_one_is_stuck; \
  constexpr auto lesson##_sleeping = &::unblock::ModelUnderTest::sleeps_when_idle;                \
  constexpr auto lesson##_limited = &::unblock::ModelUnderTest::takes_a_limit;                    \
  UNBLOCK_SUITE(lesson, Conformance, lesson##_models);                                            \
  UNBLOCK_SUITE(lesson, SeveralAtOnce, only(lesson##_models, lesson##_sharing));                  \
  UNBLOCK_SUITE(lesson, OneAtATime, only(lesson##_models, lesson##_sharing, false));              \
  UNBLOCK_SUITE(lesson, LimitedAtOnce,                                                            \
                only(only(lesson##_models, lesson##_sharing), lesson##_limited));                 \
  UNBLOCK_SUITE(lesson, ProgramConformance, lesson##_models);                                     \
  UNBLOCK_SUITE(lesson, SeveralAtOnceProgram, only(lesson##_models, lesson##_sharing));           \
  UNBLOCK_SUITE(lesson, SleepingProgram, only(lesson##_models, lesson##_sleeping))

#define UNBLOCK_SUITE(lesson, suite, models) \
  INSTANTIATE_TEST_SUITE_P(lesson, suite, ::testing::ValuesIn(models), ::unblock::model_name)

}  // namespace unblock
