/* Memory of objects: accounting, the collector, and makers of the objects that have no file of their own. */
#ifndef LUA_GC_H
#define LUA_GC_H

#include "state.h"

/* Bits of `marked`. An object is white (not reached), gray (no colour bit: reached, not looked at) or black. */
enum { WHITE0 = 1 << 3, WHITE1 = 1 << 4, BLACK = 1 << 5, FINALIZED = 1 << 6 };
#define WHITES (WHITE0 | WHITE1)
#define is_white(o) ((o)->marked & WHITES)
#define is_black(o) ((o)->marked & BLACK)
#define is_gray(o) (!((o)->marked & (WHITES | BLACK)))
#define current_white() (G->currentwhite & WHITES)

/* G->gcstop: why the collector does not start by itself. */
enum { GC_STOP_USER = 1, GC_STOP_BUSY = 2, GC_STOP_CLOSING = 4 };

#define total_bytes() (G->total_bytes + G->gc_debt)
#define DEFAULT_PAUSE 200
#define DEFAULT_STEPMUL 100
#define DEFAULT_STEPSIZE 13

/* ---- blocks; sizes are what the program is charged for ---- */
void *mem_alloc(Thread *L, size_t size);                                /* raises the memory error */
void *mem_resize(Thread *L, void *block, size_t old_size, size_t size); /* raises; block may be NULL */
void *mem_try_resize(Thread *L, void *block, size_t old_size, size_t size); /* NULL on failure */
void mem_free(void *block, size_t size);
NORETURN void mem_too_big(Thread *L);
#define mem_array(L, n, type) ((type *)mem_alloc(L, (size_t)(n) * sizeof(type)))
#define mem_free_array(block, n) mem_free((block), (size_t)(n) * sizeof(*(block)))

/* ---- objects ---- */
GCObject *gc_new(Thread *L, int tag, size_t size);
void gc_fix(GCObject *o); /* the newest object is never collected */
void gc_check_finalizer(Thread *L, GCObject *o, Table *metatable);
void gc_full(Thread *L, int emergency);
void gc_step(Thread *L); /* what an allocation debt leads to */
void gc_close(Thread *L); /* the machine ends: call every finalizer */
void gc_threads(void (*visit)(Thread *)); /* every thread that exists */
void gc_set_debt(int64_t debt);
void gc_set_pause(void);
void gc_note_peak(void);
void gc_barrier_(Thread *L, GCObject *from, GCObject *to);
void gc_barrier_back_(Thread *L, GCObject *from);

/* Between allocations whose results are anchored. */
#define gc_check(L)                                                                                                    \
  do {                                                                                                                 \
    if (unlikely(G->gc_debt > 0)) gc_step(L);                                                                          \
  } while (0)

#define gc_barrier(L, from, value)                                                                                     \
  do {                                                                                                                 \
    if (is_collectable(value) && is_black(from) && is_white(gc_of(value)))                                            \
      gc_barrier_(L, as_gc(from), gc_of(value));                                                                       \
  } while (0)
#define gc_barrier_object(L, from, to)                                                                                 \
  do {                                                                                                                 \
    if (is_black(from) && is_white(to)) gc_barrier_(L, as_gc(from), as_gc(to));                                        \
  } while (0)
#define gc_barrier_back(L, from, value)                                                                                \
  do {                                                                                                                 \
    if (is_collectable(value) && is_black(from) && is_white(gc_of(value))) gc_barrier_back_(L, as_gc(from));           \
  } while (0)

/* ---- strings (text.c) ---- */
TString *string_new(Thread *L, const char *bytes, size_t length);
#define string_literal(L, text) string_new(L, "" text, sizeof(text) - 1)
TString *string_from(Thread *L, const char *text);
TString *string_long(Thread *L, size_t length); /* bytes to be filled in by the caller */
uint32_t string_hash(const char *bytes, size_t length, uint32_t seed);
uint32_t string_hash_long(TString *s);
int string_long_equal(const TString *a, const TString *b);
void string_table_resize(Thread *L, uint32_t size);
void string_table_remove(TString *s);
int string_compare(const TString *a, const TString *b); /* <0, 0, >0; byte order */

/* ---- functions, upvalues, userdata (func.c) ---- */
Proto *proto_new(Thread *L);
void proto_free(Proto *p);
size_t proto_bytes(const Proto *p);
LClosure *lclosure_new(Thread *L, int upvalues);
NClosure *nclosure_new(Thread *L, int upvalues);
Userdata *userdata_new(Thread *L, size_t size, int user_values);
UpVal *upvalue_new_closed(Thread *L);
UpVal *func_find_upvalue(Thread *L, StkId slot);
void func_close_upvalues(Thread *L, StkId level);
void upvalue_unlink(UpVal *uv);
void func_new_tbc(Thread *L, StkId slot);
StkId func_close(Thread *L, StkId level, int status, int yieldable_close);
const char *func_local_name(const Proto *p, int number, int pc);

#define lclosure_bytes(n) (offsetof(LClosure, upvals) + sizeof(UpVal *) * (size_t)(n))
#define nclosure_bytes(n) (offsetof(NClosure, upvalue) + sizeof(TValue) * (size_t)(n))
#define userdata_bytes_for(nuv, size) (offsetof(Userdata, uv) + sizeof(TValue) * (size_t)(nuv) + (size))
#define string_bytes(length) (offsetof(TString, bytes) + (length) + 1)

#endif
