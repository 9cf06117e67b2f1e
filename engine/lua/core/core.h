/* The Lua VM as its host (Python, through cffi) sees it. Every function takes the opaque host handle and makes its
 * machine the resident one first. Nothing here is thread-safe: one thread of the host drives all machines.
 *
 * cffi reads the part between the two markers as its cdef. */
#ifndef LUA_CORE_H
#define LUA_CORE_H
#include <stddef.h>
#include <stdint.h>
#include "trace_columns.h"

/* cdef begins */
typedef struct Machine Machine;

/* NULL when the address range or the memory is not to be had. The libraries are open, no program is loaded. */
Machine *machine_new(uint64_t memory_limit, uint64_t output_limit);
void machine_free(Machine *m);
/* Map this machine at its address (all calls here do it themselves). 0, or errno. */
int machine_activate(Machine *m);

/* Undump the main program (a 5.4 binary chunk). 0, or 1 with the message in machine_request(0). Arguments for `...`
 * and the table `arg` are set with machine_argument before (in order; name "" for a positional one). */
int machine_load(Machine *m, const char *chunk, size_t size, const char *chunk_name);
int machine_argument(Machine *m, int number, const char *bytes, size_t size); /* number 0 = script name, 1.. = ... */

/* Execute until an EXIT_* reason; budget in ticks. `breakpoints` = 1 stops before instructions with a breakpoint, the
 * first one excepted; 2 also before the first one (to go on after an exit in the middle of an instruction). `trace` may
 * be NULL; with it every step is recorded (record.c). */
int machine_run(Machine *m, uint64_t budget, int breakpoints, TraceBatch *trace);

#define WATCH_ANY_LENGTH 0xFFFFFFFF
/* What runs without a trace look for, and what they have noted (watch.h): a stack slot and one thing of an object; or
 * steps with one of some flags, of some rows, or of the outermost frames of a thread. */
typedef struct Watch {
  int64_t slot;
  uint64_t key;
  uint64_t after;              /* steps up to this tick are not asked for: one of them may still be in progress */
  uint64_t *ticks;             /* the steps noted, ascending: the first `capacity` ones; with `newest` a ring of the last */
  uint64_t last, count;        /* the last step noted; how many were */
  const uint64_t *rows;        /* one bit per `where` */
  uint32_t row_count;          /* bits in it; 0: no rows */
  uint32_t flags;              /* STEP_* bits; 0: none */
  uint32_t capacity, newest;
  uint32_t has_frame, frame_thread, frame_depth; /* that thread, at most so deep; depth 0: any other thread */
  uint32_t thread;             /* whose slot; 0: none */
  uint32_t kind, owner;        /* WriteKind of the object's write, 0: none; whose identity */
  uint32_t key_tag;            /* FIELD: the ValueTag of its key */
  uint32_t text_length;        /* key_tag STRING: its true length, or WATCH_ANY_LENGTH */
  uint32_t text_bytes;         /* how many of its first bytes are in `text` */
  uint32_t is_blind;           /* 1: the run could not be watched, the notes say nothing */
  uint8_t text[64];
} Watch;
/* Watch the following runs that have no trace; NULL: no more. It must stay alive until then. */
void machine_watch(Machine *m, Watch *watch);
uint64_t machine_tick(Machine *m);
int64_t machine_where(Machine *m); /* listing row of the next instruction, -1 when the program is over or not begun */
uint32_t machine_depth(Machine *m);
/* What an exit is about: COMPILE: 0 chunk name, 1 source; JOURNAL: 0 channel; FAULT: 0 message, 1 traceback;
 * LIMIT: 0 name of the limit, 1 message. Valid until the next call that runs or restores. */
const char *machine_request(Machine *m, int index, size_t *size);
/* The COMPILE that it asks for is about the beginning of a text: can that still become a chunk? */
int machine_compile_partial(Machine *m);
int machine_compile_levels(Machine *m); /* levels of nesting that the program uses already */
/* `kind`: a COMPILE_*. The host's bytes (chunk or message) must stay alive until the next machine_run returns. */
void machine_answer_compile(Machine *m, const char *bytes, size_t size, int kind);
void machine_answer_journal(Machine *m, const char *bytes, size_t size);
uint64_t machine_journal_count(Machine *m); /* entries consumed so far: the number of the one it asks for */

/* Output since the last drain: records of {u64 tick, u32 stream, u32 size, bytes padded to 8}. */
size_t machine_output_pending(Machine *m, const uint8_t **bytes);
void machine_output_clear(Machine *m);

/* One bit per `where`; the bytes are copied. */
void machine_set_breakpoints(Machine *m, const uint64_t *bits, uint32_t count);
void machine_set_work_budget(Machine *m, int64_t bytes);
void machine_set_stress(Machine *m, int on); /* test switch: a full collection at every allocation */

/* The state as address ranges, for a page image: [2i] = address, [2i+1] = length; answers the number of ranges (<= 4).
 * Restore: machine_restore_begin(new heap length), copy the ranges in, machine_restore_end. */
int machine_ranges(Machine *m, uint64_t out[8]);
void machine_restore_begin(Machine *m, const uint64_t ranges[8], int count);
void machine_restore_end(Machine *m);
void machine_digest(Machine *m, uint64_t out[2]);

/* Put a value of ValueTag `kind` (NIL to STRING; `bits` for numbers, the bytes for a string) into a register in use or an
 * upvalue. 0; 1: there is no such register or upvalue, or it may not be changed; 2: memory is short. */
int machine_edit_slot(Machine *m, uint32_t thread, uint64_t slot, int kind, uint64_t bits, const char *bytes, size_t size);
int machine_edit_upvalue(Machine *m, uint32_t id, int kind, uint64_t bits, const char *bytes, size_t size);

/* Sizes for the view and --stats. */
uint64_t machine_bytes(Machine *m);
uint64_t machine_peak_bytes(Machine *m);
uint64_t machine_collections(Machine *m);
uint64_t machine_objects(Machine *m);
uint32_t machine_native_count(void);
const char *machine_native_name(uint32_t number);

/* The registers of a function that have a value before each of its `count` instructions (assigned.h), four words a row:
 * bit r of the 256. open[pc]: the register from which on everything up to the top has one, else 255. Needs no machine.
 * 0: memory is short. `slots`: at most 255. */
int function_registers(const uint32_t *code, int count, int params, int slots, uint64_t *rows, uint8_t *open);
/* cdef ends */

#endif
