#pragma once

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "core/experiment.hpp"
#include "core/server.hpp"

namespace unblock {

/// A server whose type is forgotten; the same promises as EchoServer.
class AnyServer {
 public:
  virtual ~AnyServer() = default;
  [[nodiscard]] virtual std::uint16_t port() const noexcept = 0;
  virtual void run() = 0;
  virtual void stop() noexcept = 0;
};

/// A model by name, and how to make a server of it.
struct Model {
  std::string name;     ///< on the command line: "epoll-lt"
  std::string summary;  ///< one line
  bool takes_threads = false;
  /// Throws UserError where the model cannot serve on this machine, and tells why.
  std::function<std::unique_ptr<AnyServer>(const ServerOptions&)> make;
};

/// The model served by the class `Server`; `arguments` follow the options in its constructor.
template <typename Server, typename... Arguments>
Model model(std::string name, std::string summary, Arguments... arguments) {
  struct Erased final : AnyServer {
    explicit Erased(const ServerOptions& options, const Arguments&... more)
        : server{options, more...} {}
    std::uint16_t port() const noexcept override { return server.port(); }
    void run() override { server.run(); }
    void stop() noexcept override { server.stop(); }
    Server server;
  };
  return {.name = std::move(name),
          .summary = std::move(summary),
          .takes_threads = false,
          .make = [... more = std::move(arguments)](const ServerOptions& options) {
            return std::unique_ptr<AnyServer>{std::make_unique<Erased>(options, more...)};
          }};
}

/// What a lesson's program knows of its lesson.
struct Lesson {
  int number = 0;
  std::string name;   ///< the program's: "epoll"
  std::string title;  ///< "epoll: level-triggered, edge-triggered, one-shot"
  std::string idea;   ///< what the model is, in two or three sentences
  std::vector<Model> models;
  std::vector<Experiment> experiments;
};

/// The lesson's program: tells what it is, serves, or runs experiments, as the command line says.
/// Returns the exit status: 0, 1 for what went wrong (one line on standard error), 2 for a wrong
/// command line. Call it from main() before any thread is started.
int lesson_main(const Lesson& lesson, int argc, char** argv);

}  // namespace unblock
