/* Page images: copies of memory ranges, made page by page, that share what did not change; what changed a little is
 * packed against what it was (page.c).
 *
 * An image has a table of chunks per range; a chunk is a table of CHUNK_PAGES pages. Both are refcounted and never
 * change once an image is complete, so a range of which nothing changed costs one pointer per chunk. A page of zeros
 * is the null pointer, and so is a chunk of such pages: untouched memory costs nothing at all.
 *
 * Refcounts are atomic, because cffi releases the interpreter lock around each call: images may be dropped in one
 * thread while another captures.
 */
#include "pages.h"

#include <stdlib.h>

#include "page.h"

enum { CHUNK_PAGES = 64, CHUNK_BYTES = PAGE_BYTES * CHUNK_PAGES };

typedef struct Chunk {
  uint32_t refs;
  Page *pages[CHUNK_PAGES]; /* NULL = zeros */
} Chunk;

typedef struct Region {
  uint64_t length;
  size_t chunk_count;
  Chunk **chunks; /* NULL entry = zeros */
} Region;

struct PageImage {
  size_t region_count;
  uint64_t copied;
  Region regions[];
};

static void take(uint32_t *refs) { __atomic_add_fetch(refs, 1, __ATOMIC_RELAXED); }

static int drop_is_last(uint32_t *refs) { return __atomic_sub_fetch(refs, 1, __ATOMIC_ACQ_REL) == 0; }

static void chunk_drop(Chunk *chunk) {
  if (!chunk || !drop_is_last(&chunk->refs)) return;
  for (int i = 0; i < CHUNK_PAGES; i++) page_drop(chunk->pages[i]);
  free(chunk);
}

static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* One chunk of up to CHUNK_BYTES bytes, with one reference for the caller; `old` itself when nothing changed. */
static Chunk *chunk_capture(const uint8_t *bytes, uint64_t length, Chunk *old, uint64_t *copied, int *failed) {
  Chunk *chunk = calloc(1, sizeof *chunk);
  if (!chunk) {
    *failed = 1;
    return NULL;
  }
  chunk->refs = 1;
  int same = 1;
  for (int i = 0; i < CHUNK_PAGES && !*failed; i++) {
    uint64_t begin = (uint64_t)i * PAGE_BYTES;
    Page *before = old ? old->pages[i] : NULL;
    if (begin < length)
      chunk->pages[i] = page_capture(before, bytes + begin, smaller(PAGE_BYTES, length - begin), copied, failed);
    same = same && chunk->pages[i] == before;
  }
  if (!same && !*failed) return chunk;
  chunk_drop(chunk);
  if (*failed) return NULL;
  if (old) take(&old->refs);
  return old;
}

PageImage *pages_capture(const uint64_t *addresses, const uint64_t *lengths, size_t count, const PageImage *previous) {
  PageImage *image = calloc(1, sizeof *image + count * sizeof(Region));
  if (!image) return NULL;
  image->region_count = count;
  int failed = 0;
  for (size_t r = 0; r < count && !failed; r++) {
    Region *region = &image->regions[r];
    const Region *old = previous && r < previous->region_count ? &previous->regions[r] : NULL;
    size_t chunks = (size_t)((lengths[r] + CHUNK_BYTES - 1) / CHUNK_BYTES);
    region->chunks = calloc(chunks ? chunks : 1, sizeof(Chunk *));
    if (!region->chunks) {
      failed = 1;
      break;
    }
    region->length = lengths[r];
    region->chunk_count = chunks;
    /* SAFETY: the caller says that [address, address + length) is readable memory of this process and that nothing
     * writes to it during the call; no byte outside of it is read. */
    const uint8_t *bytes = (const uint8_t *)(uintptr_t)addresses[r];
    for (size_t c = 0; c < chunks && !failed; c++) {
      uint64_t begin = (uint64_t)c * CHUNK_BYTES;
      Chunk *lent = old && c < old->chunk_count ? old->chunks[c] : NULL;
      uint64_t part = smaller(CHUNK_BYTES, lengths[r] - begin);
      region->chunks[c] = chunk_capture(bytes + begin, part, lent, &image->copied, &failed);
    }
  }
  if (failed) {
    pages_free(image);
    return NULL;
  }
  return image;
}

uint64_t pages_restore(const PageImage *image, const uint64_t *addresses, const uint64_t *lengths, size_t count) {
  uint64_t written = 0;
  for (size_t r = 0; r < count; r++) {
    const Region *region = &image->regions[r];
    /* SAFETY: the caller says that [address, address + length) is writable memory of this process that nothing else
     * uses during the call; no byte outside of it is touched. Behind the image's own length it becomes zeros. */
    uint8_t *bytes = (uint8_t *)(uintptr_t)addresses[r];
    for (uint64_t begin = 0; begin < lengths[r]; begin += PAGE_BYTES) {
      size_t c = (size_t)(begin / CHUNK_BYTES);
      const Chunk *chunk = c < region->chunk_count ? region->chunks[c] : NULL;
      const Page *page = chunk ? chunk->pages[begin % CHUNK_BYTES / PAGE_BYTES] : NULL;
      written += page_restore(page, bytes + begin, smaller(PAGE_BYTES, lengths[r] - begin));
    }
  }
  return written;
}

size_t pages_region_count(const PageImage *image) { return image->region_count; }

uint64_t pages_region_length(const PageImage *image, size_t region) { return image->regions[region].length; }

void pages_read(const PageImage *image, size_t region, uint64_t offset, uint64_t length, uint8_t *out) {
  while (length) {
    const Chunk *chunk = image->regions[region].chunks[offset / CHUNK_BYTES];
    const Page *page = chunk ? chunk->pages[offset % CHUNK_BYTES / PAGE_BYTES] : NULL;
    uint64_t inside = offset % PAGE_BYTES, part = smaller(PAGE_BYTES - inside, length);
    page_read(page, inside, part, out);
    offset += part;
    out += part;
    length -= part;
  }
}

uint64_t pages_size(const PageImage *image) {
  double total = (double)(sizeof *image + image->region_count * sizeof(Region));
  for (size_t r = 0; r < image->region_count; r++) {
    const Region *region = &image->regions[r];
    total += (double)(region->chunk_count * sizeof(Chunk *));
    for (size_t c = 0; c < region->chunk_count; c++) {
      Chunk *chunk = region->chunks[c];
      if (!chunk) continue;
      double bytes = sizeof *chunk;
      for (int i = 0; i < CHUNK_PAGES; i++) bytes += page_share(chunk->pages[i]);
      total += bytes / __atomic_load_n(&chunk->refs, __ATOMIC_RELAXED);
    }
  }
  return (uint64_t)total;
}

uint64_t pages_copied(const PageImage *image) { return image->copied; }

void pages_free(PageImage *image) {
  if (!image) return;
  for (size_t r = 0; r < image->region_count; r++) {
    Region *region = &image->regions[r];
    for (size_t c = 0; region->chunks && c < region->chunk_count; c++) chunk_drop(region->chunks[c]);
    free(region->chunks);
  }
  free(image);
}
