/* Errors, the Lua stack, calls. Coroutines are in thread.c, protected native calls that may yield in native.c. */
#include "call.h"

#include "gc.h"
#include "record.h"
#include "vm.h"
#include "watch.h"

#define ERROR_STACK (MAX_STACK + 200) /* size while a stack overflow is being handled */
#define NATIVE_RESERVE 65536          /* bytes of native stack that a call must find */

/* ---- errors ---- */

void set_error_object(Thread *L, int status, StkId old_top) {
  switch (status) {
    case STATUS_MEMORY: set_string(old_top, G->memory_message); break;
    case STATUS_OK: set_nil(old_top); break; /* only while closing variables */
    default: set_value(old_top, L->top - 1); break;
  }
  L->top = old_top + 1;
}

void throw_status(Thread *L, int status) {
  ErrorJump *jump = CTL->error_jump;
  (void)L;
  record_flag(status == STATUS_YIELD ? STEP_COROUTINE : STEP_ERROR);
  jump->status = status;
  /* SAFETY: the buffer was filled by jump_save in `protect`, whose frame is still on this native stack. */
  UNPOISON(__builtin_frame_address(0), (char *)jump_stack(&jump->buffer) - (char *)__builtin_frame_address(0));
  jump_restore(&jump->buffer);
}

void throw_error_in_handler(Thread *L) {
  TString *message = string_literal(L, "error in error handling");
  set_string(L->top, message);
  L->top++; /* EXTRA_STACK has room */
  throw_status(L, STATUS_ERRERR);
}

int protect(Thread *L, ProtectedFn fn, void *argument) {
  uint32_t old_ccalls = L->ccalls;
  ErrorJump jump;
  jump.status = STATUS_OK;
  jump.previous = CTL->error_jump;
  CTL->error_jump = &jump;
  if (jump_save(&jump.buffer) == 0) fn(L, argument);
  CTL->error_jump = jump.previous;
  L->ccalls = old_ccalls;
  return jump.status;
}

typedef struct CloseRequest {
  StkId level;
  int status;
} CloseRequest;

static void close_protected(Thread *L, void *argument) {
  CloseRequest *request = argument;
  func_close(L, request->level, request->status, 0);
}

int protected_close(Thread *L, ptrdiff_t level, int status) {
  CallInfo *old_ci = L->ci;
  uint8_t old_allowhook = L->allowhook;
  for (;;) { /* each error of a __close replaces the one before */
    CloseRequest request = {stack_at(L, level), status};
    status = protect(L, close_protected, &request);
    if (likely(status == STATUS_OK)) return request.status;
    L->ci = old_ci;
    L->allowhook = old_allowhook;
  }
}

int protected_call(Thread *L, ProtectedFn fn, void *argument, ptrdiff_t old_top, ptrdiff_t errfunc) {
  CallInfo *old_ci = L->ci;
  uint8_t old_allowhook = L->allowhook;
  ptrdiff_t old_errfunc = L->errfunc;
  L->errfunc = errfunc;
  int status = protect(L, fn, argument);
  if (unlikely(status != STATUS_OK)) {
    L->ci = old_ci;
    L->allowhook = old_allowhook;
    status = protected_close(L, old_top, status);
    set_error_object(L, status, stack_at(L, old_top));
    stack_shrink(L);
  }
  L->errfunc = old_errfunc;
  return status;
}

void check_ccalls(Thread *L) {
  unsigned depth = L->ccalls & 0xFFFF;
  if (depth == MAX_CCALLS) error_run(L, "C stack overflow");
  if (depth >= MAX_CCALLS / 10 * 11) throw_error_in_handler(L); /* while handling that very error */
}

/* ---- the stack ---- */

int stack_resize(Thread *L, int size, int raise) {
  int old_size = stack_size(L);
  uintptr_t old = (uintptr_t)L->stack;
  StkId fresh = mem_try_resize(L, L->stack, (size_t)(old_size + EXTRA_STACK) * sizeof(TValue),
                               (size_t)(size + EXTRA_STACK) * sizeof(TValue));
  if (unlikely(fresh == NULL)) {
    if (raise) throw_status(L, STATUS_MEMORY);
    return 0;
  }
  for (int i = old_size + EXTRA_STACK; i < size + EXTRA_STACK; i++) {
    set_nil(&fresh[i]);
    fresh[i].unused = 0;
    fresh[i].delta = 0;
  }
  L->stack = fresh;
  L->stack_last = fresh + size;
  ptrdiff_t move = (ptrdiff_t)((uintptr_t)fresh - old);
  if (move == 0) return 1;
#define MOVED(p) ((void *)((uintptr_t)(p) + (uintptr_t)move))
  L->top = MOVED(L->top);
  L->tbclist = MOVED(L->tbclist);
  for (UpVal *uv = L->openupval; uv; uv = uv->u.open.next) uv->v = MOVED(uv->v);
  for (CallInfo *ci = L->ci; ci; ci = ci->previous) {
    ci->top = MOVED(ci->top);
    ci->func = MOVED(ci->func);
  }
#undef MOVED
  return 1;
}

