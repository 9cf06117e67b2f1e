/* The stack API of native.h: values and tables. Calls are in native_calls.c; arguments, buffers and messages in
 * auxiliary.c. */
#include "native.h"

#include "call.h"
#include "gc.h"
#include "record.h"
#include "table.h"
#include "vm.h"

NativeFn native_functions[NATIVE_MAX]; /* constant once filled: follows from the list of libraries alone */

void natives_prepare(void) {
  uint32_t count = native_count();
  if (count > NATIVE_MAX) __builtin_trap();
  for (uint32_t i = 0; i < count; i++) native_functions[i] = native_row(i)->fn;
}

/* ---- the stack ---- */

static const TValue no_value = {{NULL}, V_ABSENT, 0, 0}; /* what an index beyond the top stands for */
#define is_no_value(v) ((v) == &no_value)

TValue *value_at(Thread *L, int index) {
  CallInfo *ci = L->ci;
  if (index > 0) {
    StkId o = ci->func + index;
    return o >= L->top ? (TValue *)&no_value : o;
  }
  if (index > REGISTRY_INDEX) return L->top + index;
  if (index == REGISTRY_INDEX) return &G->registry;
  index = REGISTRY_INDEX - index;
  if (ci->func->tag == V_NCLOSURE) {
    NClosure *c = nclosure_of(ci->func);
    if (index <= c->nupvalues) return &c->upvalue[index - 1];
  }
  return (TValue *)&no_value;
}

int stack_top(Thread *L) { return (int)(L->top - (L->ci->func + 1)); }

void set_top(Thread *L, int index) {
  CallInfo *ci = L->ci;
  StkId wanted;
  if (index >= 0) {
    wanted = ci->func + 1 + index;
    while (L->top < wanted) set_nil(L->top++);
  } else
    wanted = L->top + index + 1;
  if (wanted < L->top && L->tbclist >= wanted) wanted = func_close(L, wanted, STATUS_CLOSE_PROTECTED, 0);
  L->top = wanted;
}

int abs_index(Thread *L, int index) {
  return index > 0 || index <= REGISTRY_INDEX ? index : (int)(L->top - L->ci->func) + index;
}

void push_object(Thread *L, const TValue *value) {
  set_value(L->top, value);
  L->top++;
}

void push_value(Thread *L, int index) { push_object(L, value_at(L, index)); }

static void reverse(StkId from, StkId to) {
  for (; from < to; from++, to--) {
    TValue v;
    set_value(&v, from);
    set_value(from, to);
    set_value(to, &v);
  }
}

void rotate(Thread *L, int index, int n) {
  StkId last = L->top - 1, first = value_at(L, index);
  StkId middle = n >= 0 ? last - n : first - n - 1;
  reverse(first, middle);
  reverse(middle + 1, last);
  reverse(first, last);
}

void copy_value(Thread *L, int from, int to) {
  TValue *target = value_at(L, to);
  set_value(target, value_at(L, from));
  if (to < REGISTRY_INDEX) gc_barrier(L, nclosure_of(L->ci->func), target);
}

int check_stack(Thread *L, int n) {
  CallInfo *ci = L->ci;
  if (L->stack_last - L->top <= n && !stack_grow(L, n, 0)) return 0;
  if (ci->top < L->top + n) ci->top = L->top + n;
  return 1;
}

void move_values(Thread *from, Thread *to, int n) {
  if (from == to) return;
  from->top -= n;
  for (int i = 0; i < n; i++) {
    set_value(to->top, from->top + i);
    to->top++;
  }
}

/* ---- reading ---- */

int type_at(Thread *L, int index) {
  const TValue *v = value_at(L, index);
  return is_no_value(v) ? TYPE_NONE : type_of(v);
}

int is_integer_at(Thread *L, int index) { return is_integer(value_at(L, index)); }

int is_number_at(Thread *L, int index) {
  Number n;
  return value_to_number(value_at(L, index), &n);
}

