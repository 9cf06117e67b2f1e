/* The recorder: what every executed step did, as columns of a TraceBatch (engine/trace.py has the meaning).
 *
 * A write belongs to the step during whose tick it happens. So the result of a call to a Lua function is a write of the
 * callee's RETURN, and the register that GETFIELD fills through an __index written in Lua is one of that metamethod's
 * RETURN; a native's results are writes of its CALL unless the native called back into Lua, in which case they belong to
 * the last step that ran before it returned. Between two steps exactly one Lua frame goes on, so it is enough to compare
 * where the last step was with where the next one will be:
 *
 *   same frame        the instruction is complete: its target registers
 *   new activation    its parameters, as far as they are not the arguments that CALL left in place
 *   another frame     the instruction that waited there is complete: its target registers
 *
 * Everything else (table fields, upvalues, metatables, slots written from outside) the kernel reports when it happens.
 * A register that had no value in this activation (assigned.h) has an ABSENT old value; so have the results of a native
 * that called back into Lua, whose arguments are gone by then.
 */
#include "record_parts.h"

#include <string.h>

#include "analyses.h"
#include "opcodes_gen.h"
#include "watch.h"

static const uint8_t MODES[] = {OPCODE_MODES};

int record_take_up(Step *step, TraceBatch *batch) {
  step->paused = 0;
  if (batch->step_count == step->index + 1 && batch->first_tick + step->index == step->tick) return 1;
  step->old_count = 0; /* their texts are in the old batch */
  if (batch->step_count != 0 || current_tick() - step->tick > 1) {
    step->active = 0; /* what ran since was not recorded */
    return 0;
  }
  batch->first_tick = step->tick;
  batch->where[0] = step->where;
  batch->base[0] = step->base;
  batch->thread[0] = step->thread_id;
  batch->depth[0] = (uint16_t)(step->depth < UINT16_MAX ? step->depth : UINT16_MAX);
  batch->flags[0] = 0;
  batch->writes[0] = 0;
  batch->step_count = 1;
  step->index = 0;
  step->first_write = 0;
  memset(step->string, 0, sizeof step->string);
  return 1;
}

/* ---- a step begins ---- */

static const Assigned *analysis(Step *step, const Proto *p) {
  if (unlikely(step->analysed != p)) {
    step->assigned = analyses_get(CTL->host, p);
    step->analysed = p;
  }
  return step->assigned;
}

/* Remember `count` slots from `first` on; those for which `assigned` has no value at `pc` as absent. `assigned` NULL:
 * remember all. Register 0 of the analysis is slot `origin`. */
static void remember(Step *step, TraceBatch *batch, Thread *L, StkId first, int count, const Assigned *assigned, int pc,
                     StkId origin) {
  if (count > MAX_OLD) count = MAX_OLD;
  step->old_first = first - L->stack;
  step->old_count = (uint8_t)(count > 0 ? count : 0);
  for (int n = 0; n < count; n++) {
    const TValue *slot = first + n;
    ptrdiff_t reg = slot - origin;
    int known = reg < 0 || assigned == NULL || (reg < 64 * assigned->words && assigned_has(assigned, pc, (int)reg));
    step->old_tag[n] = known ? tag_of(slot) : TAG_ABSENT;
    step->old[n] = known ? payload(batch, slot) : 0;
  }
}

/* The registers that this instruction may write, as they are before. */
static void remember_targets(Step *step, TraceBatch *batch, Thread *L, CallInfo *ci, const Instruction *pc) {
  StkId base = ci->func + 1;
  Instruction i = *pc;
  StkId ra = base + GETARG_A(i);
  const Assigned *a = step->assigned;
  int at = (int)(pc - step->proto->code);
  int count;
  switch (step->op) {
    case OP_LOADNIL: count = GETARG_B(i) + 1; break;
    case OP_SELF: count = 2; break;
    case OP_FORLOOP:
    case OP_FORPREP: count = 4; break;
    case OP_CALL: { /* function and arguments are what was there before the results */
      count = GETARG_B(i) ? GETARG_B(i) : (int)(L->top - ra);
      remember(step, batch, L, ra, count, NULL, at, base);
      return;
    }
    case OP_TFORPREP:
    case OP_TFORCALL: {
      int skip = step->op == OP_TFORPREP ? GETARG_Bx(i) + 1 : 0;
      ra = base + GETARG_A(pc[skip]);
      remember(step, batch, L, ra + 2, 2 + GETARG_C(pc[skip]), a, at, base);
      return;
    }
    case OP_VARARG: count = GETARG_C(i) ? GETARG_C(i) - 1 : ci->u.l.nextraargs; break;
    case OP_MMBIN:
    case OP_MMBINI:
    case OP_MMBINK:
      ra = base + GETARG_A(pc[-1]);
      count = 1;
      break;
    case OP_TESTSET: count = 1; break;
    case OP_TFORLOOP:
      ra += 2;
      count = 1;
      break;
    default: return;
  }
  remember(step, batch, L, ra, count, a, at, base);
}