int stack_grow(Thread *L, int n, int raise) {
  int size = stack_size(L);
  if (unlikely(size > MAX_STACK)) { /* already handling an overflow */
    if (raise) throw_error_in_handler(L);
    return 0;
  }
  if (n < MAX_STACK) {
    int wanted = 2 * size;
    int needed = (int)(L->top - L->stack) + n;
    if (wanted > MAX_STACK) wanted = MAX_STACK;
    if (wanted < needed) wanted = needed;
    if (likely(wanted <= MAX_STACK)) return stack_resize(L, wanted, raise);
  }
  stack_resize(L, ERROR_STACK, raise); /* room for the message and its handler */
  if (raise) error_run(L, "stack overflow");
  return 0;
}

static int stack_in_use(Thread *L) {
  StkId limit = L->top;
  for (CallInfo *ci = L->ci; ci; ci = ci->previous)
    if (limit < ci->top) limit = ci->top;
  int used = (int)(limit - L->stack) + 1;
  return used < MIN_STACK ? MIN_STACK : used;
}

void stack_shrink(Thread *L) {
  int used = stack_in_use(L);
  int max = used > MAX_STACK / 3 ? MAX_STACK : used * 3;
  if (used <= MAX_STACK && stack_size(L) > max) stack_resize(L, used > MAX_STACK / 2 ? MAX_STACK : used * 2, 0);
  callinfo_halve_unused(L);
}

/* ---- activation records ---- */

CallInfo *callinfo_extend(Thread *L) {
  CallInfo *ci = mem_alloc(L, sizeof(CallInfo));
  L->ci->next = ci;
  ci->previous = L->ci;
  ci->next = NULL;
  ci->u.l.savedpc = NULL;
  ci->u.l.nextraargs = 0;
  L->nci++;
  return ci;
}

/* In a record that is not in use, only the saved pc depends on where the run was stopped. Every new use overwrites those
 * bytes (a Lua function with its first instruction, a native with old_errfunc), so equal states have equal bytes. */
static void callinfo_wipe(CallInfo *ci) { ci->u.l.savedpc = NULL; }

static void callinfo_free(CallInfo *ci) {
  callinfo_wipe(ci);
  mem_free(ci, sizeof *ci);
}

void stack_wipe_calls(Thread *L) {
  for (CallInfo *ci = L->ci->next; ci; ci = ci->next) callinfo_wipe(ci);
}

void callinfo_free_unused(Thread *L) {
  CallInfo *next = L->ci->next;
  L->ci->next = NULL;
  while (next) {
    CallInfo *ci = next;
    next = ci->next;
    callinfo_free(ci);
    L->nci--;
  }
}

/* Keep every other one of those beyond the current frame. */
void callinfo_halve_unused(Thread *L) {
  CallInfo *ci = L->ci->next;
  if (ci == NULL) return;
  CallInfo *next;
  while ((next = ci->next) != NULL) {
    CallInfo *after = next->next;
    ci->next = after;
    L->nci--;
    callinfo_free(next);
    if (after == NULL) break;
    after->previous = ci;
    ci = after;
  }
}

/* ---- hooks ---- */