int is_string_at(Thread *L, int index) {
  const TValue *v = value_at(L, index);
  return is_string(v) || is_number(v);
}

int is_native_at(Thread *L, int index) {
  const TValue *v = value_at(L, index);
  return v->tag == V_NATIVE || v->tag == V_NCLOSURE;
}

int to_boolean(Thread *L, int index) { return !is_falsy(value_at(L, index)); }

Integer to_integer(Thread *L, int index, int *ok) {
  Integer i = 0;
  int done = value_to_integer(value_at(L, index), &i);
  if (ok) *ok = done;
  return done ? i : 0;
}

Number to_number(Thread *L, int index, int *ok) {
  Number n = 0;
  int done = value_to_number(value_at(L, index), &n);
  if (ok) *ok = done;
  return done ? n : 0;
}

const char *to_bytes(Thread *L, int index, size_t *length) {
  TValue *v = value_at(L, index);
  if (!is_string(v)) {
    if (!is_number(v)) {
      if (length) *length = 0;
      return NULL;
    }
    char text[NUMBER_TEXT];
    size_t n = number_to_text(v, text);
    TString *s = string_new(L, text, n);
    set_string(v, s);
    gc_check(L);
    v = value_at(L, index); /* the stack may have moved */
  }
  if (length) *length = string_length(string_of(v));
  return string_of(v)->bytes;
}

Unsigned raw_length(Thread *L, int index) {
  const TValue *v = value_at(L, index);
  switch (v->tag) {
    case V_SHORT: case V_LONG: return string_length(string_of(v));
    case V_USERDATA: return userdata_of(v)->size;
    case V_TABLE: return table_length(table_of(v));
    default: return 0;
  }
}

void *to_userdata(Thread *L, int index) {
  const TValue *v = value_at(L, index);
  if (v->tag == V_USERDATA) return userdata_bytes(userdata_of(v));
  return v->tag == V_LIGHT ? v->v.p : NULL;
}

Thread *to_thread(Thread *L, int index) {
  const TValue *v = value_at(L, index);
  return v->tag == V_THREAD ? thread_of(v) : NULL;
}

const void *to_address(Thread *L, int index) {
  const TValue *v = value_at(L, index);
  switch (v->tag) {
    case V_NATIVE: return (const void *)(uintptr_t)(0x10000 + v->v.native * 16); /* no code address: same in every run */
    case V_USERDATA: case V_LIGHT: return to_userdata(L, index);
    default: return is_collectable(v) ? gc_of(v) : NULL;
  }
}

/* ---- pushing ---- */

void push_nil(Thread *L) { set_nil(L->top++); }

void push_boolean(Thread *L, int b) {
  set_bool(L->top, b);
  L->top++;
}

void push_integer(Thread *L, Integer i) {
  set_int(L->top, i);
  L->top++;
}

void push_number(Thread *L, Number n) {
  set_flt(L->top, n);
  L->top++;
}

const char *push_bytes(Thread *L, const char *bytes, size_t length) {
  TString *s = string_new(L, bytes, length);
  set_string(L->top, s);
  L->top++;
  gc_check(L);
  return s->bytes;
}

const char *push_string(Thread *L, const char *text) {
  if (text) return push_bytes(L, text, strlen(text));
  push_nil(L);
  return NULL;
}

void push_native(Thread *L, NativeFn fn, int upvalues) {
  uint32_t number = native_number(fn);
  if (upvalues == 0) {
    set_native(L->top, number);
    L->top++;
    return;
  }
  NClosure *c = nclosure_new(L, upvalues);
  c->native = number;
  L->top -= upvalues;
  for (int i = 0; i < upvalues; i++) set_value(&c->upvalue[i], L->top + i);
  set_gc(L->top, c, V_NCLOSURE);
  L->top++;
  gc_check(L);
}

void push_light(Thread *L, void *p) {
  set_light(L->top, p);
  L->top++;
}

