/* Two small pieces of assembly: changing the native stack, and a setjmp that keeps plain registers.
 *
 * glibc's setjmp mangles pointers and its swapcontext makes system calls; these do neither.
 */
#ifndef LUA_SWITCH_H
#define LUA_SWITCH_H

#include <stdint.h>

/* Save the callee-saved registers on this stack and its pointer in *from, go on with the stack `to`. */
void native_switch(void **from, void *to);
/* A stack pointer for native_switch: `entry` runs on the stack that ends at `top` and must never return. */
void *native_prepare(void *top, void (*entry)(void));

#if defined(__x86_64__)
typedef struct JumpBuffer {
  uint64_t registers[8];
} JumpBuffer;
#elif defined(__aarch64__)
typedef struct JumpBuffer {
  uint64_t registers[22];
} JumpBuffer;
#else
#error "the Lua VM knows the stacks of x86-64 and AArch64"
#endif

/* 0 when it saves; 1 when jump_restore comes back. */
int jump_save(JumpBuffer *buffer) __attribute__((returns_twice));
void jump_restore(const JumpBuffer *buffer) __attribute__((noreturn));
/* The saved stack pointer. */
#if defined(__x86_64__)
#define jump_stack(buffer) ((buffer)->registers[6])
#else
#define jump_stack(buffer) ((buffer)->registers[12])
#endif

#endif
