/* One pass over the columns of a batch: no step is looked at in Python. */
#include "scan.h"

#include <stddef.h>
#include <string.h>

static int row_is_wanted(const Pattern *p, uint32_t where) {
  return p->rows == NULL || (where < p->row_count && (p->rows[where / 64] >> (where % 64) & 1));
}

static int frame_is_wanted(const Pattern *p, uint32_t thread, uint32_t depth) {
  switch (p->frame) {
    case SCAN_FRAME_UP_TO: return thread == p->thread && depth <= p->depth;
    case SCAN_FRAME_ELSEWHERE: return thread != p->thread;
    default: return 1;
  }
}

static int step_is_wanted(const TraceBatch *b, uint32_t i, const Pattern *p) {
  uint64_t tick = b->first_tick + i;
  return tick >= p->first && tick <= p->last && (p->flags == 0 || (b->flags[i] & p->flags)) &&
         row_is_wanted(p, b->where[i]) && frame_is_wanted(p, b->thread[i], b->depth[i]);
}

static uint32_t bytes_of(uint8_t tag) {
  return tag == TAG_BITS64 ? 8 : tag == TAG_BITS32 ? 4 : tag == TAG_BITS16 ? 2 : 1;
}

static int key_is_wanted(const TraceBatch *b, uint32_t w, const Pattern *p) {
  if (p->kind == WRITE_MEMORY) return b->w_key[w] < p->key_end && b->w_key[w] + bytes_of(b->w_new_tag[w]) > p->key;
  if (b->w_key_tag[w] != p->key_tag) return 0;
  if (p->key_tag != TAG_STRING) return b->w_key[w] == p->key;
  uint32_t at = (uint32_t)b->w_key[w], length = (uint32_t)(b->w_key[w] >> 32);
  if (p->text_length != SCAN_ANY_LENGTH && length != p->text_length) return 0;
  if (at >= b->text_bytes || b->text[at] < p->text_bytes) return 0;
  return memcmp(b->text + at + 1, p->text, p->text_bytes) == 0;
}

static int write_is_wanted(const TraceBatch *b, uint32_t w, const Pattern *p) {
  if (b->w_kind[w] != p->kind || b->w_owner[w] != p->owner) return 0;
  /* an upvalue is its owner, whatever its number in the closure that runs */
  if (p->kind != WRITE_UPVALUE && !key_is_wanted(b, w, p)) return 0;
  return p->mask == 0 || ((b->w_old[w] ^ b->w_new[w]) & p->mask);
}

/* Where hits are put: the first `capacity` ones, or in a ring the newest ones. */
typedef struct Hits {
  Hit *at;
  uint32_t capacity, seen;
  int newest;
} Hits;

static void put(Hits *hits, uint32_t step, uint32_t write) {
  uint32_t n = hits->seen++;
  if (n >= hits->capacity && !hits->newest) return;
  hits->at[n % hits->capacity] = (Hit){step, write};
}

/* Finds the hits of a batch in order; a step or write that several patterns want is one hit. Answers how many are in
 * `hits`; with `newest` they begin, when more were seen than fit, at `*seen % capacity`. */
uint32_t scan_batch(const TraceBatch *batch, const Pattern *patterns, uint32_t pattern_count, Hit *out,
                    uint32_t capacity, int newest, uint32_t *seen) {
  Hits hits = {out, capacity, 0, newest};
  uint32_t w = 0;
  for (uint32_t i = 0; i < batch->step_count; i++) {
    uint32_t end = w + batch->writes[i];
    for (uint32_t n = 0; n < pattern_count; n++) {
      if (patterns[n].kind == 0 && step_is_wanted(batch, i, &patterns[n])) {
        put(&hits, i, SCAN_NO_WRITE);
        break;
      }
    }
    for (; w < end; w++) {
      for (uint32_t n = 0; n < pattern_count; n++) {
        const Pattern *p = &patterns[n];
        if (p->kind && write_is_wanted(batch, w, p) && step_is_wanted(batch, i, p)) {
          put(&hits, i, w);
          break;
        }
      }
    }
  }
  *seen = hits.seen;
  return hits.seen < capacity ? hits.seen : capacity;
}

/* Adds the batch's steps to buckets of `width` ticks, of which number 0 begins at tick `first`. */
void scan_summary(const TraceBatch *batch, Bucket *buckets, uint32_t count, uint64_t first, uint64_t width) {
  for (uint32_t i = 0; i < batch->step_count; i++) {
    uint64_t tick = batch->first_tick + i;
    if (tick < first || (tick - first) / width >= count) continue;
    Bucket *bucket = &buckets[(tick - first) / width];
    uint32_t depth = batch->depth[i] ? batch->depth[i] : 1;
    if (bucket->high == 0 || depth < bucket->low) bucket->low = depth;
    if (depth > bucket->high) bucket->high = depth;
    bucket->flags |= batch->flags[i];
  }
}

/* 2^32 times the golden ratio: its multiples, cut to 32 bits, are spread evenly and have no period. */
#define SPREAD 0x9E3779B1u

/* Slots twice as wide, in place; answers how many. Of each two the known one, and not always the first. */
uint32_t scan_halve(uint32_t *slots, uint32_t count) {
  for (uint32_t n = 0; n < count - count / 2; n++) {
    uint32_t one = slots[2 * n], other = 2 * n + 1 < count ? slots[2 * n + 1] : 0;
    uint32_t liked = n * SPREAD & 0x80000000u ? other : one;
    slots[n] = liked ? liked : one | other;
  }
  return count - count / 2;
}

/* Slot n is of the ticks from first + n * width on: the row + 1 of one of them, if that was executed in this batch. Not of
 * each the same one: a loop whose length divides the width would look like one row. */
void scan_rows(const TraceBatch *batch, uint32_t *slots, uint32_t count, uint64_t first, uint64_t width) {
  uint64_t end = batch->first_tick + batch->step_count;
  uint64_t slot = batch->first_tick < first ? 0 : (batch->first_tick - first) / width;
  for (; slot < count && first + slot * width < end; slot++) {
    uint64_t tick = first + slot * width + (((uint64_t)(uint32_t)(slot * SPREAD) * width) >> 32);
    if (tick >= batch->first_tick && tick < end) slots[slot] = batch->where[tick - batch->first_tick] + 1;
  }
}