void hook_run(Thread *L, int event, int line, int ftransfer, int ntransfer) {
  if (!L->allowhook || is_nil(&L->hook)) return;
  static const char *const names[] = {"call", "return", "line", "count", "tail call"};
  CallInfo *ci = L->ci;
  int mask = CALL_HOOKED;
  ptrdiff_t top = stack_offset(L, L->top), ci_top = stack_offset(L, ci->top);
  if (ntransfer != 0) {
    mask |= CALL_TRANSFER;
    ci->u2.transfer.ftransfer = (uint16_t)ftransfer;
    ci->u2.transfer.ntransfer = (uint16_t)ntransfer;
  }
  if (ci_is_lua(ci) && L->top < ci->top) L->top = ci->top; /* protect the whole frame */
  stack_need(L, MIN_STACK);
  if (ci->top < L->top + MIN_STACK) ci->top = L->top + MIN_STACK;
  L->allowhook = 0;
  ci->callstatus |= (uint16_t)mask;
  TString *name = string_from(L, names[event]);
  set_value(L->top, &L->hook);
  set_string(L->top + 1, name);
  if (line >= 0)
    set_int(L->top + 2, line);
  else
    set_nil(L->top + 2);
  L->top += 3;
  call_value_noyield(L, L->top - 3, 0);
  L->allowhook = 1;
  ci->top = stack_at(L, ci_top);
  L->top = stack_at(L, top);
  ci->callstatus &= (uint16_t)~mask;
}

void hook_call(Thread *L, CallInfo *ci) {
  L->oldpc = 0;
  if (!(L->hookmask & HOOK_CALL)) return;
  int event = ci->callstatus & CALL_TAIL ? HOOK_EVENT_TAIL_CALL : HOOK_EVENT_CALL;
  ci->u.l.savedpc++; /* hooks see the pc as already advanced */
  hook_run(L, event, -1, 1, ci_closure(ci)->p->numparams);
  ci->u.l.savedpc--;
}

static void hook_return(Thread *L, CallInfo *ci, int nres) {
  if (L->hookmask & HOOK_RETURN) {
    StkId first = L->top - nres;
    int delta = 0;
    if (ci_is_lua(ci)) {
      const Proto *p = ci_closure(ci)->p;
      if (p->is_vararg) delta = ci->u.l.nextraargs + p->numparams + 1;
    }
    ci->func += delta; /* of a vararg function: its real frame */
    hook_run(L, HOOK_EVENT_RETURN, -1, (uint16_t)(first - ci->func), nres);
    ci->func -= delta;
  }
  ci = ci->previous;
  if (ci_is_lua(ci)) L->oldpc = (int)(ci->u.l.savedpc - ci_closure(ci)->p->code) - 1;
}

/* ---- calls ---- */

StkId call_try_metamethod(Thread *L, StkId func) {
  native_charge(L, stack_offset(L, L->top) - stack_offset(L, func)); /* an object may be its own __call */
  stack_need_keeping(L, 1, func);
  const TValue *tm = meta_of(L, func, TM_CALL);
  if (unlikely(is_nil(tm))) error_call(L, func);
  for (StkId p = L->top; p > func; p--) set_value(p, p - 1);
  L->top++;
  set_value(func, tm);
  return func;
}

/* `nres` results end at L->top: put `wanted` of them where the function was. */
static void move_results(Thread *L, StkId to, int nres, int wanted) {
  switch (wanted) {
    case 0: L->top = to; return;
    case 1:
      if (nres == 0)
        set_nil(to);
      else
        set_value(to, L->top - nres);
      L->top = to + 1;
      return;
    case MULTRET: wanted = nres; break;
    default:
      if (has_tbc_results(wanted)) {
        L->ci->callstatus |= CALL_CLOSING; /* a __close may yield */
        L->ci->u2.nres = nres;
        to = func_close(L, to, STATUS_CLOSE_PROTECTED, 1);
        L->ci->callstatus &= (uint16_t)~CALL_CLOSING;
        if (L->hookmask) {
          ptrdiff_t offset = stack_offset(L, to);
          hook_return(L, L->ci, nres);
          to = stack_at(L, offset);
        }
        wanted = decode_tbc_results(wanted);
        if (wanted == MULTRET) wanted = nres;
      }
      break;
  }
  StkId first = L->top - nres;
  if (nres > wanted) nres = wanted;
  int i = 0;
  for (; i < nres; i++) set_value(to + i, first + i);
  for (; i < wanted; i++) set_nil(to + i);
  L->top = to + wanted;
}

void call_finish(Thread *L, CallInfo *ci, int nres) {
  int wanted = ci->nresults;
  if (unlikely(L->hookmask && !has_tbc_results(wanted))) hook_return(L, ci, nres);
  move_results(L, ci->func, nres, wanted);
  L->ci = ci->previous;
  note_results(L, L->ci, ci->func, wanted == 0 ? 0 : L->top - ci->func);
}

