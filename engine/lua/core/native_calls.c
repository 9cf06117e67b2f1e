/* The stack API of native.h: calls, the collector's controls. */
#include "call.h"
#include "gc.h"
#include "native.h"
#include "vm.h"

/* ---- calls ---- */

static void fit_results(Thread *L, int results) {
  if (results <= MULTRET && L->ci->top < L->top) L->ci->top = L->top;
}

void call(Thread *L, int arguments, int results) {
  call_value_noyield(L, L->top - (arguments + 1), results);
  fit_results(L, results);
}

static int has_continuation(const CallInfo *ci) {
  if (ci_is_lua(ci)) return 0;
  const TValue *f = ci->func;
  if (f->tag == V_NATIVE) return native_row((uint32_t)f->v.native)->k != NULL;
  return f->tag == V_NCLOSURE && native_row((uint32_t)nclosure_of(f)->native)->k != NULL;
}

void call_k(Thread *L, int arguments, int results, intptr_t ctx) {
  CallInfo *ci = L->ci;
  if (!yieldable(L) || !has_continuation(ci)) {
    call(L, arguments, results);
    return;
  }
  ci->u.n.has_k = 1;
  ci->u.n.ctx = ctx;
  call_value(L, L->top - (arguments + 1), results);
  fit_results(L, results);
}

typedef struct CallRequest {
  StkId func;
  int results;
} CallRequest;

static void run_call(Thread *L, void *argument) {
  const CallRequest *request = argument;
  call_value_noyield(L, request->func, request->results);
}

static int pcall_at(Thread *L, int arguments, int results, ptrdiff_t errfunc) {
  CallRequest request = {L->top - (arguments + 1), results};
  int status = protected_call(L, run_call, &request, stack_offset(L, request.func), errfunc);
  fit_results(L, results);
  return status;
}

static ptrdiff_t handler_offset(Thread *L, int handler) { return handler ? stack_offset(L, value_at(L, handler)) : 0; }

int pcall(Thread *L, int arguments, int results, int handler) {
  return pcall_at(L, arguments, results, handler_offset(L, handler));
}

int pcall_k(Thread *L, int arguments, int results, int handler, intptr_t ctx) {
  CallInfo *ci = L->ci;
  ptrdiff_t errfunc = handler_offset(L, handler);
  if (!yieldable(L) || !has_continuation(ci)) return pcall_at(L, arguments, results, errfunc);
  StkId func = L->top - (arguments + 1);
  ci->u.n.has_k = 1;
  ci->u.n.ctx = ctx;
  ci->u2.funcidx = (int)(func - L->stack); /* an error is recovered there, by thread_resume */
  ci->u.n.old_errfunc = L->errfunc;
  L->errfunc = errfunc;
  ci->callstatus = (uint16_t)((ci->callstatus & ~CALL_ALLOW_HOOK) | (L->allowhook ? CALL_ALLOW_HOOK : 0) | CALL_YIELD_PCALL);
  call_value(L, func, results);
  ci->callstatus &= (uint16_t)~CALL_YIELD_PCALL;
  L->errfunc = ci->u.n.old_errfunc;
  fit_results(L, results);
  return STATUS_OK;
}

int error_value(Thread *L) {
  const TValue *v = L->top - 1;
  if (is_short(v) && string_of(v) == G->memory_message) throw_status(L, STATUS_MEMORY);
  error_message(L);
}

void mark_to_be_closed(Thread *L, int index) {
  StkId slot = value_at(L, index);
  func_new_tbc(L, slot);
  int wanted = L->ci->nresults;
  if (!has_tbc_results(wanted)) L->ci->nresults = (int16_t)code_tbc_results(wanted);
}

void close_slot(Thread *L, int index) {
  StkId slot = value_at(L, index);
  slot = func_close(L, slot, STATUS_CLOSE_PROTECTED, 0);
  set_nil(slot);
}

Thread *new_thread(Thread *L) {
  gc_check(L);
  return thread_new(L);
}

/* ---- the collector ---- */

int collector(Thread *L, int what, int a, int b, int c) {
  if (G->gcstop & (GC_STOP_BUSY | GC_STOP_CLOSING)) return -1; /* not inside a finalizer */
  switch (what) {
    case GC_DO_STOP: G->gcstop = GC_STOP_USER; return 0;
    case GC_DO_RESTART:
      gc_set_debt(0);
      G->gcstop = 0;
      return 0;
    case GC_DO_COLLECT: gc_full(L, 0); return 0;
    case GC_DO_COUNT: return (int)(total_bytes() >> 10);
    case GC_DO_COUNTB: return (int)(total_bytes() & 0x3FF);
    case GC_DO_STEP: { /* a collection is one step: it always ends a cycle when it is due */
      uint8_t old_stop = G->gcstop;
      G->gcstop = 0;
      int64_t debt = (int64_t)a * 1024 + G->gc_debt;
      int whole = a == 0 || debt > 0;
      if (whole)
        gc_full(L, 0);
      else
        gc_set_debt(debt);
      G->gcstop = old_stop;
      return whole;
    }
    case GC_DO_SETPAUSE: {
      int old = G->gcpause * 4;
      G->gcpause = (uint8_t)(a / 4);
      return old;
    }
    case GC_DO_SETSTEPMUL: {
      int old = G->gcstepmul * 4;
      G->gcstepmul = (uint8_t)(a / 4);
      return old;
    }
    case GC_DO_ISRUNNING: return G->gcstop == 0;
    case GC_DO_GENERATIONAL: {
      int old = G->gckind;
      if (a) G->genminormul = (uint8_t)a;
      if (b) G->genmajormul = (uint8_t)(b / 4);
      G->gckind = COLLECTOR_GENERATIONAL;
      return old;
    }
    case GC_DO_INCREMENTAL: {
      int old = G->gckind;
      if (a) G->gcpause = (uint8_t)(a / 4);
      if (b) G->gcstepmul = (uint8_t)(b / 4);
      if (c) G->gcstepsize = (uint8_t)c;
      G->gckind = COLLECTOR_INCREMENTAL;
      return old;
    }
    default: return -1;
  }
}
