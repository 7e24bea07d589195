// What uring_engine.cpp needs before the first operation: the ring, and the buffers that the kernel
// takes for reads.
//
// Manual: io_uring_setup(2), io_uring_register_buf_ring(3), io_uring_register(2).

#include "uring_setup.hpp"

#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "core/errors.hpp"

namespace unblock {
namespace {

constexpr unsigned submission_entries = 256;
constexpr unsigned completion_entries = 4096;

// A connection holds one buffer at most, while it writes; and a connection is a descriptor. An
// entry's number has 16 bits, and the kernel takes half of what that allows.
std::size_t most_buffers() {
  rlimit descriptors{};
  check("getrlimit", ::getrlimit(RLIMIT_NOFILE, &descriptors));
  return std::bit_ceil(std::clamp<rlim_t>(descriptors.rlim_cur, 64, 32'768));
}

const char* const too_old =
    "the io_uring of this kernel is missing or too old (Linux 5.19 has what it takes): use another "
    "model";

}  // namespace

void check_uring(const char* call, int result) {
  if (result >= 0) return;
  errno = -result;
  throw_errno(call);
}

void check_entered(int result) {
  if (result == -EINTR || result == -EAGAIN || result == -EBUSY) return;
  check_uring("io_uring_enter", result);
}

__kernel_timespec to_timespec(std::chrono::steady_clock::time_point time) {
  const std::chrono::nanoseconds ns = time.time_since_epoch();
  return {.tv_sec = ns / std::chrono::seconds{1},
          .tv_nsec = (ns % std::chrono::seconds{1}).count()};
}

// [ring]
Ring::Ring(bool shared) : io_uring{} {
  // The owner of a ring can let completions wait until it asks for them, all at once, instead of
  // being interrupted for each (Linux 6.1). A kernel answers EINVAL to a flag that it does not
  // know.
  const unsigned owned = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  int result = -EINVAL;
  for (const unsigned wish : {shared ? 0U : owned, 0U}) {
    io_uring_params params{};
    // Disabled at first: the owner is the thread that enables it, and that is not this one.
    params.flags = wish | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE;
    params.cq_entries = completion_entries;
    result = ::io_uring_queue_init_params(submission_entries, this, &params);
    if (result != -EINVAL) break;
  }
  if (result == -ENOSYS || result == -EINVAL) throw UserError{too_old};
  if (result == -EPERM || result == -EACCES) {
    throw UserError{
        "this system does not allow io_uring (sysctl kernel.io_uring_disabled, or a container's "
        "seccomp profile): allow it there, or use another model"};
  }
  check_uring("io_uring_setup", result);
}

void Ring::enable() {
  // Spelled out, since liburing 2.3 declares io_uring_enable_rings() and does not have it.
  check_uring("io_uring_register", ::io_uring_register(static_cast<unsigned>(ring_fd),
                                                       IORING_REGISTER_ENABLE_RINGS, nullptr, 0));
  io_uring::flags &= ~static_cast<unsigned>(IORING_SETUP_R_DISABLED);
}
// [/ring]

Pages::Pages(std::size_t bytes)
    : size{bytes},
      address{::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)} {
  if (address == MAP_FAILED) throw_errno("mmap");
}

Pages::~Pages() { ::munmap(address, size); }

// [buffers]
ProvidedBuffers::ProvidedBuffers(Ring& ring)
    : entries_{most_buffers()}, pages_{entries_ * sizeof(io_uring_buf)} {
  io_uring_buf_reg description{};
  description.ring_addr = reinterpret_cast<std::uintptr_t>(pages_.address);
  description.ring_entries = static_cast<unsigned>(entries_);
  description.bgid = group;
  const int result = ::io_uring_register_buf_ring(&ring, &description, 0);
  if (result == -EINVAL) throw UserError{too_old};
  check_uring("io_uring_register", result);
  add();
}

bool ProvidedBuffers::add() {
  const std::size_t first = slabs_.size() * slab_buffers;
  if (first + slab_buffers > entries_) return false;
  slabs_.push_back(std::make_unique_for_overwrite<std::byte[]>(slab_buffers * Buffer::capacity));
  std::byte* const slab = slabs_.back().get();
  for (std::size_t i = 0; i < slab_buffers; ++i) {
    give_back(slab + i * Buffer::capacity, static_cast<std::uint16_t>(first + i));
  }
  return true;
}

Buffer ProvidedBuffers::filled(std::size_t id, std::size_t size) {
  std::byte* const slab = slabs_[id / slab_buffers].get();
  return Buffer{*this, slab + id % slab_buffers * Buffer::capacity, static_cast<std::uint16_t>(id),
                size};
}

// It is the kernel's again, for one of the next reads.
void ProvidedBuffers::give_back(std::byte* memory, std::uint16_t id) noexcept {
  auto* const ring = static_cast<io_uring_buf_ring*>(pages_.address);
  const int mask = ::io_uring_buf_ring_mask(static_cast<unsigned>(entries_));
  const std::lock_guard lock{mutex_};
  ::io_uring_buf_ring_add(ring, memory, Buffer::capacity, id, mask, 0);
  ::io_uring_buf_ring_advance(ring, 1);
}
// [/buffers]

}  // namespace unblock
