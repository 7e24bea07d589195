// Mistake: knows commands in upper case only
// Loses: Redis.KnowsCommandsInAnyCase

#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <limits>
#include <list>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/output_buffer.hpp"
#include "core/unique_fd.hpp"
#include "small_redis.hpp"

namespace exercise {
namespace {

using unblock::check;
using unblock::OutputBuffer;
using unblock::UniqueFd;
using Clock = std::chrono::steady_clock;
using Words = std::vector<std::string>;

constexpr long long most_words = 1024;
constexpr long long longest_word = 1 << 20;
constexpr std::size_t most_waiting = 256 * 1024;

struct ProtocolError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::optional<long long> to_number(std::string_view text) {
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

// Takes "<kind><number>\r\n" off the front; nothing where it is not all there.
std::optional<long long> take_header(std::string_view& bytes, char kind, long long most) {
  if (bytes.empty()) return std::nullopt;
  if (bytes.front() != kind) throw ProtocolError{std::string{"expected '"} + kind + "'"};
  const auto end = bytes.find("\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() > 32) throw ProtocolError{"too long a number"};
    return std::nullopt;
  }
  const auto number = to_number(bytes.substr(1, end - 1));
  if (!number || *number < 0 || *number > most) throw ProtocolError{"invalid length"};
  bytes.remove_prefix(end + 2);
  return number;
}

// Takes a command off the front of `bytes`; nothing, and `bytes` as they are, where it is not all
// there.
std::optional<Words> take_command(std::string_view& bytes) {
  std::string_view rest = bytes;
  const auto count = take_header(rest, '*', most_words);
  if (!count) return std::nullopt;
  Words words;
  for (long long i = 0; i < *count; ++i) {
    const auto length = take_header(rest, '$', longest_word);
    if (!length || rest.size() < static_cast<std::size_t>(*length) + 2) return std::nullopt;
    const auto size = static_cast<std::size_t>(*length);
    if (rest.substr(size, 2) != "\r\n") throw ProtocolError{"expected CR LF"};
    words.emplace_back(rest.substr(0, size));
    rest.remove_prefix(size + 2);
  }
  bytes = rest;
  return words;
}

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

class Keys {
 public:
  std::string reply(const Words& words) {
    const auto is = [&](const char* name) { return words[0] == name; };
    const std::size_t size = words.size();
    if (is("PING") && size <= 2) return size == 1 ? "+PONG\r\n" : bulk(words[1]);
    if (is("ECHO") && size == 2) return bulk(words[1]);
    if (is("GET") && size == 2) return get(words[1]);
    if (is("SET") && size >= 3) return set(words);
    if (is("DEL") && size >= 2) return del(words);
    if (is("INCR") && size == 2) return incr(words[1]);
    for (const char* known : {"PING", "ECHO", "GET", "SET", "DEL", "INCR"}) {
      if (is(known)) return "-ERR wrong number of arguments\r\n";
    }
    return "-ERR unknown command\r\n";
  }

 private:
  struct Value {
    std::string text;
    std::optional<Clock::time_point> expires;
  };

  Value* find(const std::string& key) {
    const auto found = values_.find(key);
    if (found == values_.end()) return nullptr;
    if (!found->second.expires || *found->second.expires > Clock::now()) return &found->second;
    values_.erase(found);
    return nullptr;
  }

  std::string get(const std::string& key) {
    const Value* const value = find(key);
    return value == nullptr ? "$-1\r\n" : bulk(value->text);
  }

  std::string set(const Words& words) {
    Value value{words[2], std::nullopt};
    if (words.size() == 5 && ::strcasecmp(words[3].c_str(), "EX") == 0) {
      const auto seconds = to_number(words[4]);
      if (!seconds || *seconds <= 0 || *seconds > 1'000'000'000) {
        return "-ERR invalid expire time\r\n";
      }
      value.expires = Clock::now() + std::chrono::seconds{*seconds};
    } else if (words.size() != 3) {
      return "-ERR syntax error\r\n";
    }
    values_[words[1]] = std::move(value);
    return "+OK\r\n";
  }

