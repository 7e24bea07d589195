#include "testkit/running_server.hpp"

#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/observe.hpp"
#include "testkit/client.hpp"
#include "testkit/program_server.hpp"

namespace unblock {

RunningServer::RunningServer(const Model& model, const ServerOptions& options)
    : RunningServer{model.name, model.make(options)} {}

RunningServer::RunningServer(std::string name, std::unique_ptr<AnyServer> server)
    : name_{std::move(name)}, server_{std::move(server)} {
  thread_ = std::jthread{[this] {
    thread_id_ = this_thread_id();
    try {
      server_->run();
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}: run() threw: {}\n", name_, explain(error));
      std::abort();
    }
    finished_ = true;
  }};
}

pid_t RunningServer::thread_id() const {
  if (const auto* program = dynamic_cast<const ProgramServer*>(server_.get())) {
    return program->pid();
  }
  await([this] { return thread_id_ != 0; }, test_deadline);
  return thread_id_;
}

void RunningServer::stop() {
  server_->stop();
  if (!await([this] { return finished_.load(); }, test_deadline)) {
    fmt::print(stderr, "{}: run() did not return within {} s of stop()\n", name_,
               test_deadline.count());
    std::abort();
  }
  if (thread_.joinable()) thread_.join();
}

RunningServer::~RunningServer() { stop(); }

}  // namespace unblock
