// Leaves one flow of control for another, on x86-64 (System V ABI).
//
//   extern "C" void unblock_switch(void** from, void* to) noexcept;
//   extern "C" void unblock_switch_lean(void** from, void* to) noexcept;
//                                              %rdi       %rsi
//
// They save what a function must hand back unchanged to its caller (the ABI's callee-saved
// registers), store the stack pointer in *from, take the stack pointer `to`, and restore from
// there. They return in the other flow of control, where that one once called the same function.
// What is not in the frame is the caller's to save, and the compiler has done so: this is a
// function call.
//
//   A frame, from the stack pointer upwards:
//
//     offset | 0     | 4       | 6      | 8   | 16  | 24  | 32  | 40  | 48  | 56             |
//     -------+-------+---------+--------+-----+-----+-----+-----+-----+-----+----------------+
//     size   | 4     | 2       | 2      | 8   | 8   | 8   | 8   | 8   | 8   | 8              |
//     holds  | MXCSR | x87 CW  | unused | r12 | r13 | r14 | r15 | rbx | rbp | return address |
//
// The ABI counts the control words (rounding, precision, masked exceptions) among the callee-saved
// registers. The lean switch leaves them, and the first eight bytes of the frame, out: for flows of
// control that share one setting. Reading MXCSR takes longer than all the rest on some CPUs.
//
// Two departures from the obvious, both for speed:
// - It ends in `pop; jmp` and not in `ret`. The CPU predicts a `ret` by the `call` that came last,
//   which is not where this one goes: every switch would be predicted wrong. A jump is predicted by
//   where it went the last times.
// - Loading the x87 control word stalls some CPUs, and nearly always it would load what is there
//   already. So it is compared first. (For MXCSR that does not pay: a load of what STMXCSR has just
//   stored waits longer than LDMXCSR takes.)
//
// Control-flow enforcement (CET): the jump to a return address has no ENDBR64 to land on and leaves
// the shadow stack out of step. So this file carries no .note.gnu.property; the linker then marks
// the whole program as not made for it, and it is not switched on.

        .macro  SAVE register
        pushq   \register
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset \register, 0
        .endm

        .macro  RESTORE register
        popq    \register
        .cfi_adjust_cfa_offset -8
        .cfi_restore \register
        .endm

        .macro  SWITCH name, keep_control_words
        .globl  \name
        .hidden \name
        .type   \name, @function
        .p2align 4
\name:
        .cfi_startproc
// [switch]
        SAVE    %rbp
        SAVE    %rbx
        SAVE    %r15
        SAVE    %r14
        SAVE    %r13
        SAVE    %r12
        .if \keep_control_words
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        stmxcsr (%rsp)
        fnstcw  4(%rsp)
        movzwl  4(%rsp), %eax
        .endif
        movq    %rsp, (%rdi)

        movq    %rsi, %rsp              // from here on we stand on the other stack

        .if \keep_control_words
        ldmxcsr (%rsp)
        cmpw    4(%rsp), %ax
        je      1f
        fldcw   4(%rsp)
1:
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        .endif
        RESTORE %r12
        RESTORE %r13
        RESTORE %r14
        RESTORE %r15
        RESTORE %rbx
        RESTORE %rbp
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rcx
        jmpq    *%rcx
// [/switch]
        .cfi_endproc
        .size   \name, . - \name
        .endm

        .text
        SWITCH  unblock_switch, 1
        SWITCH  unblock_switch_lean, 0

// Where a new fiber begins: its first frame names this place as the return address, the function to
// call in r12, its argument in r13, and 0 in rbp. The caller's place is declared unknown (undefined
// rip), which tells debuggers and the C++ unwinder that this is the top of the stack.
        .globl  unblock_fiber_start
        .hidden unblock_fiber_start
        .type   unblock_fiber_start, @function
        .p2align 4
        .cfi_startproc
        .cfi_undefined %rip
        nop                             // unwinders look up a return address less one
unblock_fiber_start:
        movq    %r13, %rdi
        callq   *%r12
        ud2                             // it must not return: there is nowhere to return to
        .cfi_endproc
        .size   unblock_fiber_start, . - unblock_fiber_start

        .section .note.GNU-stack, "", @progbits   // stacks need not be executable
