// Right too, in another manner: a thread for each client, on blocking sockets. Who does not read
// blocks its own thread alone, and that is all the back-pressure it takes.

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <list>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/unique_fd.hpp"
#include "small_redis.hpp"

namespace exercise {
namespace {

using Time = std::chrono::steady_clock::time_point;

struct Over {};
struct Malformed {};

// The client's stream: what it sends, byte by byte and word by word; and the replies.
class Stream {
 public:
  explicit Stream(int fd) : fd_{fd} {}

  std::vector<std::string> command() {
    std::vector<std::string> words(number('*', 1024));
    for (std::string& word : words) {
      word.resize(number('$', 1 << 20));
      for (char& each : word) each = next();
      if (next() != '\r' || next() != '\n') throw Malformed{};
    }
    return words;
  }

  void send(const std::string& reply) { replies_ += reply; }

  void flush() {
    for (std::size_t sent = 0; sent < replies_.size();) {
      const ssize_t put = ::write(fd_, replies_.data() + sent, replies_.size() - sent);
      if (put < 0 && errno != EINTR) throw Over{};
      if (put > 0) sent += static_cast<std::size_t>(put);
    }
    replies_.clear();
  }

 private:
  char next() {
    while (at_ == bytes_.size()) {
      flush();  // before it may block: nobody shall wait for what is here
      bytes_.resize(8192);
      const ssize_t got = ::read(fd_, bytes_.data(), bytes_.size());
      bytes_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
      at_ = 0;
      if (got == 0 || (got < 0 && errno != EINTR)) throw Over{};
    }
    if (replies_.size() > 64 * 1024) flush();
    return bytes_[at_++];
  }

  std::size_t number(char kind, std::size_t most) {
    if (next() != kind) throw Malformed{};
    std::size_t value = 0;
    char digit = next();
    if (digit == '\r') throw Malformed{};
    for (; digit != '\r'; digit = next()) {
      if (!std::isdigit(static_cast<unsigned char>(digit))) throw Malformed{};
      value = value * 10 + static_cast<std::size_t>(digit - '0');
      if (value > most) throw Malformed{};
    }
    if (next() != '\n') throw Malformed{};
    return value;
  }

  int fd_;
  std::string bytes_;
  std::size_t at_ = 0;
  std::string replies_;
};

struct Entry {
  std::string value;
  Time end = Time::max();
};

class Store {
 public:
  std::string answer(std::vector<std::string> words) {
    const std::lock_guard lock{mutex_};
    std::string name = words.at(0);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    words.erase(words.begin());
    drop_expired(words);
    try {
      if (name == "ping" && words.empty()) return "+PONG\r\n";
      if ((name == "ping" || name == "echo") && words.size() == 1) return text(words[0]);
      if (name == "get" && words.size() == 1) {
        const auto found = entries_.find(words[0]);
        return found == entries_.end() ? "$-1\r\n" : text(found->second.value);
      }
      if (name == "set" && (words.size() == 2 || words.size() == 4)) return set(words);
      if (name == "incr" && words.size() == 1) {
        const auto found = entries_.find(words[0]);
        long long value = found == entries_.end() ? 0 : whole(found->second.value);
        if (__builtin_add_overflow(value, 1, &value)) throw std::invalid_argument{"overflow"};
        entries_[words[0]].value = std::to_string(value);
        return ":" + std::to_string(value) + "\r\n";
      }
      if (name == "del" && !words.empty()) {
        std::size_t count = 0;
        for (const auto& key : words) count += entries_.erase(key);
        return ":" + std::to_string(count) + "\r\n";
      }
    } catch (const std::logic_error&) {
      return "-ERR value is not an integer or out of range\r\n";
    }
    return "-ERR unknown command, or wrong number of arguments\r\n";
  }

 private:
  static std::string text(const std::string& value) {
    return "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
  }

  static long long whole(const std::string& value) {
    std::size_t used = 0;
    const long long number = std::stoll(value, &used);
    if (used != value.size()) throw std::invalid_argument{"no number"};
    return number;
  }

  void drop_expired(const std::vector<std::string>& keys) {
    const Time now = std::chrono::steady_clock::now();
    for (const auto& key : keys) {
      const auto found = entries_.find(key);
      if (found != entries_.end() && found->second.end <= now) entries_.erase(found);
    }
  }

  std::string set(const std::vector<std::string>& words) {
    Entry entry{words[1]};
    if (words.size() == 4) {
      const long long seconds = whole(words[3]);
      if ((words[2] != "EX" && words[2] != "ex") || seconds < 1 || seconds > 1'000'000'000) {
        return "-ERR syntax error\r\n";
      }
      entry.end = std::chrono::steady_clock::now() + std::chrono::seconds{seconds};
    }
    entries_[words[0]] = entry;
    return "+OK\r\n";
  }

  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

void converse(int fd, Store& store) {
  Stream stream{fd};
  try {
    for (;;) {
      auto words = stream.command();
      if (!words.empty()) stream.send(store.answer(std::move(words)));
    }
  } catch (const Malformed&) {
    try {
      stream.send("-ERR Protocol error\r\n");
      stream.flush();
    } catch (const Over&) {
    }
  } catch (const Over&) {
  }
  ::shutdown(fd, SHUT_RDWR);  // the descriptor is closed when the thread is joined
}

}  // namespace

void serve(int listen_fd, int stop_fd) {
  struct Client {
    unblock::UniqueFd fd;
    std::jthread thread;
    bool is_over() const {
      pollfd watched{fd.get(), 0, 0};
      return ::poll(&watched, 1, 0) == 1 && (watched.revents & POLLHUP);
    }
  };
  Store store;
  std::list<Client> clients;
  for (;;) {
    pollfd watched[2]{{stop_fd, POLLIN, 0}, {listen_fd, POLLIN, 0}};
    if (::poll(watched, 2, -1) < 0) continue;
    if (watched[0].revents) break;
    clients.remove_if([](const Client& client) { return client.is_over(); });
    unblock::UniqueFd fd{::accept(listen_fd, nullptr, nullptr)};
    if (!fd) continue;
    const int number = fd.get();
    clients.push_back({std::move(fd), {}});
    clients.back().thread = std::jthread{[number, &store] { converse(number, store); }};
  }
  for (const Client& client : clients) ::shutdown(client.fd.get(), SHUT_RDWR);
}

}  // namespace exercise
