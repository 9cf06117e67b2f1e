/* Coroutines: a Lua stack and activation records of their own; resuming runs on the same native stack. */
#include "call.h"
#include "gc.h"
#include "record.h"
#include "vm.h"

void thread_init_stack(Thread *L, Thread *of) {
  of->stack = mem_array(L, BASIC_STACK + EXTRA_STACK, TValue);
  of->tbclist = of->stack;
  for (int i = 0; i < BASIC_STACK + EXTRA_STACK; i++) {
    set_nil(of->stack + i);
    of->stack[i].delta = 0;
    of->stack[i].unused = 0;
  }
  of->top = of->stack;
  of->stack_last = of->stack + BASIC_STACK;
  CallInfo *ci = &of->base_ci;
  ci->next = ci->previous = NULL;
  ci->callstatus = CALL_NATIVE;
  ci->func = of->top;
  ci->u.n.has_k = 0;
  ci->nresults = 0;
  set_nil(of->top); /* the function of the base frame */
  of->top++;
  ci->top = of->top + MIN_STACK;
  of->ci = ci;
}

static void thread_preinit(Thread *th) {
  th->id = G->next_id++;
  th->stack = NULL;
  th->ci = NULL;
  th->nci = 0;
  th->twups = th; /* not in the list */
  th->openupval = NULL;
  th->gclist = NULL;
  th->errfunc = 0;
  th->ccalls = 0;
  th->hookmask = 0;
  th->basehookcount = th->hookcount = 0;
  th->allowhook = 1;
  th->status = STATUS_OK;
  th->oldpc = 0;
  set_nil(&th->hook);
  __builtin_memset(&th->base_ci, 0, sizeof th->base_ci);
}

Thread *thread_new(Thread *L) {
  Thread *th = (Thread *)gc_new(L, V_THREAD, sizeof(Thread));
  thread_preinit(th);
  if (L) { /* anchored before it allocates */
    set_gc(L->top, th, V_THREAD);
    L->top++;
  }
  thread_init_stack(L ? L : th, th);
  return th;
}

void thread_free(Thread *th) {
  if (th->hookmask) {
    G->hooked_threads--;
    mode_update();
  }
  if (th->stack) {
    func_close_upvalues(th, th->stack); /* closures may still see them */
    th->ci = &th->base_ci;
    callinfo_free_unused(th);
    mem_free_array(th->stack, stack_size(th) + EXTRA_STACK);
  }
  mem_free(th, sizeof(Thread));
}

/* Unwind everything, closing variables; the error object ends on top. */
int thread_reset(Thread *L, int status) {
  CallInfo *ci = L->ci = &L->base_ci;
  set_nil(L->stack);
  ci->func = L->stack;
  ci->callstatus = CALL_NATIVE;
  if (status == STATUS_YIELD) status = STATUS_OK;
  L->status = STATUS_OK; /* so that it can run __close methods */
  L->errfunc = 0;
  status = protected_close(L, (ptrdiff_t)sizeof(TValue), status);
  if (status != STATUS_OK)
    set_error_object(L, status, L->stack + 1);
  else
    L->top = L->stack + 1;
  ci->top = L->top + MIN_STACK;
  stack_resize(L, (int)(ci->top - L->stack), 0);
  return status;
}

int thread_close(Thread *L, Thread *from) {
  L->ccalls = from ? from->ccalls & 0xFFFF : 0;
  Thread *running = G->running;
  G->running = L;
  if (watching()) watch_flag(STEP_COROUTINE); /* it may run in the other thread */
  int status = thread_reset(L, L->status);
  if (watching()) watch_flag(STEP_COROUTINE);
  G->running = running;
  return status;
}

/* ---- resuming ---- */

static int error_status(int status) { return status > STATUS_YIELD; }

static int get_recover_status(const CallInfo *ci) { return ci->callstatus >> CALL_STATUS_SHIFT & 7; }

static void set_recover_status(CallInfo *ci, int status) {
  ci->callstatus = (uint16_t)((ci->callstatus & ~(7 << CALL_STATUS_SHIFT)) | status << CALL_STATUS_SHIFT);
}

static int continuation(Thread *L, CallInfo *ci, int status) {
  const TValue *f = ci->func;
  uint64_t number = f->tag == V_NATIVE ? f->v.native : nclosure_of(f)->native;
  return native_row((uint32_t)number)->k(L, status, ci->u.n.ctx);
}

