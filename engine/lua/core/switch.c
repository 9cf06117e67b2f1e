/* Native stack switching; see switch.h. */
#include "switch.h"

/* SAFETY: the callee-saved registers are those of the System V ABI (x86-64) and of AAPCS64. The floating-point control
 * words are not saved: neither side changes them. */
#if defined(__x86_64__)
__asm__(
    ".text\n"
    ".globl native_switch\n.hidden native_switch\n.type native_switch,@function\n"
    "native_switch:\n"
    "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  movq %rsp, (%rdi)\n"
    "  movq %rsi, %rsp\n"
    "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
    "  ret\n"
    ".size native_switch,.-native_switch\n"
    ".globl jump_save\n.hidden jump_save\n.type jump_save,@function\n"
    "jump_save:\n"
    "  movq %rbx, 0(%rdi)\n  movq %rbp, 8(%rdi)\n  movq %r12, 16(%rdi)\n  movq %r13, 24(%rdi)\n"
    "  movq %r14, 32(%rdi)\n  movq %r15, 40(%rdi)\n"
    "  leaq 8(%rsp), %rax\n  movq %rax, 48(%rdi)\n"
    "  movq (%rsp), %rax\n  movq %rax, 56(%rdi)\n"
    "  xorl %eax, %eax\n"
    "  ret\n"
    ".size jump_save,.-jump_save\n"
    ".globl jump_restore\n.hidden jump_restore\n.type jump_restore,@function\n"
    "jump_restore:\n"
    "  movq 0(%rdi), %rbx\n  movq 8(%rdi), %rbp\n  movq 16(%rdi), %r12\n  movq 24(%rdi), %r13\n"
    "  movq 32(%rdi), %r14\n  movq 40(%rdi), %r15\n"
    "  movq 48(%rdi), %rsp\n"
    "  movl $1, %eax\n"
    "  jmpq *56(%rdi)\n"
    ".size jump_restore,.-jump_restore\n");

void *native_prepare(void *top, void (*entry)(void)) {
  uint64_t *sp = (uint64_t *)top;
  *--sp = 0; /* where a caller's return address would be: entry starts with the ABI's alignment */
  *--sp = (uint64_t)(uintptr_t)entry;
  for (int i = 0; i < 6; i++) *--sp = 0;
  return sp;
}
#else
__asm__(
    ".text\n"
    ".globl native_switch\n.hidden native_switch\n.type native_switch,%function\n"
    "native_switch:\n"
    "  sub sp, sp, #160\n"
    "  stp x19, x20, [sp, #0]\n  stp x21, x22, [sp, #16]\n  stp x23, x24, [sp, #32]\n  stp x25, x26, [sp, #48]\n"
    "  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n"
    "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
    "  mov x9, sp\n  str x9, [x0]\n"
    "  mov sp, x1\n"
    "  ldp x19, x20, [sp, #0]\n  ldp x21, x22, [sp, #16]\n  ldp x23, x24, [sp, #32]\n  ldp x25, x26, [sp, #48]\n"
    "  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
    "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
    "  add sp, sp, #160\n"
    "  ret\n"
    ".size native_switch,.-native_switch\n"
    ".globl jump_save\n.hidden jump_save\n.type jump_save,%function\n"
    "jump_save:\n"
    "  stp x19, x20, [x0, #0]\n  stp x21, x22, [x0, #16]\n  stp x23, x24, [x0, #32]\n  stp x25, x26, [x0, #48]\n"
    "  stp x27, x28, [x0, #64]\n  stp x29, x30, [x0, #80]\n"
    "  mov x9, sp\n  str x9, [x0, #96]\n"
    "  stp d8, d9, [x0, #104]\n  stp d10, d11, [x0, #120]\n  stp d12, d13, [x0, #136]\n  stp d14, d15, [x0, #152]\n"
    "  mov w0, #0\n"
    "  ret\n"
    ".size jump_save,.-jump_save\n"
    ".globl jump_restore\n.hidden jump_restore\n.type jump_restore,%function\n"
    "jump_restore:\n"
    "  ldp x19, x20, [x0, #0]\n  ldp x21, x22, [x0, #16]\n  ldp x23, x24, [x0, #32]\n  ldp x25, x26, [x0, #48]\n"
    "  ldp x27, x28, [x0, #64]\n  ldp x29, x30, [x0, #80]\n"
    "  ldr x9, [x0, #96]\n  mov sp, x9\n"
    "  ldp d8, d9, [x0, #104]\n  ldp d10, d11, [x0, #120]\n  ldp d12, d13, [x0, #136]\n  ldp d14, d15, [x0, #152]\n"
    "  mov w0, #1\n"
    "  ret\n"
    ".size jump_restore,.-jump_restore\n");

void *native_prepare(void *top, void (*entry)(void)) {
  uint64_t *sp = (uint64_t *)top - 20;
  for (int i = 0; i < 20; i++) sp[i] = 0;
  sp[11] = (uint64_t)(uintptr_t)entry; /* x30 */
  return sp;
}
#endif