/* RETURN: what its results will replace in the caller. */
static void remember_result(Step *step, TraceBatch *batch, Thread *L, CallInfo *ci, const Instruction *pc) {
  CallInfo *caller = ci->previous;
  step->caller_status = caller->callstatus;
  if (caller == &L->base_ci || !ci_is_lua(caller)) return;
  const Instruction *waiting = caller->u.l.savedpc - 1;
  const Proto *p = ci_closure(caller)->p;
  StkId base = caller->func + 1;
  OpCode op = GET_OPCODE(*waiting);
  if (op == OP_CALL) {
    /* the results go over the function and its registers */
    StkId func = base + GETARG_A(*waiting);
    int count = GETARG_C(*waiting) ? GETARG_C(*waiting) - 1 : 16;
    if (ci->func == func) remember(step, batch, L, func, count, step->assigned, (int)(pc - step->proto->code), func + 1);
    else remember(step, batch, L, func, count < 1 ? count : 1, NULL, 0, base); /* vararg: other things moved in between */
  } else if (op == OP_TFORCALL) {
    const Assigned *a = analyses_get(CTL->host, p);
    remember(step, batch, L, base + GETARG_A(*waiting) + 2, 1, a, (int)(waiting - p->code), base);
  } else {
    int is_fallback = MODES[op] & OPMODE_FALLBACK;
    int reg = GETARG_A(is_fallback ? waiting[-1] : *waiting);
    if (is_fallback || (MODES[op] & OPMODE_SETS_A)) {
      const Assigned *a = analyses_get(CTL->host, p);
      remember(step, batch, L, base + reg, 1, a, (int)(waiting - p->code), base);
    }
  }
  step->analysed = NULL; /* asking for the caller's analysis may have pushed ours out */
}

/* Call depth of `ci` in its thread: the frame that the host called has 1. */
static uint32_t depth_of(const Thread *L, const CallInfo *ci) {
  uint32_t depth = 0;
  for (; ci != &L->base_ci; ci = ci->previous) depth++;
  return depth;
}

/* How an instruction's target registers are found: every opcode that is not plain "writes A or nothing". */
static const uint8_t SPECIAL[NUM_OPCODES] = {
    [OP_LOADNIL] = 1,  [OP_SELF] = 1,    [OP_MMBIN] = 1,   [OP_MMBINI] = 1,   [OP_MMBINK] = 1,  [OP_JMP] = 1,
    [OP_EQ] = 1,       [OP_LT] = 1,      [OP_LE] = 1,      [OP_EQK] = 1,      [OP_EQI] = 1,     [OP_LTI] = 1,
    [OP_LEI] = 1,      [OP_GTI] = 1,     [OP_GEI] = 1,     [OP_TEST] = 1,     [OP_TESTSET] = 1, [OP_CALL] = 1,
    [OP_TAILCALL] = 1, [OP_RETURN] = 1,  [OP_RETURN0] = 1, [OP_RETURN1] = 1,  [OP_FORLOOP] = 1, [OP_FORPREP] = 1,
    [OP_TFORPREP] = 1, [OP_TFORCALL] = 1, [OP_TFORLOOP] = 1, [OP_VARARG] = 1, [OP_VARARGPREP] = 1,
};
#define is_jump(op)                                                                                                    \
  ((MODES[op] & OPMODE_TEST) || (op) == OP_JMP || (op) == OP_FORLOOP || (op) == OP_TFORLOOP || (op) == OP_TFORPREP ||    \
   (op) == OP_TFORCALL)
#define is_return(op) ((op) == OP_RETURN || (op) == OP_RETURN0 || (op) == OP_RETURN1)

/* Slots `first` … of `L` were written. */
static void put_slots(Step *step, TraceBatch *batch, Thread *L, StkId first, ptrdiff_t count) {
  for (ptrdiff_t n = 0; n < count; n++) {
    ptrdiff_t slot = first + n - L->stack;
    ptrdiff_t known = slot - step->old_first;
    int is_known = L == step->thread && known >= 0 && known < step->old_count;
    put_slot(batch, L->id, (uint64_t)slot, is_known ? step->old[known] : 0, is_known ? step->old_tag[known] : TAG_ABSENT,
             first + n);
  }
}