int push_thread(Thread *L) {
  set_gc(L->top, L, V_THREAD);
  L->top++;
  return L == G->main_thread;
}

/* ---- tables ---- */

int get_table(Thread *L, int index) {
  value_get(L, value_at(L, index), L->top - 1, L->top - 1);
  return type_of(L->top - 1);
}

int get_field(Thread *L, int index, const char *name) {
  const TValue *t = value_at(L, index);
  TString *s = string_from(L, name);
  set_string(L->top, s);
  L->top++;
  value_get(L, t, L->top - 1, L->top - 1);
  return type_of(L->top - 1);
}

int get_index(Thread *L, int index, Integer n) {
  const TValue *t = value_at(L, index);
  set_int(L->top, n);
  L->top++;
  value_get(L, t, L->top - 1, L->top - 1);
  return type_of(L->top - 1);
}

static const TValue *globals(void) { return table_get_int(table_of(&G->registry), REGISTRY_GLOBALS); }

int get_global(Thread *L, const char *name) {
  TString *s = string_from(L, name);
  set_string(L->top, s);
  L->top++;
  value_get(L, globals(), L->top - 1, L->top - 1);
  return type_of(L->top - 1);
}

static int push_slot(Thread *L, const TValue *slot) {
  if (is_empty(slot))
    set_nil(L->top);
  else
    set_value(L->top, slot);
  L->top++;
  return type_of(L->top - 1);
}

int raw_get(Thread *L, int index) {
  const TValue *slot = table_get(table_of(value_at(L, index)), L->top - 1);
  L->top--;
  return push_slot(L, slot);
}

int raw_get_index(Thread *L, int index, Integer n) {
  return push_slot(L, table_get_int(table_of(value_at(L, index)), n));
}

int raw_get_field(Thread *L, int index, const char *name) {
  Table *t = table_of(value_at(L, index));
  return push_slot(L, table_get_string(t, string_from(L, name)));
}

void new_table(Thread *L, int array_slots, int hash_slots) {
  Table *t = table_new(L);
  set_tbl(L->top, t);
  L->top++;
  if (array_slots > 0 || hash_slots > 0) table_resize(L, t, (uint32_t)array_slots, (uint32_t)hash_slots);
  gc_check(L);
}

int get_metatable(Thread *L, int index) {
  Table *mt = metatable_of(value_at(L, index));
  if (mt == NULL) return 0;
  set_tbl(L->top, mt);
  L->top++;
  return 1;
}

int get_user_value(Thread *L, int index, int n) {
  const Userdata *u = userdata_of(value_at(L, index));
  if (n <= 0 || n > u->nuvalue) {
    push_nil(L);
    return TYPE_NONE;
  }
  push_object(L, &u->uv[n - 1]);
  return type_of(L->top - 1);
}

void set_table(Thread *L, int index) {
  value_set(L, value_at(L, index), L->top - 2, L->top - 1);
  L->top -= 2;
}

/* t[key on top] = value below it; both popped. */
static void set_swapped(Thread *L, const TValue *t) {
  value_set(L, t, L->top - 1, L->top - 2);
  L->top -= 2;
}

void set_field(Thread *L, int index, const char *name) {
  const TValue *t = value_at(L, index);
  TString *s = string_from(L, name);
  set_string(L->top, s);
  L->top++;
  set_swapped(L, t);
}

void set_index(Thread *L, int index, Integer n) {
  const TValue *t = value_at(L, index);
  set_int(L->top, n);
  L->top++;
  set_swapped(L, t);
}

void set_global(Thread *L, const char *name) {
  TString *s = string_from(L, name);
  set_string(L->top, s);
  L->top++;
  set_swapped(L, globals());
}

static void raw_store(Thread *L, Table *t, const TValue *key, const TValue *value) {
  const TValue *slot = table_get(t, key);
  record_table(L, t, key, slot, value);
  table_finish_set(L, t, key, slot, value);
  table_forget_absent_events(t);
  gc_barrier_back(L, t, value);
}

