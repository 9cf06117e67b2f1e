/* Pages, whole and packed.
 *
 * A heap that is alive changes a little in nearly every page between two checkpoints: the collector's marks, a counter
 * in each object, pointers to what was allocated again in another order. So a page may be packed: a bit for each of its 512
 * words, set where the word differs from the base's; then each of those words, as one of
 *
 *   0xF8 + n           it differs, as a number, by as much as the n-th of the eight words before whose difference was new
 *   mask, bytes        a bit for each of its bytes that differs, and those; mask below 0xF8
 *   0, mask, bytes     the same with any mask
 *
 * The base is a whole page or zeros, never packed itself, so to unpack is one copy and one pass over what differs. Byte
 * order: little-endian, as on every processor that the machines run on.
 */
#include "page.h"

#include <stdlib.h>
#include <string.h>

enum {
  WORDS = PAGE_BYTES / 8,
  BITMAP_BYTES = WORDS / 8,
  WORD_MAX = 10,
  RECENT = 8,
  REPEATED = 0x100 - RECENT,
  PACKED_MAX = PAGE_BYTES / 2,
  SPARSE_MAX = PAGE_BYTES / 8 /* against zeros: a page with more in it is a better base for what it becomes */
};

struct Page {
  uint32_t refs;
  uint32_t packed; /* bytes of a packed page; 0: whole */
  Page *base;      /* of a packed page; NULL = zeros */
  uint8_t bytes[] __attribute__((aligned(16)));
};

Page *page_take(Page *page) {
  if (page) __atomic_add_fetch(&page->refs, 1, __ATOMIC_RELAXED);
  return page;
}

void page_drop(Page *page) {
  while (page && __atomic_sub_fetch(&page->refs, 1, __ATOMIC_ACQ_REL) == 0) {
    Page *base = page->base;
    free(page);
    page = base;
  }
}

/* Looks at 128 bytes at a time, so that a page that is not zero is usually left after the first look. */
static int is_zero(const uint8_t *bytes, uint64_t length) {
  uint64_t i = 0;
  for (; i + 128 <= length; i += 128) {
    uint64_t words[16], any = 0;
    memcpy(words, bytes + i, sizeof words);
    for (int k = 0; k < 16; k++) any |= words[k];
    if (any) return 0;
  }
  for (; i < length; i++)
    if (bytes[i]) return 0;
  return 1;
}

static uint64_t word_at(const uint8_t *bytes, int word) {
  uint64_t value;
  memcpy(&value, bytes + 8 * word, sizeof value);
  return value;
}

/* Bit i is set where byte i of the word is not zero. */
static uint8_t bytes_set(uint64_t word) {
  const uint64_t low = 0x7F7F7F7F7F7F7F7FULL;
  uint64_t high = (((word & low) + low) | word) & ~low;
  return (uint8_t)(((high >> 7) * 0x0102040810204080ULL) >> 56);
}

/* The differences of the last words, in the order in which they came round. */
typedef struct Recent {
  uint64_t at[RECENT];
  unsigned next;
} Recent;

static void remember(Recent *recent, uint64_t difference) { recent->at[recent->next++ % RECENT] = difference; }

/* Packs a page's bytes into `out`; the size, or 0 if that does not save enough. */
static uint32_t pack(const Page *base, const uint8_t *bytes, uint8_t out[PACKED_MAX]) {
  memset(out, 0, BITMAP_BYTES);
  uint32_t size = BITMAP_BYTES, most = base ? PACKED_MAX : SPARSE_MAX;
  Recent recent = {{0}, 0};
  for (int w = 0; w < WORDS; w++) {
    uint64_t now = word_at(bytes, w), was = base ? word_at(base->bytes, w) : 0;
    if (now == was) continue;
    if (size > most - WORD_MAX) return 0;
    out[w / 8] |= (uint8_t)(1 << w % 8);
    int n = 0;
    while (n < RECENT && recent.at[n] != now - was) n++;
    if (n < RECENT) {
      out[size++] = (uint8_t)(REPEATED + n);
      continue;
    }
    remember(&recent, now - was);
    uint8_t mask = bytes_set(now ^ was);
    if (mask >= REPEATED) out[size++] = 0;
    out[size++] = mask;
    for (unsigned rest = mask; rest; rest &= rest - 1) out[size++] = (uint8_t)(now >> 8 * __builtin_ctz(rest));
  }
  return size;
}

