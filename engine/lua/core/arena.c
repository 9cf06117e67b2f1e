/* The arena's allocator.
 *
 * Blocks up to SMALL_MAX bytes come in 64 size classes, 16 bytes apart: a list of free blocks each, filled by carving a
 * shared chunk. Larger ones are taken from the rest of the heap by best fit among segregated lists, with boundary tags
 * so that free neighbours join at once. Nothing depends on anything but the sequence of calls.
 */
#include "arena.h"

#include <string.h>
#include <sys/mman.h>

#define CLASSES (SMALL_MAX / 16 + 1)
#define CHUNK_BYTES 16384
#define GROW_BYTES 65536UL
#define TRIM_BYTES (1UL << 20)
#define BINS 128
#define HEADER 16
#define IN_USE 1UL
#define PREVIOUS_IN_USE 2UL
#define FLAGS (IN_USE | PREVIOUS_IN_USE)
#define MIN_SPAN 64

typedef struct FreeBlock {
  struct FreeBlock *next;
} FreeBlock;

/* A large block. `size` counts the header; `previous_size` is valid while the block before is free. */
typedef struct Span {
  uint64_t previous_size;
  uint64_t size; /* and FLAGS */
  struct Span *next, *previous; /* while free */
} Span;

typedef struct Allocator {
  FreeBlock *small[CLASSES];
  char *chunk, *chunk_end;
  Span *bins[BINS];
  uint64_t bin_map[BINS / 64];
  char *top;      /* first byte above the last span */
  char *heap_end; /* zero bytes from here on */
  char *limit;
} Allocator;

#define A ((Allocator *)ALLOCATOR_BASE)
_Static_assert(sizeof(Allocator) <= 0x1000, "the allocator's state fits its page");

#define span_size(s) ((s)->size & ~FLAGS)
#define span_after(s) ((Span *)((char *)(s) + span_size(s)))
#define block_of(s) ((void *)((char *)(s) + HEADER))
#define span_of(b) ((Span *)((char *)(b)-HEADER))

static size_t span_bytes(size_t size) {
  size_t bytes = (size + HEADER + 15) & ~15UL;
  return bytes < MIN_SPAN ? MIN_SPAN : bytes;
}

/* Four lists for each power of two. */
static unsigned bin_of(size_t bytes) {
  unsigned log = 63 - (unsigned)__builtin_clzl(bytes);
  unsigned bin = (log - 6) * 4 + (unsigned)((bytes >> (log - 2)) & 3);
  return bin < BINS ? bin : BINS - 1;
}

NO_ASAN static void bin_insert(Span *s) {
  unsigned bin = bin_of(span_size(s));
  s->next = A->bins[bin];
  s->previous = NULL;
  if (s->next) s->next->previous = s;
  A->bins[bin] = s;
  A->bin_map[bin / 64] |= 1UL << (bin % 64);
}

NO_ASAN static void bin_remove(Span *s) {
  unsigned bin = bin_of(span_size(s));
  if (s->next) s->next->previous = s->previous;
  if (s->previous)
    s->previous->next = s->next;
  else if (!(A->bins[bin] = s->next))
    A->bin_map[bin / 64] &= ~(1UL << (bin % 64));
}

/* Cut `s` (in use, off the lists) down to `bytes`; the rest becomes free or part of the top. */
NO_ASAN static void span_split(Span *s, size_t bytes) {
  size_t rest = span_size(s) - bytes;
  if (rest < MIN_SPAN) return;
  s->size = bytes | (s->size & FLAGS);
  Span *tail = span_after(s);
  tail->size = rest | PREVIOUS_IN_USE;
  Span *after = span_after(tail);
  if ((char *)after == A->top) {
    A->top = (char *)tail;
    return;
  }
  if (!(after->size & IN_USE)) {
    bin_remove(after);
    tail->size += span_size(after);
    after = span_after(tail);
  }
  after->previous_size = span_size(tail);
  after->size &= ~PREVIOUS_IN_USE;
  bin_insert(tail);
}

static int top_grow(size_t bytes) {
  if (bytes <= (size_t)(A->heap_end - A->top)) return 1;
  size_t more = (bytes - (size_t)(A->heap_end - A->top) + GROW_BYTES - 1) & ~(GROW_BYTES - 1);
  if (more > (size_t)(A->limit - A->heap_end)) return 0;
  A->heap_end += more;
  return 1;
}

/* The smallest sufficient span of the first list that has one. */
NO_ASAN static Span *bin_find(size_t bytes) {
  unsigned bin = bin_of(bytes);
  Span *best = NULL;
  for (Span *s = A->bins[bin]; s; s = s->next)
    if (span_size(s) >= bytes && (!best || span_size(s) < span_size(best))) best = s;
  if (best) return best;
  for (unsigned word = ++bin / 64; word < BINS / 64; word++) {
    uint64_t map = A->bin_map[word];
    if (word == bin / 64) map &= ~0UL << (bin % 64);
    if (map) return A->bins[word * 64 + (unsigned)__builtin_ctzl(map)];
  }
  return NULL;
}

