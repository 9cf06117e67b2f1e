/* Metamethods and variable arguments. */
#include <string.h>

#include "call.h"
#include "gc.h"
#include "table.h"
#include "vm.h"

static const char *const visible_names[TYPE_COUNT + 3] = {"no value", "nil",      "boolean",  "userdata", "number",  "string",
                                                          "table",    "function", "userdata", "thread",   "upvalue", "proto"};

const char *type_name(int type) { return visible_names[type + 1]; }

void meta_init(Thread *L) {
  static const char *const names[TM_COUNT] = {
      "__index", "__newindex", "__gc",  "__mode", "__len", "__eq",  "__add",    "__sub",  "__mul",
      "__mod",   "__pow",      "__div", "__idiv", "__band", "__bor", "__bxor",   "__shl",  "__shr",
      "__unm",   "__bnot",     "__lt",  "__le",   "__concat", "__call", "__close"};
  for (int i = 0; i < TM_COUNT; i++) {
    G->event_names[i] = string_from(L, names[i]);
    gc_fix(as_gc(G->event_names[i]));
  }
}

const TValue *meta_get(Table *metatable, int event, TString *name) {
  const TValue *tm = table_get_short(metatable, name);
  if (is_nil(tm)) {
    metatable->absent_events |= (uint8_t)(1u << event);
    return NULL;
  }
  return tm;
}

Table *metatable_of(const TValue *v) {
  switch (type_of(v)) {
    case TYPE_TABLE: return table_of(v)->metatable;
    case TYPE_USERDATA: return userdata_of(v)->metatable;
    default: return G->type_metatables[type_of(v)];
  }
}

static const TValue nil_value = {{NULL}, V_NIL, 0, 0};

const TValue *meta_of(Thread *L, const TValue *v, int event) {
  (void)L;
  Table *mt = metatable_of(v);
  return mt ? table_get_short(mt, G->event_names[event]) : &nil_value;
}

const char *meta_type_name(Thread *L, const TValue *v) {
  Table *mt = is_table(v) || v->tag == V_USERDATA ? metatable_of(v) : NULL;
  if (mt) {
    const TValue *name = table_get_short(mt, string_literal(L, "__name"));
    if (is_string(name)) return string_of(name)->bytes;
  }
  return type_name(type_of(v));
}

#define in_lua_code(ci) (!((ci)->callstatus & (CALL_NATIVE | CALL_HOOKED)))

static void call_from(Thread *L, StkId func, int results) {
  if (in_lua_code(L->ci)) /* metamethods may yield only when called from Lua */
    call_value(L, func, results);
  else
    call_value_noyield(L, func, results);
}

void meta_call(Thread *L, const TValue *f, const TValue *a, const TValue *b, const TValue *c) {
  StkId func = L->top; /* EXTRA_STACK has room */
  set_value(func, f);
  set_value(func + 1, a);
  set_value(func + 2, b);
  set_value(func + 3, c);
  L->top = func + 4;
  call_from(L, func, 0);
}

void meta_call_result(Thread *L, const TValue *f, const TValue *a, const TValue *b, StkId result) {
  ptrdiff_t offset = stack_offset(L, result);
  StkId func = L->top;
  set_value(func, f);
  set_value(func + 1, a);
  set_value(func + 2, b);
  L->top = func + 3;
  call_from(L, func, 1);
  result = stack_at(L, offset);
  L->top--;
  set_value(result, L->top);
}

static int call_binary(Thread *L, const TValue *a, const TValue *b, StkId result, int event) {
  const TValue *tm = meta_of(L, a, event);
  if (is_nil(tm)) tm = meta_of(L, b, event);
  if (is_nil(tm)) return 0;
  meta_call_result(L, tm, a, b, result);
  return 1;
}

void meta_binary(Thread *L, const TValue *a, const TValue *b, StkId result, int event) {
  if (likely(call_binary(L, a, b, result, event))) return;
  switch (event) {
    case TM_BAND: case TM_BOR: case TM_BXOR: case TM_SHL: case TM_SHR: case TM_BNOT:
      if (is_number(a) && is_number(b)) error_to_integer(L, a, b);
      error_operand(L, a, b, "perform bitwise operation on");
    default: error_operand(L, a, b, "perform arithmetic on");
  }
}

void meta_concat(Thread *L) {
  StkId top = L->top;
  if (unlikely(!call_binary(L, top - 2, top - 1, top - 2, TM_CONCAT))) error_concat(L, top - 2, top - 1);
}

void meta_binary_flipped(Thread *L, const TValue *a, const TValue *b, int flip, StkId result, int event) {
  if (flip)
    meta_binary(L, b, a, result, event);
  else
    meta_binary(L, a, b, result, event);
}

void meta_binary_int(Thread *L, const TValue *a, Integer i, int flip, StkId result, int event) {
  TValue v;
  set_int(&v, i);
  meta_binary_flipped(L, a, &v, flip, result, event);
}

int meta_order(Thread *L, const TValue *a, const TValue *b, int event) {
  if (call_binary(L, a, b, L->top, event)) return !is_falsy(L->top);
  if (event == TM_LE) { /* a stock build of Lua 5.4 still takes __lt for <= */
    L->ci->callstatus |= CALL_LESS_EQUAL;
    if (call_binary(L, b, a, L->top, TM_LT)) {
      L->ci->callstatus ^= CALL_LESS_EQUAL;
      return is_falsy(L->top);
    }
  }
  error_order(L, a, b);
}

int meta_order_int(Thread *L, const TValue *a, int b, int flip, int as_float, int event) {
  TValue v;
  if (as_float)
    set_flt(&v, (Number)b);
  else
    set_int(&v, b);
  return flip ? meta_order(L, &v, a, event) : meta_order(L, a, &v, event);
}

/* A vararg function's frame moves above its arguments; the extra ones stay below. */
void varargs_adjust(Thread *L, int params, CallInfo *ci, const Proto *p) {
  int given = (int)(L->top - ci->func) - 1;
  ci->u.l.nextraargs = given - params;
  stack_need(L, p->maxstacksize + 1);
  set_value(L->top, ci->func);
  L->top++;
  for (int i = 1; i <= params; i++) {
    set_value(L->top, ci->func + i);
    L->top++;
    set_nil(ci->func + i); /* the collector need not keep the old copy */
  }
  ci->func += given + 1;
  ci->top += given + 1;
}

void varargs_get(Thread *L, CallInfo *ci, StkId where, int wanted) {
  int extra = ci->u.l.nextraargs;
  if (wanted < 0) {
    wanted = extra;
    if (unlikely(L->stack_last - L->top <= extra)) {
      ptrdiff_t offset = stack_offset(L, where);
      gc_check(L);
      stack_grow(L, extra, 1);
      where = stack_at(L, offset);
    }
    L->top = where + extra;
  }
  int i = 0;
  for (; i < wanted && i < extra; i++) set_value(where + i, ci->func - extra + i);
  for (; i < wanted; i++) set_nil(where + i);
}
