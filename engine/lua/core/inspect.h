/* What the machine looks like, as the JSON text of view() and inspect() (docs/views.md).
 *
 * Every function makes `m` the resident machine. The text stays valid until the next call of any of them; NULL means
 * that the host is short of memory. cffi reads the part between the two markers as part of its cdef. */
#ifndef LUA_INSPECT_H
#define LUA_INSPECT_H
#include "core.h"

/* cdef begins */
/* `names[id]` is the name of function number id, already fit to stand between JSON quotes; `last` and `next` are the
 * rows of the last and the next instruction, -1 for none. */
const char *inspect_view(Machine *m, const char *const *names, uint32_t name_count, int64_t last, int64_t next,
                         size_t *size);
/* A table's slots `offset` to `offset + limit` (array part first, then the hash part in order); "null" if there is no
 * such table. `id` as in the view. The three others likewise: a closure, an upvalue, a coroutine with its frames. */
const char *inspect_table(Machine *m, const char *const *names, uint32_t name_count, uint32_t id, uint32_t offset,
                          uint32_t limit, size_t *size);
const char *inspect_function(Machine *m, const char *const *names, uint32_t name_count, uint32_t id, size_t *size);
const char *inspect_upvalue(Machine *m, const char *const *names, uint32_t name_count, uint32_t id, size_t *size);
const char *inspect_thread(Machine *m, const char *const *names, uint32_t name_count, uint32_t id, uint32_t first,
                           size_t *size);
enum InspectKind { INSPECT_TABLE, INSPECT_FUNCTION, INSPECT_UPVALUE, INSPECT_THREAD };
/* The heap around an object of this InspectKind as nodes and edges: what it refers to from reference number `offset` on,
 * `depth` references far and at most `limit` nodes, and at most `referrers` references to it. "null" if there is none. */
const char *inspect_graph(Machine *m, const char *const *names, uint32_t name_count, int kind, uint32_t id, uint32_t depth,
                          uint32_t offset, uint32_t limit, uint32_t referrers, size_t *size);
/* Number that the next function to be loaded gets; functions are numbered from 0. */
uint32_t inspect_next_function(Machine *m);
/* The functions of number `first` and above that are in memory, as data for engine.lua.proto.Proto. */
const char *inspect_functions(Machine *m, uint32_t first, size_t *size);
/* The machine was restored or is about to go: forget what was worked out about its functions. */
void inspect_forget(Machine *m);
/* cdef ends */

#endif
