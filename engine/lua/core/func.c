/* Closures, upvalues, to-be-closed variables. */
#include <stddef.h>

#include "call.h"
#include "gc.h"
#include "record.h"
#include "vm.h"

LClosure *lclosure_new(Thread *L, int upvalues) {
  LClosure *c = (LClosure *)gc_new(L, V_LCLOSURE, lclosure_bytes(upvalues));
  c->id = G->next_id++;
  c->p = NULL;
  c->gclist = NULL;
  c->nupvalues = (uint8_t)upvalues;
  for (int i = 0; i < upvalues; i++) c->upvals[i] = NULL;
  return c;
}

NClosure *nclosure_new(Thread *L, int upvalues) {
  NClosure *c = (NClosure *)gc_new(L, V_NCLOSURE, nclosure_bytes(upvalues));
  c->id = G->next_id++;
  c->native = 0;
  c->gclist = NULL;
  c->nupvalues = (uint8_t)upvalues;
  for (int i = 0; i < upvalues; i++) set_nil(&c->upvalue[i]);
  return c;
}

Userdata *userdata_new(Thread *L, size_t size, int user_values) {
  if (unlikely(size > (size_t)INT64_MAX / 2)) mem_too_big(L);
  Userdata *u = (Userdata *)gc_new(L, V_USERDATA, userdata_bytes_for(user_values, size));
  u->id = G->next_id++;
  u->size = size;
  u->nuvalue = (uint16_t)user_values;
  u->metatable = NULL;
  u->gclist = NULL;
  for (int i = 0; i < user_values; i++) set_nil(&u->uv[i]);
  return u;
}

UpVal *upvalue_new_closed(Thread *L) {
  UpVal *uv = (UpVal *)gc_new(L, V_UPVAL, sizeof(UpVal));
  uv->id = G->next_id++;
  uv->v = &uv->u.closed;
  set_nil(uv->v);
  return uv;
}

static UpVal *upvalue_open(Thread *L, StkId slot, UpVal **previous) {
  UpVal *uv = (UpVal *)gc_new(L, V_UPVAL, sizeof(UpVal));
  UpVal *next = *previous;
  uv->id = G->next_id++;
  uv->v = slot;
  uv->u.open.next = next;
  uv->u.open.previous = previous;
  uv->u.open.thread = L;
  if (next) next->u.open.previous = &uv->u.open.next;
  *previous = uv;
  if (L->twups == L) { /* the collector must see threads with open upvalues */
    L->twups = G->twups;
    G->twups = L;
  }
  record_flag(STEP_UPVALUE_OPEN);
  return uv;
}

UpVal *func_find_upvalue(Thread *L, StkId slot) {
  UpVal **p = &L->openupval;
  UpVal *uv;
  while ((uv = *p) != NULL && uv->v >= slot) {
    if (uv->v == slot) return uv;
    p = &uv->u.open.next;
  }
  return upvalue_open(L, slot, p);
}

void upvalue_unlink(UpVal *uv) {
  *uv->u.open.previous = uv->u.open.next;
  if (uv->u.open.next) uv->u.open.next->u.open.previous = uv->u.open.previous;
}

void func_close_upvalues(Thread *L, StkId level) {
  UpVal *uv;
  while ((uv = L->openupval) != NULL && uv->v >= level) {
    upvalue_unlink(uv);
    TValue *own = &uv->u.closed;
    set_value(own, uv->v);
    uv->v = own;
    if (!is_white(uv)) {
      uv->marked |= BLACK; /* a closed upvalue cannot be gray */
      gc_barrier(L, uv, own);
    }
    if (recording()) record_upvalue_closed(L, uv);
    record_flag(STEP_UPVALUE_CLOSE);
  }
}

/* ---- to-be-closed variables ---- */

#define MAX_DELTA 65535

/* Call `object`'s __close(object, error). */
static void call_close(Thread *L, TValue *object, TValue *error, int yieldable_close) {
  StkId top = L->top;
  const TValue *tm = meta_of(L, object, TM_CLOSE);
  set_value(top, tm);
  set_value(top + 1, object);
  set_value(top + 2, error);
  L->top = top + 3;
  if (yieldable_close)
    call_value(L, top, 0);
  else
    call_value_noyield(L, top, 0);
}

