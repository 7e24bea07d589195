#include "exercises/kit/message.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/errors.hpp"

namespace unblock::kit {
namespace {

// More than any exercise sends; a subject that announces more is lying.
constexpr std::uint32_t most_bytes = 256U << 20U;
constexpr std::size_t most_descriptors = 32;

constexpr char integer_tag = 'i';
constexpr char bytes_tag = 'b';
constexpr char descriptor_tag = 'd';

// A control message with room for the descriptors of one frame, aligned as the kernel wants it.
struct alignas(cmsghdr) ControlBuffer {
  std::array<std::byte, CMSG_SPACE(sizeof(int) * most_descriptors)> bytes{};
};

void send_rest(int channel, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::send(channel, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    bytes = bytes.subspan(static_cast<std::size_t>(check("send", put)));
  }
}

// Fills `bytes`; false where the stream ended before the first of them.
bool receive_all(int channel, std::span<std::byte> bytes) {
  const std::size_t wanted = bytes.size();
  while (!bytes.empty()) {
    const ssize_t got = ::recv(channel, bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0 || (got < 0 && errno == ECONNRESET)) {
      if (bytes.size() == wanted) return false;
      throw MalformedMessage{"the stream ended within a message"};
    }
    bytes = bytes.subspan(static_cast<std::size_t>(check("recv", got)));
  }
  return true;
}

// The descriptors that came with what recvmsg() returned.
std::vector<UniqueFd> descriptors_of(msghdr& header) {
  std::vector<UniqueFd> descriptors;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
  return descriptors;
}

}  // namespace

void MessageWriter::put_raw(const void* data, std::size_t size) {
  const auto* const first = static_cast<const std::byte*>(data);
  payload_.insert(payload_.end(), first, first + size);
}

void MessageWriter::put_integer(std::int64_t value) {
  tag(integer_tag);
  put_raw(&value, sizeof value);
}

void MessageWriter::put_bytes(std::span<const std::byte> bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  tag(bytes_tag);
  put_raw(&size, sizeof size);
  put_raw(bytes.data(), bytes.size());
}

void MessageWriter::put_descriptor(int fd) {
  tag(descriptor_tag);
  descriptors_.emplace_back(check("fcntl", ::fcntl(fd, F_DUPFD_CLOEXEC, 0)));
}

void MessageReader::take_raw(void* data, std::size_t size) {
  if (payload_.size() - at_ < size) throw MalformedMessage{"the message is too short"};
  if (size > 0) std::memcpy(data, payload_.data() + at_, size);
  at_ += size;
}

void MessageReader::expect_tag(char kind) {
  char found = 0;
  take_raw(&found, 1);
  if (found != kind) throw MalformedMessage{"the message holds another kind of value"};
}

std::int64_t MessageReader::take_integer() {
  expect_tag(integer_tag);
  std::int64_t value = 0;
  take_raw(&value, sizeof value);
  return value;
}

Bytes MessageReader::take_bytes() {
  expect_tag(bytes_tag);
  std::uint32_t size = 0;
  take_raw(&size, sizeof size);
  if (payload_.size() - at_ < size) throw MalformedMessage{"the message is too short"};
  Bytes bytes(size);
  take_raw(bytes.data(), bytes.size());
  return bytes;
}

UniqueFd MessageReader::take_descriptor() {
  expect_tag(descriptor_tag);
  if (next_descriptor_ == descriptors_.size()) {
    throw MalformedMessage{"the message lacks a descriptor"};
  }
  return std::move(descriptors_[next_descriptor_++]);
}

void send_message(int channel, const MessageWriter& message) {
  const auto size = static_cast<std::uint32_t>(message.payload().size());
  Bytes frame(sizeof size);
  std::memcpy(frame.data(), &size, sizeof size);
  frame.insert(frame.end(), message.payload().begin(), message.payload().end());

  iovec part{frame.data(), frame.size()};
  ControlBuffer control;
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  std::vector<int> descriptors;
  for (const UniqueFd& fd : message.descriptors()) descriptors.push_back(fd.get());
  if (descriptors.size() > most_descriptors) {
    throw std::length_error{"too many descriptors in one message"};
  }
  if (!descriptors.empty()) {
    const std::size_t bytes = descriptors.size() * sizeof(int);
    header.msg_control = control.bytes.data();
    header.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(rights), descriptors.data(), bytes);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(channel, &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  // The descriptors went with the first byte, whatever became of the others.
  send_rest(channel, std::span<const std::byte>{frame}.subspan(
                         static_cast<std::size_t>(check("sendmsg", sent))));
}

std::optional<MessageReader> receive_message(int channel) {
  std::uint32_t size = 0;
  ControlBuffer control;
  iovec part{&size, sizeof size};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes.data();
  header.msg_controllen = control.bytes.size();
  ssize_t got = 0;
  do {
    got = ::recvmsg(channel, &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got == 0 || (got < 0 && errno == ECONNRESET)) return std::nullopt;
  check("recvmsg", got);
  std::vector<UniqueFd> descriptors = descriptors_of(header);
  auto size_bytes = std::as_writable_bytes(std::span{&size, 1});
  if (!receive_all(channel, size_bytes.subspan(static_cast<std::size_t>(got)))) {
    throw MalformedMessage{"the stream ended within a message"};
  }
  if (size > most_bytes) throw MalformedMessage{"the message is too long"};

  // What is announced is not believed: memory is taken for what has come.
  Bytes payload;
  while (payload.size() < size) {
    const std::size_t before = payload.size();
    payload.resize(before + std::min<std::size_t>(size - before, 1U << 20U));
    if (!receive_all(channel, std::span{payload}.subspan(before))) {
      throw MalformedMessage{"the stream ended within a message"};
    }
  }
  return MessageReader{std::move(payload), std::move(descriptors)};
}

}  // namespace unblock::kit