static inline void begin(Step *step, TraceBatch *batch, Thread *L, CallInfo *ci, const Instruction *pc) {
  uint32_t n = batch->step_count;
  const Proto *p = ci_closure(ci)->p;
  if (n == 0) {
    batch->first_tick = current_tick();
    memset(step->string, 0, sizeof step->string);
    step->collections = G->collections;
  }
  step->depth = n == 0 || L != step->thread || step->begun_collections != G->collections ? depth_of(L, ci)
                : ci == step->ci                                                       ? step->depth
                : ci->previous == step->ci                                             ? step->depth + 1
                : ci == step->caller                                                   ? step->depth - 1
                                                                                       : depth_of(L, ci);
  step->thread = L;
  step->ci = ci;
  step->caller = ci->previous;
  step->pc = pc;
  step->proto = p;
  step->op = (uint8_t)GET_OPCODE(*pc);
  step->index = n;
  step->tick = batch->first_tick + n;
  step->first_write = batch->write_count;
  step->begun_collections = G->collections;
  step->old_count = 0;
  step->active = 1;
  step->paused = 0;
  step->caller_status = 0;
  CTL->step_flags = 0;
  batch->where[n] = p->where + (uint32_t)(pc - p->code);
  batch->base[n] = (uint32_t)(ci->func + 1 - L->stack);
  batch->thread[n] = L->id;
  batch->depth[n] = (uint16_t)(step->depth < UINT16_MAX ? step->depth : UINT16_MAX);
  batch->step_count = n + 1;
  if (unlikely(step->hook_due)) {
    step->hook_due = 0;
    if (pc == p->code && (ci->previous->callstatus & CALL_HOOKED)) put_slots(step, batch, L, ci->func + 1, p->numparams);
  }
  const Assigned *a = analysis(step, p);
  if (likely(!SPECIAL[step->op])) {
    if (!(MODES[step->op] & OPMODE_SETS_A)) return;
    StkId ra = ci->func + 1 + GETARG_A(*pc);
    int known = a == NULL || !a->fresh[pc - p->code];
    step->old_first = ra - L->stack;
    step->old_count = 1;
    step->old_tag[0] = known ? tag_of(ra) : TAG_ABSENT;
    step->old[0] = known ? payload(batch, ra) : 0;
  } else if (is_return(step->op)) {
    remember_result(step, batch, L, ci, pc);
  } else {
    remember_targets(step, batch, L, ci, pc);
  }
}

/* ---- a step ends ---- */

/* TFORCALL gave its values; when there is a first one, the TFORLOOP behind it has copied it. That one has no tick of its
 * own, except where the iterator had yielded (`is_next`: it is still to come). */
static void put_iteration(Step *step, TraceBatch *batch, Thread *L, StkId ra, int count, int is_next) {
  put_slots(step, batch, L, ra + 4, count);
  if (!is_next && !is_nil(ra + 4)) {
    put_slots(step, batch, L, ra + 2, 1);
    CTL->step_flags |= STEP_JUMP;
  }
}

