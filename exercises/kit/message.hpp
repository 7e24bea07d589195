#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/unique_fd.hpp"

/// What a check and its subject say to each other: values and descriptors, in frames over a stream
/// socket. Both sides link this; it uses nothing but the standard library.
namespace unblock::kit {

using Bytes = std::vector<std::byte>;

/// The other side sent what is no message. It is no friend: nothing of it is believed.
class MalformedMessage : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Values on their way out. It holds duplicates of the descriptors: the caller's may close at once.
class MessageWriter {
 public:
  void put_integer(std::int64_t value);
  void put_bytes(std::span<const std::byte> bytes);
  void put_descriptor(int fd);

  [[nodiscard]] std::span<const std::byte> payload() const noexcept { return payload_; }
  [[nodiscard]] const std::vector<UniqueFd>& descriptors() const noexcept { return descriptors_; }

 private:
  void tag(char kind) { payload_.push_back(static_cast<std::byte>(kind)); }
  void put_raw(const void* data, std::size_t size);

  Bytes payload_;
  std::vector<UniqueFd> descriptors_;
};

/// A message that came in; it owns the descriptors that nobody has taken. Every take_ throws
/// MalformedMessage where the next value is of another kind or there is none.
class MessageReader {
 public:
  MessageReader(Bytes payload, std::vector<UniqueFd> descriptors)
      : payload_{std::move(payload)}, descriptors_{std::move(descriptors)} {}

  std::int64_t take_integer();
  Bytes take_bytes();
  UniqueFd take_descriptor();
  [[nodiscard]] bool at_end() const noexcept { return at_ == payload_.size(); }

 private:
  void expect_tag(char kind);
  void take_raw(void* data, std::size_t size);

  Bytes payload_;
  std::size_t at_ = 0;
  std::vector<UniqueFd> descriptors_;
  std::size_t next_descriptor_ = 0;
};

/// Sends one message; blocks until the socket took all of it. Throws std::system_error.
void send_message(int channel, const MessageWriter& message);

/// The next message; nothing at end-of-stream. Blocks. Throws std::system_error, MalformedMessage.
std::optional<MessageReader> receive_message(int channel);

// How types travel: integers, bool and enums as one integer; std::string and Bytes as bytes;
// UniqueFd as a descriptor; optional, vector, pair and tuple as what they hold.

template <typename T>
struct Travels;

template <typename T>
void put(MessageWriter& out, const T& value) {
  Travels<std::decay_t<T>>::put(out, value);
}
template <typename T>
T take(MessageReader& in) {
  return Travels<T>::take(in);
}

template <typename T>
requires std::integral<T> || std::is_enum_v<T>
struct Travels<T> {
  static void put(MessageWriter& out, T value) {
    out.put_integer(static_cast<std::int64_t>(value));
  }
  static T take(MessageReader& in) { return static_cast<T>(in.take_integer()); }
};

template <>
struct Travels<Bytes> {
  static void put(MessageWriter& out, const Bytes& value) { out.put_bytes(value); }
  static Bytes take(MessageReader& in) { return in.take_bytes(); }
};

template <>
struct Travels<std::string> {
  static void put(MessageWriter& out, const std::string& value) {
    out.put_bytes(std::as_bytes(std::span{value}));
  }
  static std::string take(MessageReader& in) {
    const Bytes bytes = in.take_bytes();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

template <>
struct Travels<const char*> {
  static void put(MessageWriter& out, const char* value) { Travels<std::string>::put(out, value); }
};

template <>
struct Travels<UniqueFd> {
  static void put(MessageWriter& out, const UniqueFd& value) { out.put_descriptor(value.get()); }
  static UniqueFd take(MessageReader& in) { return in.take_descriptor(); }
};

template <typename T>
struct Travels<std::optional<T>> {
  static void put(MessageWriter& out, const std::optional<T>& value) {
    out.put_integer(value ? 1 : 0);
    if (value) kit::put(out, *value);
  }
  static std::optional<T> take(MessageReader& in) {
    if (in.take_integer() == 0) return std::nullopt;
    return kit::take<T>(in);
  }
};

template <typename T>
struct Travels<std::vector<T>> {
  static void put(MessageWriter& out, const std::vector<T>& values) {
    out.put_integer(static_cast<std::int64_t>(values.size()));
    for (const T& value : values) kit::put(out, value);
  }
  static std::vector<T> take(MessageReader& in) {
    std::vector<T> values;
    // Not reserved: the number is what the other side says, and each value proves itself.
    for (std::int64_t left = in.take_integer(); left > 0; --left) {
      values.push_back(kit::take<T>(in));
    }
    return values;
  }
};

template <typename... Ts>
struct Travels<std::tuple<Ts...>> {
  static void put(MessageWriter& out, const std::tuple<Ts...>& values) {
    std::apply([&](const Ts&... each) { (kit::put(out, each), ...); }, values);
  }
  static std::tuple<Ts...> take(MessageReader& in) {
    return std::tuple<Ts...>{kit::take<Ts>(in)...};  // braces: from left to right
  }
};

template <typename A, typename B>
struct Travels<std::pair<A, B>> {
  static void put(MessageWriter& out, const std::pair<A, B>& value) {
    kit::put(out, value.first);
    kit::put(out, value.second);
  }
  static std::pair<A, B> take(MessageReader& in) {
    return std::pair<A, B>{kit::take<A>(in), kit::take<B>(in)};
  }
};

}  // namespace unblock::kit