NO_ASAN static void *large_alloc(size_t size) {
  if (size > (size_t)(A->limit - (char *)BLOCKS_BASE)) return NULL;
  size_t bytes = span_bytes(size);
  Span *s = bin_find(bytes);
  if (s) {
    bin_remove(s);
    s->size |= IN_USE;
    span_after(s)->size |= PREVIOUS_IN_USE;
    span_split(s, bytes);
  } else {
    if (!top_grow(bytes)) return NULL;
    s = (Span *)A->top;
    A->top += bytes;
    s->size = bytes | IN_USE | PREVIOUS_IN_USE; /* what is free before the top was joined with it */
  }
  UNPOISON(block_of(s), size);
  return block_of(s);
}

NO_ASAN static void large_free(void *block) {
  Span *s = span_of(block);
  POISON(block, span_size(s) - HEADER);
  if (!(s->size & PREVIOUS_IN_USE)) {
    Span *before = (Span *)((char *)s - s->previous_size);
    bin_remove(before);
    before->size += span_size(s);
    s = before;
  }
  s->size &= ~IN_USE;
  Span *after = span_after(s);
  if ((char *)after == A->top) {
    A->top = (char *)s;
    return;
  }
  if (!(after->size & IN_USE)) {
    bin_remove(after);
    s->size += span_size(after);
    after = span_after(s);
  }
  after->previous_size = span_size(s);
  after->size &= ~PREVIOUS_IN_USE;
  bin_insert(s);
}

/* 1 when `block` now has room for `size` bytes where it is. */
NO_ASAN static int large_resize(void *block, size_t size) {
  Span *s = span_of(block);
  size_t bytes = span_bytes(size);
  if (bytes > span_size(s)) {
    Span *after = span_after(s);
    if ((char *)after == A->top) {
      size_t more = bytes - span_size(s);
      if (!top_grow(more)) return 0;
      A->top += more;
      s->size += more;
    } else if (!(after->size & IN_USE) && span_size(s) + span_size(after) >= bytes) {
      bin_remove(after);
      s->size += span_size(after);
      span_after(s)->size |= PREVIOUS_IN_USE;
    } else
      return 0;
  }
  span_split(s, bytes);
  POISON(block, span_size(s) - HEADER);
  UNPOISON(block, size);
  return 1;
}

/* No free block of the class: carve one from the chunk. What is left of an old chunk goes to its class's list. */
NO_ASAN static void *small_carve(size_t bytes) {
  if ((size_t)(A->chunk_end - A->chunk) < bytes) {
    size_t rest = (size_t)(A->chunk_end - A->chunk);
    char *fresh = large_alloc(CHUNK_BYTES - HEADER);
    if (!fresh) return NULL;
    POISON(fresh, CHUNK_BYTES - HEADER);
    if (rest) {
      FreeBlock *left = (FreeBlock *)A->chunk;
      left->next = A->small[rest / 16];
      A->small[rest / 16] = left;
    }
    A->chunk = fresh;
    A->chunk_end = fresh + (CHUNK_BYTES - HEADER);
  }
  void *block = A->chunk;
  A->chunk += bytes;
  return block;
}

NO_ASAN void *arena_alloc(size_t size) {
  if (size > SMALL_MAX) return large_alloc(size);
  size_t class = (size + 15) / 16;
  FreeBlock *block = A->small[class];
  if (__builtin_expect(block != NULL, 1))
    A->small[class] = block->next;
  else if (!(block = small_carve(class * 16)))
    return NULL;
  UNPOISON(block, size);
  return block;
}

NO_ASAN void arena_free(void *block, size_t size) {
  if (size > SMALL_MAX) {
    large_free(block);
    return;
  }
  size_t class = (size + 15) / 16;
  ((FreeBlock *)block)->next = A->small[class];
  A->small[class] = (FreeBlock *)block;
  POISON(block, class * 16);
}

void *arena_resize(void *block, size_t old_size, size_t size) {
  if (old_size <= SMALL_MAX) {
    if (size <= SMALL_MAX && (size + 15) / 16 == (old_size + 15) / 16) {
      UNPOISON(block, size);
      return block;
    }
  } else if (size > SMALL_MAX && large_resize(block, size))
    return block;
  void *fresh = arena_alloc(size);
  if (!fresh) return NULL;
  memcpy(fresh, block, old_size < size ? old_size : size);
  arena_free(block, old_size);
  return fresh;
}

void arena_init(char *limit) {
  A->top = (char *)BLOCKS_BASE;
  A->heap_end = A->top;
  A->limit = limit;
}

char *arena_heap_end(void) { return A->heap_end; }

void arena_trim(void) {
  size_t spare = (size_t)(A->heap_end - A->top);
  if (spare < TRIM_BYTES) return;
  char *keep = A->top + ((spare / 2) & ~(GROW_BYTES - 1));
  keep = (char *)(((uintptr_t)keep + GROW_BYTES - 1) & ~(GROW_BYTES - 1));
  /* SAFETY: nothing lives above `top`; the pages of a private anonymous mapping read as zero afterwards. */
  madvise(keep, (size_t)(A->heap_end - keep), MADV_DONTNEED);
  A->heap_end = keep;
}

void arena_forget_poison(void) {
  UNPOISON((void *)ARENA_BASE, (size_t)(A->heap_end - (char *)ARENA_BASE));
}