static inline CallInfo *next_frame(Thread *L, StkId func, int nresults, int status, StkId top) {
  CallInfo *ci = L->ci->next;
  if (unlikely(ci == NULL)) ci = callinfo_extend(L);
  L->ci = ci;
  ci->func = func;
  ci->nresults = (int16_t)nresults;
  ci->callstatus = (uint16_t)status;
  ci->top = top;
  return ci;
}

/* Room on the stack for a call, and the moment for a collection (the arguments are on the stack). */
#define need_and_collect(L, n, func)                                                                                   \
  do {                                                                                                                 \
    if (unlikely((L)->stack_last - (L)->top <= (n))) {                                                                 \
      ptrdiff_t offset_ = stack_offset(L, func);                                                                       \
      gc_check(L);                                                                                                     \
      stack_grow(L, n, 1);                                                                                             \
      (func) = stack_at(L, offset_);                                                                                   \
    }                                                                                                                  \
  } while (0)

static int call_native(Thread *L, StkId func, int nresults, uint64_t number) {
  need_and_collect(L, MIN_STACK, func);
  if (unlikely((const char *)__builtin_frame_address(0) < CTL->stack_limit)) {
    if ((const char *)__builtin_frame_address(0) < CTL->stack_limit - NATIVE_RESERVE / 2) throw_error_in_handler(L);
    error_run(L, "C stack overflow");
  }
  CallInfo *ci = next_frame(L, func, nresults, CALL_NATIVE, L->top + MIN_STACK);
  ci->u.n.old_errfunc = 0; /* see callinfo_wipe */
  if (unlikely(L->hookmask & HOOK_CALL)) hook_run(L, HOOK_EVENT_CALL, -1, 1, (int)(L->top - func) - 1);
  int n = native_functions[number](L);
  call_finish(L, ci, n);
  return n;
}

CallInfo *call_prepare(Thread *L, StkId func, int nresults) {
  if (unlikely(call_is_captured(L, func))) error_run(L, "call in captured registers");
  for (;;) {
    switch (func->tag) {
      case V_NATIVE: call_native(L, func, nresults, func->v.native); return NULL;
      case V_NCLOSURE: call_native(L, func, nresults, nclosure_of(func)->native); return NULL;
      case V_LCLOSURE: {
        const Proto *p = lclosure_of(func)->p;
        int given = (int)(L->top - func) - 1, frame = p->maxstacksize;
        need_and_collect(L, frame, func);
        CallInfo *ci = next_frame(L, func, nresults, 0, func + 1 + frame);
        ci->u.l.savedpc = p->code;
        for (; given < p->numparams; given++) set_nil(L->top++);
        note_slots(L, func, 1 + p->numparams);
        return ci;
      }
      default: func = call_try_metamethod(L, func);
    }
  }
}

int call_prepare_tail(Thread *L, CallInfo *ci, StkId func, int narg1, int delta) {
  for (;;) {
    switch (func->tag) {
      case V_NATIVE: return call_native(L, func, MULTRET, func->v.native);
      case V_NCLOSURE: return call_native(L, func, MULTRET, nclosure_of(func)->native);
      case V_LCLOSURE: {
        const Proto *p = lclosure_of(func)->p;
        int frame = p->maxstacksize, params = p->numparams;
        need_and_collect(L, frame - delta, func);
        ci->func -= delta; /* a vararg function's original place */
        for (int i = 0; i < narg1; i++) set_value(ci->func + i, func + i);
        func = ci->func;
        for (; narg1 <= params; narg1++) set_nil(func + narg1);
        ci->top = func + 1 + frame;
        ci->u.l.savedpc = p->code;
        ci->callstatus |= CALL_TAIL;
        L->top = func + narg1;
        return -1;
      }
      default:
        func = call_try_metamethod(L, func);
        narg1++;
    }
  }
}

static inline void call_counted(Thread *L, StkId func, int nresults, uint32_t increment) {
  L->ccalls += increment;
  if (unlikely((L->ccalls & 0xFFFF) >= MAX_CCALLS)) {
    stack_need_keeping(L, 0, func); /* free any use of EXTRA_STACK */
    check_ccalls(L);
  }
  CallInfo *ci = call_prepare(L, func, nresults);
  if (ci != NULL) {
    ci->callstatus = CALL_FRESH;
    execute(L, ci);
  }
  L->ccalls -= increment;
}

void call_value(Thread *L, StkId func, int nresults) { call_counted(L, func, nresults, 1); }

void call_value_noyield(Thread *L, StkId func, int nresults) { call_counted(L, func, nresults, 0x10001); }
