/* Watching: a run that records nothing and only notes the ticks of the steps that may have written to one thing. It
 * answers "who wrote this last" for a long stretch at nearly the speed of a bare run; what it noted is then recorded
 * (record.c) and looked at. So it may note a step too many, and must never miss one that the recorder would show.
 *
 * Steps with flags come here through record_flag, wherever something happens that has one; rows are compared by the third
 * variant of the loop, too.
 *
 * Objects (table fields, upvalues, metatables) come here through the recorder's hooks. A stack slot is looked for by the
 * third variant of the loop (vm_loop.h, LOOP_WATCHED), instruction by instruction, and where values are moved by
 * somebody else: results, parameters, the rest of an instruction whose callee yielded.
 */
#ifndef LUA_WATCH_H
#define LUA_WATCH_H

#include "core.h"
#include "opcodes_gen.h"
#include "state.h"

/* No instruction's register is so far from its base. */
#define WATCH_NOWHERE (INT64_MIN / 4)

/* A run begins that notes in `watch`. */
void watch_begin(Watch *watch);
/* The run cannot be watched (debug hooks run in it): say so in the watch, and note nothing more. */
void watch_give_up(void);
/* The step in progress has written what is looked for; `left` as the loop that runs has it. */
void watch_note(int64_t left);
/* A step has one of these flags. */
void watch_flag(uint32_t bits);
/* A frame goes on at `pc`, perhaps for the first time: then the step before has called it. */
void watch_entry(const LClosure *cl, const Instruction *pc, int64_t left);
/* Is the frame one of the outermost ones whose steps are looked for? */
int watch_is_outer(const Thread *L, const CallInfo *ci);
/* The machine has left the VM: its last step may have ended the program. */
void watch_pause(void);
/* The instruction `i` of a frame has written its register A, or waits to do so, and that is the slot looked for. */
void watch_register(Instruction i, int64_t left);
/* A frame goes on at `pc`: the instruction before may only now be complete. */
void watch_waiting(const Thread *L, const CallInfo *ci, const Instruction *pc, int64_t left);
/* `count` results of the frame above `caller` lie at `to`; an iterator's first one is also the loop's variable. */
void watch_results(const Thread *L, const CallInfo *caller, const TValue *to, ptrdiff_t count);
/* `count` slots from `first` on were written by somebody who is no instruction of their frame. */
void watch_slots(const Thread *L, const TValue *first, ptrdiff_t count);
/* An object is written to; kind: a WriteKind. */
void watch_object(int kind, uint32_t owner, const TValue *key);

/* Where the slot looked for is, counted from `base`; WATCH_NOWHERE in another thread. */
static inline int64_t watch_distance(const Thread *L, const TValue *base) {
  return L->id == CTL->watch_thread ? CTL->watch_slot - (base - L->stack) : WATCH_NOWHERE;
}

#define watching() unlikely(CTL->recording == RECORD_WATCH)
#define note_results(L, caller, to, count)                                                                             \
  do {                                                                                                                 \
    if (watching()) watch_results(L, caller, to, count);                                                               \
  } while (0)
#define note_slots(L, first, count)                                                                                    \
  do {                                                                                                                 \
    if (watching()) watch_slots(L, first, count);                                                                      \
  } while (0)

#endif