/* The targets of instruction *at of frame `ci`, which is complete; the frame goes on at `next`. */
static void put_targets(Step *step, TraceBatch *batch, Thread *L, CallInfo *ci, const Instruction *at,
                        const Instruction *next) {
  Instruction i = *at;
  OpCode op = GET_OPCODE(i);
  StkId base = ci->func + 1;
  StkId ra = base + GETARG_A(i);
  switch (op) {
    case OP_LOADNIL: put_slots(step, batch, L, ra, GETARG_B(i) + 1); return;
    case OP_SELF: /* its second register was written before a metamethod could be called */
      put_slots(step, batch, L, ra, step->pc == at ? 2 : 1);
      return;
    case OP_MMBIN:
    case OP_MMBINI:
    case OP_MMBINK: put_slots(step, batch, L, base + GETARG_A(at[-1]), 1); return;
    case OP_CALL: put_slots(step, batch, L, ra, GETARG_C(i) ? GETARG_C(i) - 1 : L->top - ra); return;
    case OP_TAILCALL: /* of a native that yielded: its results, for the RETURN behind */
      put_slots(step, batch, L, ra, L->top - ra);
      return;
    case OP_FORLOOP: /* an integer loop counts the rounds in A+1, a float loop leaves its limit there */
      if (next == at + 1) return;
      put_slots(step, batch, L, ra, is_integer(ra + 2) ? 2 : 1);
      put_slots(step, batch, L, ra + 3, 1);
      CTL->step_flags |= STEP_JUMP;
      return;
    case OP_FORPREP:
      if (next == at + 1) put_slots(step, batch, L, ra, 4);
      else CTL->step_flags |= STEP_JUMP;
      return;
    case OP_TFORPREP: {
      const Instruction *call = at + 1 + GETARG_Bx(i);
      put_iteration(step, batch, L, base + GETARG_A(*call), GETARG_C(*call), 0);
      CTL->step_flags |= STEP_JUMP;
      return;
    }
    case OP_TFORCALL: put_iteration(step, batch, L, ra, GETARG_C(i), next == at + 1); return;
    case OP_TFORLOOP:
      if (next == at + 1) return;
      put_slots(step, batch, L, ra + 2, 1);
      CTL->step_flags |= STEP_JUMP;
      return;
    case OP_VARARG: put_slots(step, batch, L, ra, GETARG_C(i) ? GETARG_C(i) - 1 : L->top - ra); return;
    case OP_VARARGPREP: put_slots(step, batch, L, base, ci_closure(ci)->p->numparams); return;
    case OP_JMP: CTL->step_flags |= STEP_JUMP; return;
    default: break;
  }
  if (MODES[op] & OPMODE_TEST) {
    if (next == at + 2) return;
    if (op == OP_TESTSET) put_slots(step, batch, L, ra, 1);
    CTL->step_flags |= STEP_JUMP;
  } else if (MODES[op] & OPMODE_SETS_A) {
    put_slots(step, batch, L, ra, 1);
  }
}

/* Frame `ci` has just been entered: its parameters. Those that CALL left in place as arguments are no writes. */
static void put_parameters(Step *step, TraceBatch *batch, Thread *L, CallInfo *ci) {
  StkId base = ci->func + 1;
  int in_place = 0;
  if (step->op == OP_CALL && L == step->thread && ci->previous == step->ci && step->old_count > 0) {
    if (step->old_tag[0] == TAG_FUNCTION && step->old[0] == ci_closure(ci)->id) in_place = step->old_count - 1;
    else put_slots(step, batch, L, base - 1, 1); /* a __call metamethod took its place before the arguments */
  }
  if (step->op == OP_TAILCALL && ci == step->ci) put_slots(step, batch, L, base - 1, 1);
  step->old_count = 0;
  int count = ci_closure(ci)->p->numparams;
  if (count > in_place) put_slots(step, batch, L, base + in_place, count - in_place);
}

/* These collect after they have written their register, so a finalizer may run in their tick. */
#define writes_then_collects(op) ((op) == OP_NEWTABLE || (op) == OP_CLOSURE || (op) == OP_CONCAT)

/* Does the step's frame still wait for `ci`? If an error has ended it, a collection may have freed it. */
static int is_waiting(const Step *step, const Thread *L, const CallInfo *ci) {
  if (L != step->thread) return G->collections == step->begun_collections;
  while (ci && ci != step->ci) ci = ci->previous;
  return ci != NULL;
}

/* The instruction has called into Lua and waits. What it had written by then. */
static void put_partial(Step *step, TraceBatch *batch, const Thread *L, const CallInfo *ci) {
  if (!is_waiting(step, L, ci)) return;
  if (!ci_is_lua(step->ci) || step->ci->func->tag != V_LCLOSURE || ci_closure(step->ci)->p != step->proto) return;
  StkId ra = step->ci->func + 1 + GETARG_A(*step->pc);
  if (step->op == OP_SELF) put_slots(step, batch, step->thread, ra + 1, 1);
  if (writes_then_collects(step->op) && (step->ci->callstatus & CALL_FINALIZER)) put_slots(step, batch, step->thread, ra, 1);
}

/* The instruction at which another frame has waited: savedpc is behind it, and was not touched while it waited. */
static const Instruction *waiting_instruction(const CallInfo *ci) { return ci->u.l.savedpc - 1; }

/* Is the frame about to execute its first instruction for the first time? */
static int is_entry(const Step *step, const Thread *L, const CallInfo *ci, const Instruction *pc) {
  const Proto *p = ci_closure(ci)->p;
  if (likely(pc != p->code)) return 0;
  if (L != step->thread || ci != step->ci) return ci->u.l.savedpc == p->code;
  /* The same CallInfo: a jump back in the same function, or used again by the next call, or by a tail call. */
  return !is_jump(step->op) || p != step->proto || (size_t)(step->pc - p->code) >= (size_t)p->sizecode;
}

