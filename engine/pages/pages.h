/* Page images: refcounted copies of memory ranges that share equal pages. See pages.c. */
#ifndef GLASSBOX_PAGES_H
#define GLASSBOX_PAGES_H
#include <stddef.h>
#include <stdint.h>

typedef struct PageImage PageImage;

/* A copy of `count` ranges; NULL when memory is short. `previous` (may be NULL) lends the pages that are equal. */
PageImage *pages_capture(const uint64_t *addresses, const uint64_t *lengths, size_t count, const PageImage *previous);

/* Writes the image back; the caller has checked the lengths. Answers the number of bytes written. */
uint64_t pages_restore(const PageImage *image, const uint64_t *addresses, const uint64_t *lengths, size_t count);

/* Number of ranges, the length of one, and one byte of the copy's content. */
size_t pages_region_count(const PageImage *image);
uint64_t pages_region_length(const PageImage *image, size_t region);
void pages_read(const PageImage *image, size_t region, uint64_t offset, uint64_t length, uint8_t *out);

/* The image's share of the memory that images hold: a page that n images share counts 1/n for each of them. */
uint64_t pages_size(const PageImage *image);

/* Bytes that this capture had to copy because `previous` did not have them. */
uint64_t pages_copied(const PageImage *image);

void pages_free(PageImage *image);
#endif
