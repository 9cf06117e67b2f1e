/* coroutine.*: threads created, resumed, closed. The switching itself is the kernel's. */
#include "libraries.h"
#include "native.h"

enum { CO_RUNNING, CO_DEAD, CO_SUSPENDED, CO_NORMAL };

static const char *const STATUS_NAMES[] = {"running", "dead", "suspended", "normal"};

static Thread *coroutine_arg(Thread *L) {
  Thread *co = to_thread(L, 1);
  arg_expected(L, co, 1, "thread");
  return co;
}

/* Move the arguments over, resume, move the results back. The number of results; -1 and the error value on a
   failure. */
static int resume_with(Thread *L, Thread *co, int arguments) {
  if (unlikely(!check_stack(co, arguments))) {
    push_literal(L, "too many arguments to resume");
    return -1;
  }
  move_values(L, co, arguments);
  int results = 0;
  int status = thread_resume(co, L, arguments, &results);
  if (unlikely(status != STATUS_OK && status != STATUS_YIELD)) {
    move_values(co, L, 1);
    return -1;
  }
  if (unlikely(!check_stack(L, results + 1))) {
    pop(co, results);
    push_literal(L, "too many results to resume");
    return -1;
  }
  move_values(co, L, results);
  return results;
}

static int co_resume(Thread *L) {
  Thread *co = coroutine_arg(L);
  int results = resume_with(L, co, stack_top(L) - 1);
  push_boolean(L, results >= 0);
  if (results < 0) results = 1;
  insert_at(L, -(results + 1));
  return results + 1;
}

/* The function that coroutine.wrap gives; its upvalue is the coroutine. */
static int co_wrapped(Thread *L) {
  Thread *co = to_thread(L, UPVALUE_INDEX(1));
  int results = resume_with(L, co, stack_top(L));
  if (likely(results >= 0)) return results;
  int status = thread_status(co);
  if (status != STATUS_OK && status != STATUS_YIELD) { /* an error inside: close what it had open */
    status = thread_close(co, L);
    move_values(co, L, 1);
  }
  if (status != STATUS_MEMORY && type_at(L, -1) == TYPE_STRING) {
    push_where(L, 1);
    insert_at(L, -2);
    concat(L, 2);
  }
  return error_value(L);
}

static int co_create(Thread *L) {
  arg_type(L, 1, TYPE_FUNCTION);
  Thread *co = new_thread(L);
  push_value(L, 1);
  move_values(L, co, 1);
  return 1;
}

static int co_wrap(Thread *L) {
  co_create(L);
  push_native(L, co_wrapped, 1);
  return 1;
}

static int co_yield(Thread *L) { return yield(L, stack_top(L)); }

static int status_of(Thread *L, Thread *co) {
  if (L == co) return CO_RUNNING;
  switch (thread_status(co)) {
    case STATUS_YIELD: return CO_SUSPENDED;
    case STATUS_OK: {
      Activation ar;
      if (get_activation(co, 0, &ar)) return CO_NORMAL; /* it runs something: it resumed another one */
      return stack_top(co) == 0 ? CO_DEAD : CO_SUSPENDED;
    }
    default: return CO_DEAD;
  }
}

static int co_status(Thread *L) {
  push_string(L, STATUS_NAMES[status_of(L, coroutine_arg(L))]);
  return 1;
}

static int co_isyieldable(Thread *L) {
  Thread *co = is_none(L, 1) ? L : coroutine_arg(L);
  push_boolean(L, is_yieldable(co));
  return 1;
}

static int co_running(Thread *L) {
  push_boolean(L, push_thread(L));
  return 2;
}

static int co_close(Thread *L) {
  Thread *co = coroutine_arg(L);
  int status = status_of(L, co);
  if (status != CO_DEAD && status != CO_SUSPENDED) error_at(L, "cannot close a %s coroutine", STATUS_NAMES[status]);
  status = thread_close(co, L);
  push_boolean(L, status == STATUS_OK);
  if (status == STATUS_OK) return 1;
  move_values(co, L, 1);
  return 2;
}

const NativeReg coroutine_natives[] = {
    {"coroutine.close", co_close, NULL},
    {"coroutine.create", co_create, NULL},
    {"coroutine.isyieldable", co_isyieldable, NULL},
    {"coroutine.resume", co_resume, NULL},
    {"coroutine.running", co_running, NULL},
    {"coroutine.status", co_status, NULL},
    {"coroutine.wrap", co_wrap, NULL},
    {"coroutine.yield", co_yield, NULL},
    {NULL, NULL, NULL},
};

const NativeReg coroutine_inner_natives[] = {
    {"coroutine.wrap_function", co_wrapped, NULL},
    {NULL, NULL, NULL},
};

void open_coroutine(Thread *L) { new_library(L, coroutine_natives); }
