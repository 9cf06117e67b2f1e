/* Changing the past: the host puts another value into a register, a local or an upvalue. See core.h. */
#include "call.h"
#include "core.h"
#include "gc.h"

typedef struct EditTask {
  TValue *at;
  UpVal *upvalue; /* whose value it is, if that is closed */
  int kind;
  uint64_t bits;
  const char *bytes;
  size_t size;
} EditTask;

/* A slot that holds a register of a Lua function in progress, and nothing that the VM itself relies on: not the function
 * of a call (CallInfo.func), not what belongs to a native. */
static int is_register(const Thread *L, StkId slot) {
  for (const CallInfo *ci = L->ci, *next = NULL; ci && ci != &L->base_ci; next = ci, ci = ci->previous) {
    if (slot == ci->func) return 0;
    if (slot < ci->func) continue;
    if (!ci_is_lua(ci)) return 0;
    StkId end = ci->func + 1 + ci_closure(ci)->p->maxstacksize;
    return slot < end && (next == NULL || slot < next->func - (ci_is_lua(next) ? next->u.l.nextraargs : 0));
  }
  return 0;
}

static const GCObject *find(uint8_t tag, uint32_t id) {
  const GCObject *lists[] = {G->allgc, G->finobj, G->tobefnz, G->fixedgc};
  for (unsigned n = 0; n < 4; n++)
    for (const GCObject *o = lists[n]; o; o = o->next)
      if (o->tag == tag && (tag == V_THREAD ? ((const Thread *)o)->id : ((const UpVal *)o)->id) == id) return o;
  return NULL;
}

static Thread *thread_of_id(uint32_t id) {
  return G->main_thread->id == id ? G->main_thread : (Thread *)find(V_THREAD, id);
}

static void edit(Thread *L, void *argument) {
  const EditTask *task = argument;
  TValue value = {.tag = V_NIL};
  switch (task->kind) {
    case TAG_NIL: break;
    case TAG_FALSE: set_false(&value); break;
    case TAG_TRUE: set_true(&value); break;
    case TAG_INTEGER: set_int(&value, (Integer)task->bits); break;
    case TAG_FLOAT: {
      union {
        uint64_t bits;
        Number number;
      } as = {.bits = task->bits};
      set_flt(&value, as.number);
      break;
    }
    default: {
      TString *s = string_new(L, task->bytes, task->size);
      set_string(&value, s);
    }
  }
  set_value(task->at, &value);
  if (task->upvalue) gc_barrier(L, task->upvalue, &value);
}

static int run_edit(EditTask *task) {
  if (task->kind < TAG_NIL || task->kind > TAG_STRING) return 1;
  return on_host_stack(edit, task) == STATUS_OK ? 0 : 2;
}

int machine_edit_slot(Machine *m, uint32_t thread, uint64_t slot, int kind, uint64_t bits, const char *bytes, size_t size) {
  machine_activate(m);
  const Thread *L = thread_of_id(thread);
  if (!L || slot >= (uint64_t)(L->stack_last - L->stack)) return 1;
  StkId at = L->stack + slot;
  if (!is_register(L, at)) return 1;
  EditTask task = {at, NULL, kind, bits, bytes, size};
  return run_edit(&task);
}

int machine_edit_upvalue(Machine *m, uint32_t id, int kind, uint64_t bits, const char *bytes, size_t size) {
  machine_activate(m);
  UpVal *uv = (UpVal *)find(V_UPVAL, id);
  if (!uv || (upval_is_open(uv) && !is_register(uv->u.open.thread, uv->v))) return 1;
  EditTask task = {uv->v, upval_is_open(uv) ? NULL : uv, kind, bits, bytes, size};
  return run_edit(&task);
}