/* One packed word, in its place in `word`; answers where the next one begins. */
static const uint8_t *unpack_word(const uint8_t *from, uint8_t *word, Recent *recent) {
  uint64_t was = word_at(word, 0);
  unsigned mask = *from++;
  if (mask >= REPEATED) {
    uint64_t now = was + recent->at[mask - REPEATED];
    memcpy(word, &now, sizeof now);
    return from;
  }
  if (mask == 0) mask = *from++;
  for (; mask; mask &= mask - 1) word[__builtin_ctz(mask)] = *from++;
  remember(recent, word_at(word, 0) - was);
  return from;
}

/* The content of `page`, which is not NULL: its own bytes, or unpacked into `room`. */
static const uint8_t *content(const Page *page, uint8_t room[PAGE_BYTES]) {
  if (!page->packed) return page->bytes;
  if (page->base)
    memcpy(room, page->base->bytes, PAGE_BYTES);
  else
    memset(room, 0, PAGE_BYTES);
  const uint8_t *from = page->bytes + BITMAP_BYTES;
  Recent recent = {{0}, 0};
  for (int group = 0; group < WORDS / 64; group++) {
    for (uint64_t bits = word_at(page->bytes, group); bits; bits &= bits - 1)
      from = unpack_word(from, room + 8 * (64 * group + __builtin_ctzll(bits)), &recent);
  }
  return room;
}

static Page *new_page(Page *base, const uint8_t *bytes, uint32_t size, uint32_t packed, int *failed) {
  Page *page = malloc(sizeof *page + size);
  if (!page) {
    *failed = 1;
    return NULL;
  }
  page->refs = 1;
  page->packed = packed;
  page->base = page_take(base);
  memcpy(page->bytes, bytes, size);
  return page;
}

Page *page_capture(Page *old, const uint8_t *bytes, uint64_t length, uint64_t *copied, int *failed) {
  if (is_zero(bytes, length)) return NULL;
  uint8_t padded[PAGE_BYTES], packed[PACKED_MAX];
  if (length < PAGE_BYTES) {
    memcpy(padded, bytes, length);
    memset(padded + length, 0, PAGE_BYTES - length);
    bytes = padded;
  }
  if (old && !old->packed && memcmp(old->bytes, bytes, PAGE_BYTES) == 0) return page_take(old);
  Page *base = old && old->packed ? old->base : old;
  uint32_t size = pack(base, bytes, packed);
  if (old && size && size == old->packed && memcmp(old->bytes, packed, size) == 0) return page_take(old);
  if (base && size == BITMAP_BYTES) return page_take(base); /* it is the base again */
  *copied += PAGE_BYTES;
  if (size) return new_page(base, packed, size, size, failed);
  return new_page(NULL, bytes, PAGE_BYTES, 0, failed);
}

uint64_t page_restore(const Page *page, uint8_t *bytes, uint64_t length) {
  if (!page) {
    if (is_zero(bytes, length)) return 0;
    memset(bytes, 0, length);
    return length;
  }
  uint8_t room[PAGE_BYTES];
  const uint8_t *its = content(page, room);
  if (memcmp(its, bytes, length) == 0) return 0;
  memcpy(bytes, its, length);
  return length;
}

void page_read(const Page *page, uint64_t inside, uint64_t length, uint8_t *out) {
  uint8_t room[PAGE_BYTES];
  if (page)
    memcpy(out, content(page, room) + inside, length);
  else
    memset(out, 0, length);
}

double page_share(const Page *page) {
  if (!page) return 0;
  double bytes = (double)sizeof *page + (page->packed ? page->packed : PAGE_BYTES);
  if (page->base) bytes += page_share(page->base);
  return bytes / __atomic_load_n(&page->refs, __ATOMIC_RELAXED);
}