void raw_set(Thread *L, int index) {
  raw_store(L, table_of(value_at(L, index)), L->top - 2, L->top - 1);
  L->top -= 2;
}

void raw_set_index(Thread *L, int index, Integer n) {
  TValue key;
  set_int(&key, n);
  raw_store(L, table_of(value_at(L, index)), &key, L->top - 1);
  L->top--;
}

void raw_set_field(Thread *L, int index, const char *name) {
  Table *t = table_of(value_at(L, index));
  TString *s = string_from(L, name);
  set_string(L->top, s);
  L->top++;
  raw_store(L, t, L->top - 1, L->top - 2);
  L->top -= 2;
}

void set_metatable(Thread *L, int index) {
  TValue *object = value_at(L, index);
  Table *mt = is_table(L->top - 1) ? table_of(L->top - 1) : NULL;
  switch (type_of(object)) {
    case TYPE_TABLE:
      record_metatable(L, table_of(object), table_of(object)->metatable, mt);
      table_of(object)->metatable = mt;
      if (mt) {
        gc_barrier_object(L, table_of(object), mt);
        gc_check_finalizer(L, gc_of(object), mt);
      }
      break;
    case TYPE_USERDATA:
      record_metatable(L, userdata_of(object), userdata_of(object)->metatable, mt);
      userdata_of(object)->metatable = mt;
      if (mt) {
        gc_barrier_object(L, userdata_of(object), mt);
        gc_check_finalizer(L, gc_of(object), mt);
      }
      break;
    default: G->type_metatables[type_of(object)] = mt; break;
  }
  L->top--;
}

int set_user_value(Thread *L, int index, int n) {
  Userdata *u = userdata_of(value_at(L, index));
  int exists = n > 0 && n <= u->nuvalue;
  if (exists) {
    set_value(&u->uv[n - 1], L->top - 1);
    gc_barrier_back(L, u, L->top - 1);
  }
  L->top--;
  return exists;
}

void *new_userdata(Thread *L, size_t size, int user_values) {
  Userdata *u = userdata_new(L, size, user_values);
  set_gc(L->top, u, V_USERDATA);
  L->top++;
  gc_check(L);
  return userdata_bytes(u);
}

int table_next_at(Thread *L, int index) {
  int more = table_next(L, table_of(value_at(L, index)), L->top - 1);
  if (more)
    L->top++;
  else
    L->top--;
  return more;
}

/* ---- operations ---- */

int raw_equal(Thread *L, int a, int b) {
  const TValue *x = value_at(L, a), *y = value_at(L, b);
  return !is_no_value(x) && !is_no_value(y) && raw_values_equal(x, y);
}

int compare(Thread *L, int a, int b, int op) {
  const TValue *x = value_at(L, a), *y = value_at(L, b);
  if (is_no_value(x) || is_no_value(y)) return 0;
  switch (op) {
    case COMPARE_EQ: return values_equal(L, x, y);
    case COMPARE_LT: return value_less(L, x, y);
    default: return value_less_equal(L, x, y);
  }
}

void arith(Thread *L, int event) {
  if (event == TM_UNM || event == TM_BNOT) { /* one operand, twice */
    set_value(L->top, L->top - 1);
    L->top++;
  }
  if (!arith_raw(L, event, L->top - 2, L->top - 1, L->top - 2))
    meta_binary(L, L->top - 2, L->top - 1, L->top - 2, event);
  L->top--;
}

void concat(Thread *L, int n) {
  if (n > 0)
    concat_top(L, n);
  else
    push_bytes(L, "", 0);
  gc_check(L);
}

void push_length(Thread *L, int index) {
  value_length(L, L->top, value_at(L, index));
  L->top++;
}

size_t text_to_number(Thread *L, const char *text) {
  size_t n = text_to_value(text, L->top);
  if (n) L->top++;
  return n;
}
