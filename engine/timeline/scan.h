/* Looks through recorded steps for those that somebody asked for. See scan.py; the columns are described in
 * engine/trace.py. */
#ifndef GLASSBOX_SCAN_H
#define GLASSBOX_SCAN_H
#include "trace_columns.h"

#define SCAN_NO_WRITE UINT32_MAX
#define SCAN_TEXT_BYTES 60
#define SCAN_ANY_LENGTH UINT32_MAX

/* cdef begins */
/* One wish. A step, or with `kind` a write, is a hit when it meets everything that is set. */
typedef struct Pattern {
  uint64_t first, last;     /* ticks */
  const uint64_t *rows;     /* NULL, or a bit for each wanted row */
  uint64_t key, key_end;    /* MEMORY: addresses, end exclusive, to touch; else key alone */
  uint64_t mask;            /* not 0: only writes that change one of these bits */
  uint32_t row_count;       /* bits in `rows` */
  uint32_t flags;           /* not 0: any of these StepFlag bits */
  uint32_t frame;           /* SCAN_FRAME_x */
  uint32_t thread, depth;   /* for `frame` */
  uint32_t kind, owner;     /* WriteKind, 0: the step itself is the hit */
  uint32_t key_tag;
  uint32_t text_length;     /* key_tag STRING: its true length, or SCAN_ANY_LENGTH */
  uint32_t text_bytes;      /* how many of its first bytes are in `text` */
  uint8_t text[64];
} Pattern;

enum { SCAN_FRAME_ANY = 0, SCAN_FRAME_UP_TO = 1, SCAN_FRAME_ELSEWHERE = 2 };

typedef struct Hit {
  uint32_t step, write; /* entries of the batch; write SCAN_NO_WRITE: none */
} Hit;

/* What a stretch of a run looked like. */
typedef struct Bucket {
  uint32_t low, high; /* call depth; high 0: nothing is known */
  uint32_t flags;     /* StepFlag bits of all its steps */
} Bucket;

uint32_t scan_batch(const TraceBatch *batch, const Pattern *patterns, uint32_t pattern_count, Hit *hits,
                    uint32_t capacity, int newest, uint32_t *seen);
void scan_summary(const TraceBatch *batch, Bucket *buckets, uint32_t count, uint64_t first, uint64_t width);
uint32_t scan_halve(uint32_t *slots, uint32_t count);
void scan_rows(const TraceBatch *batch, uint32_t *slots, uint32_t count, uint64_t first, uint64_t width);
/* cdef ends */

#endif
