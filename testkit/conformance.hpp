#pragma once

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "core/lesson.hpp"

namespace unblock {

/// A model, and what it does not promise. A lesson's test instantiates both suites below over its
/// models:
///   INSTANTIATE_TEST_SUITE_P(Epoll, Conformance, testing::Values(...), model_name);
///   INSTANTIATE_TEST_SUITE_P(Epoll, ProgramConformance, testing::Values(...), model_name);
struct ModelUnderTest {
  Model model;
  std::string program;  ///< path of the lesson's program, which serves the model under its name
  /// False where one client can hold up all the others; the suite then tests that it does.
  bool serves_others_while_one_is_stuck = true;
  /// False where the model polls in a loop and never sleeps.
  bool sleeps_when_idle = true;
  std::size_t threads = 0;  ///< ServerOptions::threads
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

/// What every model's program does, as a process of its own.
class ProgramConformance : public testing::TestWithParam<ModelUnderTest> {};

}  // namespace unblock