static void check_closable(Thread *L, StkId slot) {
  if (is_nil(meta_of(L, slot, TM_CLOSE))) {
    int index = (int)(slot - L->ci->func);
    const char *name = find_local(L, L->ci, index, NULL);
    error_run(L, "variable '%s' got a non-closable value", name ? name : "?");
  }
}

void func_new_tbc(Thread *L, StkId slot) {
  if (is_falsy(slot)) return; /* nil and false need no closing */
  check_closable(L, slot);
  if (slot <= L->tbclist) error_run(L, "to-be-closed variables out of order"); /* only foreign code does that */
  while ((unsigned)(slot - L->tbclist) > MAX_DELTA) { /* bridges over a long way */
    L->tbclist += MAX_DELTA;
    L->tbclist->delta = 0;
  }
  slot->delta = (uint16_t)(slot - L->tbclist);
  L->tbclist = slot;
}

static void tbc_pop(Thread *L) {
  StkId slot = L->tbclist;
  slot -= slot->delta;
  while (slot > L->stack && slot->delta == 0) slot -= MAX_DELTA; /* over the bridges */
  L->tbclist = slot;
}

StkId func_close(Thread *L, StkId level, int status, int yieldable_close) {
  ptrdiff_t offset = stack_offset(L, level);
  func_close_upvalues(L, level);
  while (L->tbclist >= level) {
    StkId slot = L->tbclist;
    tbc_pop(L);
    TValue *error;
    TValue none = {{NULL}, V_NIL, 0, 0}; /* with a payload: it becomes part of the state */
    if (status == STATUS_CLOSE_PROTECTED) {
      error = &none;
    } else { /* the error object goes right after the value */
      error = slot + 1;
      set_error_object(L, status, slot + 1);
    }
    call_close(L, slot, error, yieldable_close);
    level = stack_at(L, offset);
  }
  return level;
}

/* ---- prototypes ---- */

Proto *proto_new(Thread *L) {
  Proto *p = (Proto *)gc_new(L, V_PROTO, sizeof(Proto));
  p->k = NULL, p->sizek = 0;
  p->code = NULL, p->sizecode = 0;
  p->p = NULL, p->sizep = 0;
  p->upvalues = NULL, p->sizeupvalues = 0;
  p->lineinfo = NULL, p->sizelineinfo = 0;
  p->abslineinfo = NULL, p->sizeabslineinfo = 0;
  p->locvars = NULL, p->sizelocvars = 0;
  p->numparams = p->is_vararg = p->maxstacksize = p->complete = 0;
  p->linedefined = p->lastlinedefined = 0;
  p->source = NULL;
  p->gclist = NULL;
  p->id = p->where = 0;
  return p;
}

size_t proto_bytes(const Proto *p) {
  return sizeof(Proto) + sizeof(*p->k) * (size_t)p->sizek + sizeof(*p->code) * (size_t)p->sizecode +
         sizeof(*p->p) * (size_t)p->sizep + sizeof(*p->upvalues) * (size_t)p->sizeupvalues +
         sizeof(*p->lineinfo) * (size_t)p->sizelineinfo + sizeof(*p->abslineinfo) * (size_t)p->sizeabslineinfo +
         sizeof(*p->locvars) * (size_t)p->sizelocvars;
}

void proto_free(Proto *p) {
  if (p->k) mem_free_array(p->k, p->sizek);
  if (p->code) mem_free_array(p->code, p->sizecode);
  if (p->p) mem_free_array(p->p, p->sizep);
  if (p->upvalues) mem_free_array(p->upvalues, p->sizeupvalues);
  if (p->lineinfo) mem_free_array(p->lineinfo, p->sizelineinfo);
  if (p->abslineinfo) mem_free_array(p->abslineinfo, p->sizeabslineinfo);
  if (p->locvars) mem_free_array(p->locvars, p->sizelocvars);
  mem_free(p, sizeof(Proto));
}

const char *func_local_name(const Proto *p, int number, int pc) {
  for (int i = 0; i < p->sizelocvars && p->locvars[i].startpc <= pc; i++)
    if (pc < p->locvars[i].endpc && --number == 0) return p->locvars[i].name ? p->locvars[i].name->bytes : "?";
  return NULL;
}
