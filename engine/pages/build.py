"""How the page image core is built (see engine/cbuild.py)."""

from __future__ import annotations

from engine.cbuild import CModule

CDEF = """
typedef struct PageImage PageImage;
PageImage *pages_capture(const uint64_t *addresses, const uint64_t *lengths, size_t count, const PageImage *previous);
uint64_t pages_restore(const PageImage *image, const uint64_t *addresses, const uint64_t *lengths, size_t count);
size_t pages_region_count(const PageImage *image);
uint64_t pages_region_length(const PageImage *image, size_t region);
void pages_read(const PageImage *image, size_t region, uint64_t offset, uint64_t length, uint8_t *out);
uint64_t pages_size(const PageImage *image);
uint64_t pages_copied(const PageImage *image);
void pages_free(PageImage *image);
"""

CMODULE = CModule(
    name="engine.pages._pages",
    cdef=CDEF,
    prelude='#include "pages.h"',
    sources=("pages.c", "page.c"),
    headers=("pages.h", "page.h"),
)
