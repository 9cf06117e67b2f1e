/* Hook points of the recorder. The kernel calls them; record.c implements the functions (it belongs to the recorder).
 *
 * Only the checked loop calls record_step_begin; the write hooks may be reached from natives, metamethods and the
 * collector in either mode, each behind one test of CTL->recording. `old` and `new` values are passed before the
 * object changes. A step's flags gather in CTL->step_flags between two record_step_begin calls.
 *
 * Stack slots: Lua instructions write the registers that the opcode table names (and calls fill the callee's frame and
 * results): the recorder compares them itself between record_step_begin calls. record_slot reports what that rule does
 * not cover: slots written by debug.setlocal and by upvalue writes (see record_upvalue).
 */
#ifndef LUA_RECORD_H
#define LUA_RECORD_H

#include "state.h"
#include "watch.h"

/* Before the instruction *pc of `ci` executes (pc is not yet counted): finish the step before, begin this one.
 * Answers 1 when the batch has no room for another step: the loop then stops with EXIT_BUDGET *before* it. */
int record_step_begin(Thread *L, CallInfo *ci, const Instruction *pc);
/* The loop stops before *pc (ticks used up, a breakpoint): finish the step before. savedpc is not yet touched: it still
 * says at which instruction `ci` has waited for a call to come back. */
void record_step_end(Thread *L, CallInfo *ci, const Instruction *pc);
/* The loop is about to look whether a debug hook wants to run before *pc; savedpc is not yet touched. */
void record_before_hook(Thread *L, CallInfo *ci, const Instruction *pc);
/* The machine leaves the VM for whatever reason: finish the step in progress as far as it got. Idempotent; called on
 * the host's side. The step goes on after a non-final stop (more of its writes may follow: they belong to the same
 * tick, and are then given to a step entry in the next batch only if a new batch was begun). */
void record_pause(void);
/* A table slot changes: old is V_EMPTY/V_ABSENT when there was none. */
void record_table_write(Thread *L, Table *t, const TValue *key, const TValue *old, const TValue *new_value);
/* A closed or open upvalue gets a value through SETUPVAL, debug.setupvalue: uv->v is still the old one. */
void record_upvalue_write(Thread *L, UpVal *uv, const TValue *new_value);
/* A stack slot of `of` is written from outside its running function (debug.setlocal, lua_xmove targets). */
void record_slot_write(Thread *of, StkId slot, const TValue *new_value);
/* object: Table or Userdata. */
void record_metatable_write(Thread *L, GCObject *object, Table *old, Table *new_value);
/* An upvalue was closed: uv->v already points to its own value. */
void record_upvalue_closed(Thread *L, UpVal *uv);

#define recording() unlikely(CTL->recording)
#define record_flag(bits)                                                                                              \
  do {                                                                                                                 \
    if (recording()) {                                                                                                 \
      CTL->step_flags |= (bits);                                                                                       \
      if (watching()) watch_flag(bits);                                                                                \
    }                                                                                                                  \
  } while (0)
#define record_table(L, t, key, old, new_value)                                                                        \
  do {                                                                                                                 \
    if (recording()) record_table_write(L, t, key, old, new_value);                                                    \
  } while (0)
#define record_upvalue(L, uv, new_value)                                                                               \
  do {                                                                                                                 \
    if (recording()) record_upvalue_write(L, uv, new_value);                                                           \
  } while (0)
#define record_slot(of, slot, new_value)                                                                               \
  do {                                                                                                                 \
    if (recording()) record_slot_write(of, slot, new_value);                                                           \
  } while (0)
#define record_metatable(L, object, old, new_value)                                                                    \
  do {                                                                                                                 \
    if (recording()) record_metatable_write(L, as_gc(object), old, new_value);                                         \
  } while (0)

#endif