static void finish_elsewhere(Step *step, TraceBatch *batch, Thread *L, CallInfo *ci, const Instruction *pc) {
  if (L != step->thread) CTL->step_flags |= STEP_COROUTINE;
  if (is_entry(step, L, ci, pc)) {
    CTL->step_flags |= STEP_CALL;
    if (!is_return(step->op) && step->op != OP_TAILCALL) put_partial(step, batch, L, ci);
    put_parameters(step, batch, L, ci);
  } else {
    const Instruction *waiting = waiting_instruction(ci);
    int is_written = (step->caller_status & CALL_HOOKED) ||
                     ((step->caller_status & CALL_FINALIZER) && writes_then_collects(GET_OPCODE(*waiting)));
    if (!(is_written && ci == step->caller)) put_targets(step, batch, L, ci, waiting, pc);
  }
}

/* Close the entry of the step: its own flags and its number of writes. */
static inline void settle(Step *step, TraceBatch *batch) {
  uint32_t flags = CTL->step_flags;
  if (is_return(step->op)) flags |= STEP_RETURN;
  else if (step->op == OP_CALL || step->op == OP_TAILCALL) flags |= STEP_CALL;
  if (G->collections != step->begun_collections) flags |= STEP_COLLECTION;
  batch->flags[step->index] = flags;
  batch->writes[step->index] = (uint16_t)(batch->write_count - step->first_write);
}

/* A plain instruction is complete: its register A. Arithmetic that leads to its fallback has written nothing. */
static inline void put_register(Step *step, TraceBatch *batch, const Instruction *next) {
  if (step->old_count == 0 || (MODES[GET_OPCODE(*next)] & OPMODE_FALLBACK)) return;
  Thread *L = step->thread;
  put_slot(batch, L->id, (uint64_t)step->old_first, step->old[0], step->old_tag[0], L->stack + step->old_first);
}

static __attribute__((noinline)) void finish(Step *step, TraceBatch *batch, Thread *L, CallInfo *ci, const Instruction *pc) {
  step->active = 0;
  if (unlikely(step->paused) && !record_take_up(step, batch)) return;
  if (ci == step->ci && L == step->thread && !is_entry(step, L, ci, pc) && !is_return(step->op)) {
    if (!SPECIAL[step->op]) {
      put_register(step, batch, pc);
    } else {
      put_targets(step, batch, L, ci, step->pc, pc);
    }
  } else {
    finish_elsewhere(step, batch, L, ci, pc);
  }
  settle(step, batch);
}

int record_step_begin(Thread *L, CallInfo *ci, const Instruction *pc) {
  Step *step = STEP;
  TraceBatch *batch = CTL->trace;
  if (likely(step->active)) {
    /* the next instruction or the one after it in the same frame: by far the most frequent case */
    if (likely(ci == step->ci && (size_t)(pc - step->pc) - 1 < 2 && !SPECIAL[step->op] && !step->paused &&
               L == step->thread)) {
      put_register(step, batch, pc);
      settle(step, batch);
      step->active = 0;
    } else {
      finish(step, batch, L, ci, pc);
    }
  }
  if (unlikely(batch->step_count >= batch->step_capacity ||
               batch->write_count + TRACE_WRITE_MARGIN > batch->write_capacity ||
               batch->text_bytes + TRACE_TEXT_MARGIN > batch->text_capacity))
    return 1;
  begin(step, batch, L, ci, pc);
  return 0;
}

void record_step_end(Thread *L, CallInfo *ci, const Instruction *pc) {
  if (STEP->active) finish(STEP, CTL->trace, L, ci, pc);
}

void record_before_hook(Thread *L, CallInfo *ci, const Instruction *pc) {
  if (STEP->active) finish(STEP, CTL->trace, L, ci, pc);
  if (L->allowhook) STEP->hook_due = 1;
}

void record_pause(void) {
  Step *step = STEP;
  TraceBatch *batch = CTL->trace;
  step->analysed = NULL;
  if (!step->active || batch == NULL || (step->paused && !record_take_up(step, batch))) return;
  int reason = CTL->exit_reason;
  if (reason == EXIT_HALT) CTL->step_flags |= STEP_HALT;
  if (reason == EXIT_FAULT || reason == EXIT_LIMIT) CTL->step_flags |= STEP_FAULT;
  if (reason == EXIT_COMPILE) CTL->step_flags |= STEP_COMPILE;
  settle(step, batch);
  step->where = batch->where[step->index];
  step->base = batch->base[step->index];
  step->thread_id = batch->thread[step->index];
  step->active = reason != EXIT_HALT && reason != EXIT_FAULT && reason != EXIT_LIMIT;
  step->paused = step->active;
}
