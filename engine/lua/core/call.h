/* Calls, errors, the Lua stack, coroutines. */
#ifndef LUA_CALL_H
#define LUA_CALL_H

#include "native.h"
#include "state.h"
#include "switch.h"

struct ErrorJump { /* on the native stack: one protected call in progress */
  ErrorJump *previous;
  volatile int status;
  JumpBuffer buffer;
};

typedef void (*ProtectedFn)(Thread *L, void *argument);

/* nresults of a call with to-be-closed variables in the caller's way: encoded below MULTRET. */
#define has_tbc_results(n) ((n) < MULTRET)
#define code_tbc_results(n) (-(n)-3)
#define decode_tbc_results(n) (-(n)-3)

/* ---- stack ---- */
int stack_grow(Thread *L, int n, int raise);
int stack_resize(Thread *L, int size, int raise);
void stack_shrink(Thread *L);
void stack_wipe_calls(Thread *L); /* clears the unused CallInfos' contents, for the digest */
CallInfo *callinfo_extend(Thread *L);
void callinfo_free_unused(Thread *L);
void callinfo_halve_unused(Thread *L);
#define stack_need(L, n)                                                                                               \
  do {                                                                                                                 \
    if (unlikely((L)->stack_last - (L)->top <= (n))) stack_grow(L, n, 1);                                              \
  } while (0)
/* `p` (a StkId variable) survives the growth. */
#define stack_need_keeping(L, n, p)                                                                                    \
  do {                                                                                                                 \
    if (unlikely((L)->stack_last - (L)->top <= (n))) {                                                                 \
      ptrdiff_t offset_ = stack_offset(L, p);                                                                          \
      stack_grow(L, n, 1);                                                                                             \
      (p) = stack_at(L, offset_);                                                                                      \
    }                                                                                                                  \
  } while (0)

/* ---- calls ---- */
/* May an open upvalue reach the new frame at `func`? Compilers keep captured variables below their calls; foreign code
 * that does not could change a function that runs or the arguments that a native has checked. */
#define call_is_captured(L, func) ((L)->openupval != NULL && (L)->openupval->v >= (func))
/* Prepares a call. NULL: it was a native and has run. Otherwise the new Lua frame to execute. */
CallInfo *call_prepare(Thread *L, StkId func, int nresults);
/* A tail call of a Lua frame: -1 = a Lua function is ready in `ci`, else the number of a native's results. */
int call_prepare_tail(Thread *L, CallInfo *ci, StkId func, int narg1, int delta);
void call_finish(Thread *L, CallInfo *ci, int nres); /* moves results, leaves the frame */
void call_value(Thread *L, StkId func, int nresults);
void call_value_noyield(Thread *L, StkId func, int nresults);
StkId call_try_metamethod(Thread *L, StkId func);
void hook_call(Thread *L, CallInfo *ci);
void hook_run(Thread *L, int event, int line, int ftransfer, int ntransfer);
void hook_adjust_pc(Thread *L, CallInfo *ci);

/* ---- errors ---- */
NORETURN void throw_status(Thread *L, int status);
NORETURN void throw_error_in_handler(Thread *L);
int protect(Thread *L, ProtectedFn fn, void *argument);
/* Runs `fn` on the host's stack (machine.c); only for what never executes Lua code or leaves the VM. */
int on_host_stack(ProtectedFn fn, void *argument);
int protected_call(Thread *L, ProtectedFn fn, void *argument, ptrdiff_t old_top, ptrdiff_t errfunc);
int protected_close(Thread *L, ptrdiff_t level, int status);
void set_error_object(Thread *L, int status, StkId old_top);
void check_ccalls(Thread *L);

/* ---- threads (thread.c) ---- */
Thread *thread_new(Thread *L);
void thread_init_stack(Thread *L, Thread *of);
void thread_free(Thread *L);
int thread_reset(Thread *L, int status);

/* ---- leaving the VM (machine.c) ---- */
void vm_exit(int reason);

#endif
