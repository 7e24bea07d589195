#include "context.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include "core/errors.hpp"

namespace unblock::fibers {
namespace {

std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

#if UNBLOCK_OWN_SWITCH
// The frame that unblock_switch restores from, made by hand for the first switch; the tables stand
// in the assembly.
#if defined(__x86_64__)
struct Frame {
  std::uint32_t mxcsr;
  std::uint16_t x87_control;
  std::uint16_t unused;
  void* r12;  // unblock_fiber_start calls what is here
  void* r13;  // with this argument
  void* r14;
  void* r15;
  void* rbx;
  void* rbp;
  void* return_address;
  void* top[2];  // what a caller would have left: a zero return address, and alignment
};
constexpr std::size_t lean_frame_begins = 8;  // it has no control words
static_assert(offsetof(Frame, return_address) == 56 && sizeof(Frame) % 16 == 0);

Frame first_frame(void (*function)(void*) noexcept, void* argument) noexcept {
  Frame frame{};
  asm volatile("stmxcsr %0" : "=m"(frame.mxcsr));
  asm volatile("fnstcw %0" : "=m"(frame.x87_control));
  frame.r12 = reinterpret_cast<void*>(function);
  frame.r13 = argument;
  frame.return_address = reinterpret_cast<void*>(&unblock_fiber_start);
  return frame;
}
#elif defined(__aarch64__)
struct Frame {
  std::uint64_t fpcr;
  std::uint64_t unused;
  void* x29;
  void* x30;
  void* x19;  // unblock_fiber_start calls what is here
  void* x20;  // with this argument
  void* x21_to_x28[8];
  std::uint64_t d8_to_d15[8];
  void* top[2];  // a frame record of zeros: the end of the chain of frame pointers
};
constexpr std::size_t lean_frame_begins = 0;
static_assert(offsetof(Frame, x30) == 24 && offsetof(Frame, d8_to_d15) == 112);

Frame first_frame(void (*function)(void*) noexcept, void* argument) noexcept {
  Frame frame{};
  asm volatile("mrs %0, fpcr" : "=r"(frame.fpcr));
  frame.x19 = reinterpret_cast<void*>(function);
  frame.x20 = argument;
  frame.x30 = reinterpret_cast<void*>(&unblock_fiber_start);
  return frame;
}
#endif
#endif

}  // namespace

Stack::Stack(std::size_t bytes) {
  const std::size_t page = page_size();
  bytes_ = (bytes + page - 1) / page * page + page;
  // MAP_NORESERVE: most of it is never touched. MAP_STACK keeps huge pages away (mmap(2)).
  void* mapping = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (mapping == MAP_FAILED) throw_errno("mmap");
  mapping_ = static_cast<std::byte*>(mapping);
  if (::mprotect(mapping_, page, PROT_NONE) < 0) {
    const int error = errno;
    ::munmap(mapping_, bytes_);
    errno = error;
    throw_errno("mprotect");
  }
}

Stack::Stack(Stack&& other) noexcept
    : mapping_{std::exchange(other.mapping_, nullptr)}, bytes_{std::exchange(other.bytes_, 0)} {}

Stack& Stack::operator=(Stack&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Stack::~Stack() {
  if (mapping_ != nullptr) ::munmap(mapping_, bytes_);
}

std::byte* Stack::bottom() const noexcept { return mapping_ + page_size(); }

std::size_t Stack::size() const noexcept { return bytes_ - page_size(); }

bool Stack::guards(const void* address) const noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const auto start = reinterpret_cast<std::uintptr_t>(mapping_);
  return at >= start && at < start + page_size();
}

std::size_t Stack::resident_bytes() const {
  std::vector<unsigned char> pages(size() / page_size());
  check("mincore", ::mincore(bottom(), size(), pages.data()));
  std::size_t resident = 0;
  for (const unsigned char page : pages) resident += page & 1U;
  return resident * page_size();
}

Context::Context(SwitchKind kind) : kind_{UNBLOCK_OWN_SWITCH ? kind : SwitchKind::ucontext} {
  if (kind_ == SwitchKind::ucontext) portable_ = std::make_unique<ucontext_t>();
}

void Context::prepare(const Stack& stack, std::byte* top, Entry entry, void* argument) noexcept {
  entry_ = entry;
  argument_ = argument;
  sanitizer_.prepare(stack.bottom(), stack.size());
#if UNBLOCK_OWN_SWITCH
  if (kind_ != SwitchKind::ucontext) {
    // Both machines want the stack pointer to be a multiple of 16 at a call.
    const auto aligned = reinterpret_cast<std::uintptr_t>(top) & ~std::uintptr_t{15};
    std::byte* const at = reinterpret_cast<std::byte*>(aligned) - sizeof(Frame);
    new (at) Frame{first_frame(&Context::start, this)};
    stack_pointer_ = at + (kind_ == SwitchKind::lean ? lean_frame_begins : 0);
    return;
  }
#endif
  ::getcontext(portable_.get());
  portable_->uc_stack.ss_sp = stack.bottom();
  portable_->uc_stack.ss_size = static_cast<std::size_t>(top - stack.bottom());
  portable_->uc_link = nullptr;
  // makecontext(3) hands over arguments of type int: a pointer takes two.
  const auto self = std::uint64_t{reinterpret_cast<std::uintptr_t>(this)};
  ::makecontext(portable_.get(), reinterpret_cast<void (*)()>(&Context::start_portable), 2,
                static_cast<unsigned>(self >> 32U), static_cast<unsigned>(self));
}

void Context::start(void* context) noexcept {
  auto* const self = static_cast<Context*>(context);
  self->sanitizer_.arrive();
  self->entry_(self->argument_);
  std::abort();  // entry returned: there is nowhere to return to
}

void Context::start_portable(unsigned high, unsigned low) noexcept {
  const std::uint64_t self = (std::uint64_t{high} << 32U) | low;
  start(reinterpret_cast<void*>(static_cast<std::uintptr_t>(self)));
}

void Context::leave_for_good(Context& from, Context& to) noexcept {
  from.sanitizer_.leave(to.sanitizer_, true);
  from.jump(to);
  std::abort();  // somebody resumed what had been left for good
}

}  // namespace unblock::fibers
