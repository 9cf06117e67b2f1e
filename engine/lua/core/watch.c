/* Watching; see watch.h. Tested against the recorder, step by step, in tests/lua_machine/test_watch.py. */
#include "watch.h"

#include <string.h>

#include "vm.h"

static const uint8_t MODES[] = {OPCODE_MODES};

void watch_begin(Watch *watch) {
  CTL->watch = watch;
  CTL->watch_thread = watch->thread;
  CTL->watch_slot = watch->slot;
  CTL->watch_rows = watch->rows;
  CTL->watch_row_count = watch->row_count;
  CTL->watch_has_frame = watch->has_frame;
}

void watch_give_up(void) {
  CTL->watch->is_blind = 1;
  CTL->recording = RECORD_NOTHING;
}

void watch_note(int64_t left) {
  Watch *watch = CTL->watch;
  uint64_t tick = CTL->tick_end - (uint64_t)left;
  if (tick <= watch->after || tick == watch->last) return;
  if (watch->count < watch->capacity || watch->newest) watch->ticks[watch->count % watch->capacity] = tick;
  watch->count++;
  watch->last = tick;
}

/* ---- steps ---- */

void watch_flag(uint32_t bits) {
  if (CTL->watch->flags & bits) watch_note(CTL->left[CTL->mode]);
}

void watch_entry(const LClosure *cl, const Instruction *pc, int64_t left) {
  if (pc == cl->p->code && (CTL->watch->flags & STEP_CALL)) watch_note(left);
}

int watch_is_outer(const Thread *L, const CallInfo *ci) {
  const Watch *watch = CTL->watch;
  if (watch->frame_depth == 0) return L->id != watch->frame_thread;
  if (L->id != watch->frame_thread) return 0;
  const CallInfo *outer = L->base_ci.next;
  for (uint32_t depth = 1; outer && depth <= watch->frame_depth; depth++, outer = outer->next)
    if (outer == ci) return 1;
  return 0;
}

void watch_pause(void) {
  switch (CTL->exit_reason) {
    case EXIT_HALT: watch_flag(STEP_HALT); break;
    case EXIT_FAULT:
    case EXIT_LIMIT: watch_flag(STEP_FAULT); break;
    default: break;
  }
}

/* ---- stack slots ---- */

void watch_register(Instruction i, int64_t left) {
  OpCode op = GET_OPCODE(i);
  if ((MODES[op] & OPMODE_SETS_A) || op == OP_TESTSET) watch_note(left);
}

void watch_waiting(const Thread *L, const CallInfo *ci, const Instruction *pc, int64_t left) {
  const Proto *p = ci_closure(ci)->p;
  ptrdiff_t done = pc - p->code;
  int64_t distance = watch_distance(L, ci->func + 1);
  if (done < 1 || distance < 0) return;
  Instruction i = pc[-1];
  OpCode op = GET_OPCODE(i);
  if (op == OP_MMBIN || op == OP_MMBINI || op == OP_MMBINK) {
    if (done >= 2 && GETARG_A(pc[-2]) == distance) watch_note(left);
  } else if (GETARG_A(i) == distance) {
    watch_register(i, left);
  }
}

void watch_slots(const Thread *L, const TValue *first, ptrdiff_t count) {
  int64_t distance = watch_distance(L, first);
  if (distance >= 0 && distance < count) watch_note(CTL->left[CTL->mode]);
}

void watch_results(const Thread *L, const CallInfo *caller, const TValue *to, ptrdiff_t count) {
  watch_slots(L, to, count);
  /* TFORCALL's results are at A+4; TFORLOOP, which has no tick of its own, copies the first one to A+2. */
  if (watch_distance(L, to) == -2 && ci_is_lua(caller) && GET_OPCODE(caller->u.l.savedpc[-1]) == OP_TFORCALL)
    watch_note(CTL->left[CTL->mode]);
}

/* ---- objects ---- */

static int key_is_wanted(const Watch *w, const TValue *key) {
  switch (w->key_tag) {
    case TAG_TRUE: return key->tag == V_TRUE;
    case TAG_FALSE: return key->tag == V_FALSE;
    case TAG_INTEGER: return is_integer(key) && key->v.bits == w->key;
    case TAG_FLOAT: return is_float(key) && key->v.bits == w->key;
    case TAG_STRING: {
      if (!is_string(key)) return 0;
      const TString *s = string_of(key);
      size_t length = string_length(s);
      if (w->text_length != WATCH_ANY_LENGTH && length != w->text_length) return 0;
      return length >= w->text_bytes && memcmp(s->bytes, w->text, w->text_bytes) == 0;
    }
    case TAG_TABLE: return is_table(key) && table_of(key)->id == w->key;
    case TAG_FUNCTION: return key->tag == V_LCLOSURE && lclosure_of(key)->id == w->key;
    default: return is_collectable(key) || key->tag == V_NATIVE || key->tag == V_LIGHT; /* seldom: look closer later */
  }
}

void watch_object(int kind, uint32_t owner, const TValue *key) {
  const Watch *w = CTL->watch;
  if (owner != w->owner || (uint32_t)kind != w->kind) return;
  if (kind == WRITE_FIELD && !key_is_wanted(w, key)) return;
  watch_note(CTL->left[CTL->mode]);
}
