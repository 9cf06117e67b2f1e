/* The arena: one address range, the same in every process, that holds everything a machine is.
 *
 *   ARENA_BASE     Control: what the run in progress needs (not part of the digest)
 *   NATIVE_BASE    the VM's native C stack, growing down from NATIVE_TOP
 *   HEAP_BASE      Global, then the allocator's own state, then blocks up to arena_heap_end()
 *
 * Only one machine at a time lives there; the others are parked elsewhere (machine_activate moves the mapping).
 * Above arena_heap_end() every byte is zero, always: a restored machine therefore finds there what a machine that never
 * went further would find.
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
#define ALLOCATOR_BASE (HEAP_BASE + 0x1000UL)
#define BLOCKS_BASE (HEAP_BASE + 0x10000UL)
#define arena_offset(p) ((uint64_t)(uintptr_t)(p)-ARENA_BASE)

#define SMALL_MAX 1024

/* A block of `size` bytes, NULL when the arena is exhausted. Blocks are 16-byte aligned; whoever frees says the size. */
void *arena_alloc(size_t size);
void arena_free(void *block, size_t size);
/* Changes a block's size, in place if possible; NULL (and the block untouched) when the arena is exhausted. */
void *arena_resize(void *block, size_t old_size, size_t size);
/* Set up the empty heap in a zeroed mapping that ends at `limit`. */
void arena_init(char *limit);
/* First address above the used part of the heap; a multiple of the page size. */
char *arena_heap_end(void);
/* Give free memory at the top back to the operating system. */
void arena_trim(void);
/* AddressSanitizer's picture of the used heap and native stack starts anew (after a restore or a change of machine). */
void arena_forget_poison(void);

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#define NO_ASAN __attribute__((no_sanitize_address))
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#define NO_ASAN
#endif

#endif
