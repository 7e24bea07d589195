#pragma once

// A system call without libc: the instruction itself, with its registers (syscall(2), "Architecture
// calling conventions"). The kernel returns a result, or -errno; there is no errno variable on its
// side.

namespace unblock {

#if defined(__x86_64__)

// Number in RAX, arguments in RDI RSI RDX (R10 R8 R9 for more), result in RAX.
// The instruction itself overwrites RCX (return address) and R11 (flags).
inline long raw_syscall(long number, long first, long second, long third) {
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(first), "S"(second), "d"(third)
               : "rcx", "r11", "memory");
  return result;
}
inline constexpr const char* raw_syscall_registers =
    "number in RAX, arguments in RDI RSI RDX R10 R8 R9, instruction `syscall`, result in RAX";

#elif defined(__aarch64__)

// Number in X8, arguments in X0 to X5, result in X0.
inline long raw_syscall(long number, long first, long second, long third) {
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = first;
  register long x1 asm("x1") = second;
  register long x2 asm("x2") = third;
  asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
}
inline constexpr const char* raw_syscall_registers =
    "number in X8, arguments in X0 to X5, instruction `svc #0`, result in X0";

#else
#error "Unblock knows the system calls of x86-64 and aarch64"
#endif

}  // namespace unblock
