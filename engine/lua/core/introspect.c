/* Locals, upvalues and hooks: what the debug library may read and change. */
#include "call.h"
#include "gc.h"
#include "native.h"
#include "record.h"
#include "vm.h"

const char *get_local(Thread *L, const Activation *ar, int n) {
  if (ar == NULL) { /* the parameters of the function on top */
    const TValue *f = L->top - 1;
    return is_lclosure(f) ? func_local_name(lclosure_of(f)->p, n, 0) : NULL;
  }
  StkId slot = NULL;
  const char *name = find_local(L, ar->ci, n, &slot);
  if (name) push_object(L, slot);
  return name;
}

const char *set_local(Thread *L, const Activation *ar, int n) {
  StkId slot = NULL;
  const char *name = find_local(L, ar->ci, n, &slot);
  if (name) {
    record_slot(L, slot, L->top - 1);
    set_value(slot, L->top - 1);
    L->top--; /* only a value that was stored is popped, as in the manual */
  }
  return name;
}

/* The variable's place; *owner = what a barrier is about; *uv = the upvalue of a Lua function. */
static const char *find_upvalue(const TValue *f, int n, TValue **value, GCObject **owner, UpVal **uv) {
  *uv = NULL;
  if (f->tag == V_NCLOSURE) {
    NClosure *c = nclosure_of(f);
    if (n < 1 || n > c->nupvalues) return NULL;
    *value = &c->upvalue[n - 1];
    *owner = as_gc(c);
    return "";
  }
  if (f->tag != V_LCLOSURE) return NULL;
  LClosure *c = lclosure_of(f);
  if (n < 1 || n > c->p->sizeupvalues) return NULL;
  *uv = c->upvals[n - 1];
  *value = (*uv)->v;
  *owner = as_gc(*uv);
  return c->p->upvalues[n - 1].name ? c->p->upvalues[n - 1].name->bytes : "(no name)";
}

const char *get_upvalue(Thread *L, int function, int n) {
  TValue *value;
  GCObject *owner;
  UpVal *uv;
  const char *name = find_upvalue(value_at(L, function), n, &value, &owner, &uv);
  if (name) push_object(L, value);
  return name;
}

const char *set_upvalue(Thread *L, int function, int n) {
  TValue *value;
  GCObject *owner;
  UpVal *uv;
  const char *name = find_upvalue(value_at(L, function), n, &value, &owner, &uv);
  if (name) {
    L->top--;
    if (uv) record_upvalue(L, uv, L->top);
    set_value(value, L->top);
    gc_barrier(L, owner, value);
  }
  return name;
}

void *upvalue_id(Thread *L, int function, int n) {
  TValue *value;
  GCObject *owner;
  UpVal *uv;
  if (!find_upvalue(value_at(L, function), n, &value, &owner, &uv)) return NULL;
  return uv ? (void *)uv : (void *)value;
}

void upvalue_join(Thread *L, int f1, int n1, int f2, int n2) {
  LClosure *to = lclosure_of(value_at(L, f1)), *from = lclosure_of(value_at(L, f2));
  to->upvals[n1 - 1] = from->upvals[n2 - 1];
  gc_barrier_object(L, to, to->upvals[n1 - 1]);
}

void set_hook(Thread *of, const TValue *function, int mask, int count) {
  int had = of->hookmask != 0;
  if (function == NULL || mask == 0) {
    set_nil(&of->hook);
    mask = 0;
  } else
    set_value(&of->hook, function);
  of->basehookcount = of->hookcount = count;
  of->hookmask = (uint8_t)mask;
  G->hooked_threads += (uint32_t)((mask != 0) - had);
  mode_update();
}