  std::string del(const Words& words) {
    int count = 0;
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (find(words[i]) == nullptr) continue;
      values_.erase(words[i]);
      ++count;
    }
    return ":" + std::to_string(count) + "\r\n";
  }

  std::string incr(const std::string& key) {
    Value* value = find(key);
    const auto number = value == nullptr ? 0LL : to_number(value->text);
    if (!number || *number == std::numeric_limits<long long>::max()) {
      return "-ERR value is not an integer or out of range\r\n";
    }
    if (value == nullptr) value = &values_[key];
    value->text = std::to_string(*number + 1);
    return ":" + value->text + "\r\n";
  }

  std::unordered_map<std::string, Value> values_;
};

struct Client {
  UniqueFd fd;
  std::string in;
  OutputBuffer out;
  bool is_leaving = false;  // nothing more is read; what waits is sent
  bool is_gone = false;
};

class Server {
 public:
  Server(int listen_fd, int stop_fd) : listen_fd_{listen_fd}, stop_fd_{stop_fd} {}

  void run() {
    for (;;) {
      std::vector<pollfd> watched{{stop_fd_, POLLIN, 0}, {listen_fd_, POLLIN, 0}};
      for (const Client& client : clients_) {
        watched.push_back(
            {client.fd.get(), static_cast<short>(client.out.empty() ? POLLIN : POLLOUT), 0});
      }
      const int ready = ::poll(watched.data(), watched.size(), -1);
      if (ready < 0 && errno == EINTR) continue;
      check("poll", ready);
      if (watched[0].revents != 0) return;
      auto entry = watched.begin() + 2;
      for (Client& client : clients_) {
        if ((entry++)->revents != 0) serve(client);
      }
      clients_.remove_if([](const Client& client) {
        return client.is_gone || (client.is_leaving && client.out.empty());
      });
      if (watched[1].revents != 0) {
        UniqueFd fd{::accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (fd) clients_.push_back({std::move(fd), {}, {}});
      }
    }
  }

 private:
  void serve(Client& client) {
    if (client.out.empty()) receive(client);
    do {
      execute(client);
      send_waiting(client);
      // All sent, and commands that were put off may be there: no event will tell.
    } while (!client.is_gone && client.out.empty() && std::exchange(put_off_, false));
  }

  void receive(Client& client) {
    const ssize_t got = ::read(client.fd.get(), buffer_.data(), buffer_.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got < 0) client.is_gone = true;
    if (got == 0) client.is_leaving = true;
    if (got > 0) client.in.append(buffer_.data(), static_cast<std::size_t>(got));
  }

  void execute(Client& client) {
    put_off_ = false;
    std::string_view rest = client.in;
    try {
      while (auto words = take_command(rest)) {
        if (!words->empty()) say(client, keys_.reply(*words));
        put_off_ = client.out.size() > most_waiting;
        if (put_off_) break;
      }
    } catch (const ProtocolError& error) {
      say(client, std::string{"-ERR Protocol error: "} + error.what() + "\r\n");
      client.is_leaving = true;
      rest = {};
    }
    client.in.erase(0, client.in.size() - rest.size());
  }

  static void say(Client& client, std::string_view reply) {
    client.out.append(std::as_bytes(std::span{reply}));
  }

  static void send_waiting(Client& client) {
    if (client.is_gone || client.out.empty()) return;
    const auto bytes = client.out.front();
    const ssize_t sent = ::send(client.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) client.is_gone = true;
    if (sent > 0) client.out.consume(static_cast<std::size_t>(sent));
  }

  int listen_fd_;
  int stop_fd_;
  Keys keys_;
  std::list<Client> clients_;
  bool put_off_ = false;
  std::array<char, 16 * 1024> buffer_;
};

}  // namespace

void serve(int listen_fd, int stop_fd) { Server{listen_fd, stop_fd}.run(); }

}  // namespace exercise
