#include "contract.hpp"

#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/experiment.hpp"
#include "core/tcp.hpp"

namespace unblock {
namespace {

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

int peer_main(const std::string& name, int argc, char** argv,
              void (*serve)(PeerListener listener)) {
  ::signal(SIGPIPE, SIG_IGN);  // a client that is gone is an error of write(2)
  CLI::App app{fmt::format("An echo server with {}, until Ctrl-C", name), name};
  std::string host = "127.0.0.1";
  int port = 8080;
  app.add_option("--host", host, "Name or address to listen on")->capture_default_str();
  app.add_option("--port", port, "Port; 0 for any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
    PeerListener listener{.fd = listen_tcp(host, static_cast<std::uint16_t>(port), SOCK_NONBLOCK),
                          .announce = {}};
    listener.announce = [&, bound = local_port(listener.fd.get())] {
      Narrator{stdout}.line(
          fmt::format("listening on {} (model {})", to_string(host, bound), name));
    };
    serve(std::move(listener));
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    fmt::print(stderr, "{}: {}; see {} --help\n", name, one_line(error.what()), name);
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", name, explain(error));
    return 1;
  }
}

}  // namespace unblock
