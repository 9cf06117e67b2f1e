/* The arena: one address range, the same in every process, that holds everything a machine is.
 *
 *   ARENA_BASE     Control: what the run in progress needs (not part of the digest)
 *   NATIVE_BASE    the VM's native C stack, growing down from NATIVE_TOP
 *   HEAP_BASE      Global, then blocks up to `heap_end`
 *
 * Only one machine at a time lives there; the others are parked elsewhere (machine_activate moves the mapping).
 */
#ifndef LUA_ARENA_H
#define LUA_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define ARENA_BASE 0x200000000000UL /* free in ordinary processes and under AddressSanitizer */
#define CONTROL_SIZE 0x10000UL
#define NATIVE_BASE (ARENA_BASE + CONTROL_SIZE)
#define NATIVE_SIZE (0x200000UL - CONTROL_SIZE)
#define NATIVE_TOP (NATIVE_BASE + NATIVE_SIZE)
#define HEAP_BASE (ARENA_BASE + 0x200000UL)
#define arena_offset(p) ((uint64_t)(uintptr_t)(p) - ARENA_BASE)

/* A block of `size` bytes, NULL when the arena is exhausted. Blocks have no header: whoever frees says the size. */
void *arena_alloc(size_t size);
void arena_free(void *block, size_t size);
/* Bytes that a block of `size` really takes. */
size_t arena_block_size(size_t size);
/* Set up the empty heap; the Global at HEAP_BASE occupies the first `reserved` bytes. */
void arena_init(size_t reserved);
/* First address above the used part of the heap. */
char *arena_heap_end(void);

#endif
