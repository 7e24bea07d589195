#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "core/unique_fd.hpp"
#include "exercises/kit/subject.hpp"

/// The check's ends of the connections that it makes with its subject.
namespace unblock::kit {

/// One end of a stream; the subject has the other. What it sends and receives stands in the story.
/// Every call that waits fails the check where the subject ends or makes no progress.
class Peer {
 public:
  /// `name` stands in the story: "the client", "client 2". The subject must live longer.
  Peer(Subject& subject, UniqueFd fd, std::string name);

  /// Sends all of it.
  void send(std::span<const std::byte> bytes);
  void send(std::string_view text) { send(std::as_bytes(std::span{text})); }
  /// Sends what the kernel takes now; returns how much.
  std::size_t send_some(std::span<const std::byte> bytes);
  /// Sends until the kernel takes nothing more: the subject does not read. Returns how much.
  std::size_t fill();

  /// Waits until the subject has read all that was sent.
  void await_read();
  /// The same, or until the call has ended: too early, as its result will say.
  void await_read(Call& call);

  /// Receives exactly `size` bytes.
  Bytes receive(std::size_t size);
  /// Receives what there is, at least one byte; empty at end-of-stream.
  Bytes receive_some(std::size_t most = 64 * 1024);
  /// Receives up to and including the next newline.
  std::string receive_line();
  /// Receives as many bytes as `expected` has; they must be equal.
  void expect(std::span<const std::byte> expected, const std::string& cause = {});
  void expect(std::string_view expected, const std::string& cause = {}) {
    expect(std::as_bytes(std::span{expected}), cause);
  }
  /// Waits for end-of-stream (a reset will do where `or_reset`); bytes before it fail the check.
  void expect_end(const std::string& cause = {}, bool or_reset = false);
  /// Fails where there is something to read, or the end, at this moment.
  void expect_nothing(const std::string& cause = {});

  /// Finishes sending; the subject reads end-of-stream.
  void half_close();
  /// Breaks a TCP connection off with a reset.
  void reset();
  void close();
  /// Reads nothing until `size` bytes at most fit into this end's buffer: for a slow reader.
  void set_buffers(int bytes);

  [[nodiscard]] bool readable() const;
  /// Bytes that the subject has not read yet, of those sent (SIOCOUTQ; TCP counts until it is read
  /// by the other kernel, a Unix socket until it is read).
  [[nodiscard]] std::size_t unread() const;
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::size_t receive_into(std::span<std::byte> bytes, const std::string& what);
  [[noreturn]] void fail_broken(const std::string& doing, int error);

  Subject* subject_;
  UniqueFd fd_;
  std::string name_;
};

/// A connection between check and subject: `theirs` is sent with a command.
struct Connection {
  Peer ours;
  UniqueFd theirs;
};
/// Two Unix stream sockets: what is sent is there at once.
Connection socket_pair(Subject& subject, std::string name = "the check");
/// Two TCP sockets over loopback: these can be reset.
Connection tcp_pair(Subject& subject, std::string name = "the check");
/// A pipe that the subject reads (`theirs` is the reading end), or writes.
Connection pipe_to(Subject& subject);
Connection pipe_from(Subject& subject);

/// A listening TCP socket on loopback that the check has made: the subject gets a duplicate, and
/// clients connect to it.
class Listener {
 public:
  /// `backlog` connections may wait to be accepted.
  explicit Listener(int backlog = 128);
  /// For a command; `nonblocking` sets O_NONBLOCK, which both share.
  [[nodiscard]] UniqueFd descriptor(bool nonblocking = false) const;
  /// A client, connected (maybe not yet accepted).
  [[nodiscard]] Peer connect(Subject& subject, std::string name = "the client") const;
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  UniqueFd fd_;
  std::uint16_t port_;
};

}  // namespace unblock::kit
