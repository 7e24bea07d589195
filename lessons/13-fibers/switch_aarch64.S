// Leaves one flow of control for another, on aarch64 (AAPCS64).
//
//   extern "C" void unblock_switch(void** from, void* to) noexcept;
//   extern "C" void unblock_switch_lean(void** from, void* to) noexcept;
//                                              x0         x1
//
// They save what a function must hand back unchanged to its caller (the ABI's callee-saved
// registers; of d8 to d15 the lower 64 bits), store the stack pointer in *from, take the stack
// pointer `to`, and restore from there. They return in the other flow of control, where that one
// once called the same function. What is not in the frame is the caller's to save, and the compiler
// has done so: this is a function call.
//
//   A frame, from the stack pointer upwards (the stack pointer is always a multiple of 16):
//
//     offset | 0   | 8      | 16       | 24                   | 32  | 40  | 48  | 56  | 64  | 72  |
//     -------+-----+--------+----------+----------------------+-----+-----+-----+-----+-----+-----+
//     holds  |FPCR | unused | x29 (FP) | x30 (return address) | x19 | x20 | x21 | x22 | x23 | x24 |
//
//     offset | 80  | 88  | 96  | 104 | 112 | 120 | 128 | 136 | 144 | 152 | 160 | 168 |
//     -------+-----+-----+-----+-----+-----+-----+-----+-----+-----+-----+-----+-----+
//     holds  | x25 | x26 | x27 | x28 | d8  | d9  | d10 | d11 | d12 | d13 | d14 | d15 |
//
// FPCR (rounding, traps, flush to zero) is compared and written only where it differs: a write
// stalls the CPU. FPSR holds sticky exception flags, which are the caller's. The lean switch leaves
// FPCR as it is: for flows of control that share one setting.
//
// Branch target identification: `bti c` admits an indirect call, and the way out is `ret`, which may
// land anywhere; so the note at the end may say that this file keeps the rule. On a CPU without it
// `bti` does nothing. Pointer authentication: the callers sign their return addresses with their own
// stack pointers, which they find unchanged.

        .macro  SAVE first, second, offset
        stp     \first, \second, [sp, #\offset]
        .cfi_offset \first, \offset - 176
        .cfi_offset \second, \offset - 168
        .endm

        .macro  RESTORE first, second, offset
        ldp     \first, \second, [sp, #\offset]
        .cfi_restore \first
        .cfi_restore \second
        .endm

        .macro  SWITCH name, keep_control_words
        .globl  \name
        .hidden \name
        .type   \name, %function
        .p2align 4
\name:
        .cfi_startproc
        hint    #34                     // bti c
        sub     sp, sp, #176
        .cfi_def_cfa_offset 176
        SAVE    x29, x30, 16
        SAVE    x19, x20, 32
        SAVE    x21, x22, 48
        SAVE    x23, x24, 64
        SAVE    x25, x26, 80
        SAVE    x27, x28, 96
        SAVE    d8, d9, 112
        SAVE    d10, d11, 128
        SAVE    d12, d13, 144
        SAVE    d14, d15, 160
        .if \keep_control_words
        mrs     x9, fpcr
        str     x9, [sp, #0]
        .endif
        mov     x10, sp
        str     x10, [x0]

        mov     sp, x1                  // from here on we stand on the other stack

        .if \keep_control_words
        ldr     x10, [sp, #0]
        cmp     x9, x10
        b.eq    1f
        msr     fpcr, x10
1:
        .endif
        RESTORE x29, x30, 16
        RESTORE x19, x20, 32
        RESTORE x21, x22, 48
        RESTORE x23, x24, 64
        RESTORE x25, x26, 80
        RESTORE x27, x28, 96
        RESTORE d8, d9, 112
        RESTORE d10, d11, 128
        RESTORE d12, d13, 144
        RESTORE d14, d15, 160
        add     sp, sp, #176
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   \name, . - \name
        .endm

        .text
        SWITCH  unblock_switch, 1
        SWITCH  unblock_switch_lean, 0

// Where a new fiber begins: its first frame names this place as the return address, the function to
// call in x19, its argument in x20, and 0 in x29. The caller's place is declared unknown (undefined
// x30), which tells debuggers and the C++ unwinder that this is the top of the stack.
        .globl  unblock_fiber_start
        .hidden unblock_fiber_start
        .type   unblock_fiber_start, %function
        .p2align 4
        .cfi_startproc
        .cfi_undefined x30
        nop                             // unwinders look up a return address less one
unblock_fiber_start:
        mov     x0, x20
        blr     x19
        brk     #1000                   // it must not return: there is nowhere to return to
        .cfi_endproc
        .size   unblock_fiber_start, . - unblock_fiber_start

        .section .note.gnu.property, "a", %note   // this file keeps the rule of BTI
        .p2align 3
        .word   4                       // length of the name
        .word   16                      // length of what follows it
        .word   5                       // NT_GNU_PROPERTY_TYPE_0
        .asciz  "GNU"
        .word   0xc0000000              // GNU_PROPERTY_AARCH64_FEATURE_1_AND
        .word   4
        .word   1                       // bit 0: BTI
        .word   0

        .section .note.GNU-stack, "", %progbits   // stacks need not be executable