/* The end of a pcall_k that a yield or an error interrupted. */
static int finish_pcall(Thread *L, CallInfo *ci) {
  int status = get_recover_status(ci);
  if (likely(status == STATUS_OK))
    status = STATUS_YIELD;
  else {
    StkId func = L->stack + ci->u2.funcidx;
    L->allowhook = ci->callstatus & CALL_ALLOW_HOOK;
    func = func_close(L, func, status, 1); /* may yield or raise: then this runs again */
    set_error_object(L, status, func);
    stack_shrink(L);
    set_recover_status(ci, STATUS_OK);
  }
  ci->callstatus &= (uint16_t)~CALL_YIELD_PCALL;
  L->errfunc = ci->u.n.old_errfunc;
  return status;
}

/* A native below which a yield happened goes on in its continuation. */
static void finish_native(Thread *L, CallInfo *ci) {
  int n;
  if (ci->callstatus & CALL_CLOSING)
    n = ci->u2.nres; /* was closing its variables: call_finish does the rest of them */
  else {
    int status = STATUS_YIELD;
    if (ci->callstatus & CALL_YIELD_PCALL) status = finish_pcall(L, ci);
    if (L->ci->top < L->top) L->ci->top = L->top; /* any number of results */
    n = continuation(L, ci, status);
  }
  call_finish(L, ci, n);
}

static void unroll(Thread *L, void *unused) {
  CallInfo *ci;
  (void)unused;
  while ((ci = L->ci) != &L->base_ci) {
    if (!ci_is_lua(ci))
      finish_native(L, ci);
    else {
      finish_interrupted_op(L);
      execute(L, ci);
    }
  }
}

static CallInfo *find_pcall(Thread *L) {
  for (CallInfo *ci = L->ci; ci; ci = ci->previous)
    if (ci->callstatus & CALL_YIELD_PCALL) return ci;
  return NULL;
}

static int refuse_resume(Thread *L, const char *message, int arguments) {
  L->top -= arguments;
  TString *s = string_from(L, message);
  set_string(L->top, s);
  L->top++;
  return STATUS_RUN;
}

static void resume_body(Thread *L, void *argument) {
  int n = *(int *)argument;
  StkId first = L->top - n;
  CallInfo *ci = L->ci;
  if (L->status == STATUS_OK) { /* it starts: the call does not count another native level */
    if (unlikely((L->ccalls & 0xFFFF) >= MAX_CCALLS)) check_ccalls(L);
    CallInfo *frame = call_prepare(L, first - 1, MULTRET);
    if (frame) {
      frame->callstatus = CALL_FRESH;
      execute(L, frame);
    }
    return;
  }
  L->status = STATUS_OK;
  if (ci->u.n.has_k) n = continuation(L, ci, STATUS_YIELD);
  call_finish(L, ci, n);
  unroll(L, NULL);
}

int thread_resume(Thread *L, Thread *from, int arguments, int *results) {
  if (L->status == STATUS_OK) {
    if (L->ci != &L->base_ci) return refuse_resume(L, "cannot resume non-suspended coroutine", arguments);
    if (L->top - (L->ci->func + 1) == arguments) return refuse_resume(L, "cannot resume dead coroutine", arguments);
  } else if (L->status != STATUS_YIELD)
    return refuse_resume(L, "cannot resume dead coroutine", arguments);
  L->ccalls = from ? from->ccalls & 0xFFFF : 0;
  if ((L->ccalls & 0xFFFF) >= MAX_CCALLS) return refuse_resume(L, "C stack overflow", arguments);
  L->ccalls++;
  Thread *before = G->running;
  G->running = L;
  record_flag(STEP_COROUTINE);
  int status = protect(L, resume_body, &arguments);
  CallInfo *ci;
  while (error_status(status) && (ci = find_pcall(L)) != NULL) { /* errors inside protected calls */
    L->ci = ci;
    set_recover_status(ci, status);
    status = protect(L, unroll, NULL);
  }
  if (unlikely(error_status(status))) { /* the coroutine is dead */
    L->status = (uint8_t)status;
    set_error_object(L, status, L->top);
    L->ci->top = L->top;
  }
  G->running = before;
  if (watching()) watch_flag(STEP_COROUTINE); /* as its last step has it whose thread is left after it */
  *results = status == STATUS_YIELD ? L->ci->u2.nyield : (int)(L->top - (L->ci->func + 1));
  return status;
}

int is_yieldable(Thread *L) { return yieldable(L); }

int yield_k(Thread *L, int results, intptr_t ctx, int has_k) {
  CallInfo *ci = L->ci;
  if (unlikely(!yieldable(L))) {
    if (L != G->main_thread) error_run(L, "attempt to yield across a C-call boundary");
    error_run(L, "attempt to yield from outside a coroutine");
  }
  L->status = STATUS_YIELD;
  ci->u2.nyield = results;
  ci->u.n.has_k = has_k;
  ci->u.n.ctx = ctx;
  throw_status(L, STATUS_YIELD);
}

int thread_status(Thread *L) { return L->status; }
