/* One copied page of memory: whole, or packed as the bytes in which it differs from another one. See page.c. */
#ifndef GLASSBOX_PAGE_H
#define GLASSBOX_PAGE_H
#include <stdint.h>

enum { PAGE_BYTES = 4096 };

/* A refcounted, immutable copy; the null pointer is a page of zeros. */
typedef struct Page Page;

/* One more reference, or one less; the last one frees it. */
Page *page_take(Page *page);
void page_drop(Page *page);

/* A page with `length` bytes and zeros after them, with one reference for the caller: `old`, which was there before, if it
 * is the same. Else the copy is packed against `old`, or against what that is packed against, where it saves at least half.
 * `*failed` is set when memory is short; `*copied` grows by PAGE_BYTES for a page that nobody had. */
Page *page_capture(Page *old, const uint8_t *bytes, uint64_t length, uint64_t *copied, int *failed);

/* Puts the page at `bytes` unless it is there already, so that what is only read stays clean; bytes written. */
uint64_t page_restore(const Page *page, uint8_t *bytes, uint64_t length);

/* Bytes `inside` … `inside + length` of the page; they are inside. */
void page_read(const Page *page, uint64_t inside, uint64_t length, uint8_t *out);

/* One holder's share of the page's memory: of what n hold, 1/n. */
double page_share(const Page *page);
#endif
