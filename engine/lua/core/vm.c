/* Execution: the operations behind the instructions, and the variants of the loop. */
#include <math.h>
#include <string.h>

#include "call.h"
#include "gc.h"
#include "opcodes_gen.h"
#include "record.h"
#include "table.h"
#include "vm.h"
#include "watch.h"
#include "vm_macros.h"

#define META_CHAIN_MAX 2000

/* ---- tables with metamethods; slot NULL: `t` is not a table ---- */

void get_with_metamethods(Thread *L, const TValue *t, const TValue *key, StkId result, const TValue *slot) {
  for (int i = 0; i < META_CHAIN_MAX; i++) {
    const TValue *tm;
    if (slot == NULL) {
      tm = meta_of(L, t, TM_INDEX);
      if (unlikely(is_nil(tm))) error_type(L, t, "index");
    } else {
      tm = meta_fast(table_of(t)->metatable, TM_INDEX);
      if (tm == NULL) {
        set_nil(result);
        return;
      }
    }
    if (is_function(tm)) {
      meta_call_result(L, tm, t, key, result);
      return;
    }
    t = tm;
    if (is_table(t)) {
      slot = table_get(table_of(t), key);
      if (!is_empty(slot)) {
        set_value(result, slot);
        return;
      }
    } else
      slot = NULL;
  }
  error_run(L, "'__index' chain too long; possible loop");
}

void set_with_metamethods(Thread *L, const TValue *t, const TValue *key, const TValue *value, const TValue *slot) {
  for (int i = 0; i < META_CHAIN_MAX; i++) {
    const TValue *tm;
    if (slot != NULL) {
      Table *h = table_of(t);
      if (is_empty(slot)) {
        tm = meta_fast(h->metatable, TM_NEWINDEX);
        if (tm == NULL) {
          record_table(L, h, key, slot, value);
          table_finish_set(L, h, key, slot, value);
          table_forget_absent_events(h);
          gc_barrier_back(L, h, value);
          return;
        }
      } else {
        record_table(L, h, key, slot, value);
        set_value((TValue *)slot, value);
        gc_barrier_back(L, h, value);
        return;
      }
    } else {
      tm = meta_of(L, t, TM_NEWINDEX);
      if (unlikely(is_nil(tm))) error_type(L, t, "index");
    }
    if (is_function(tm)) {
      meta_call(L, tm, t, key, value);
      return;
    }
    t = tm;
    slot = is_table(t) ? table_get(table_of(t), key) : NULL;
  }
  error_run(L, "'__newindex' chain too long; possible loop");
}

void value_get(Thread *L, const TValue *t, const TValue *key, StkId result) {
  const TValue *slot = is_table(t) ? table_get(table_of(t), key) : NULL;
  if (slot && !is_empty(slot))
    set_value(result, slot);
  else
    get_with_metamethods(L, t, key, result, slot);
}

void value_set(Thread *L, const TValue *t, const TValue *key, const TValue *value) {
  set_with_metamethods(L, t, key, value, is_table(t) ? table_get(table_of(t), key) : NULL);
}

/* ---- comparison ---- */

int values_equal(Thread *L, const TValue *a, const TValue *b) {
  if (a->tag != b->tag) {
    if (type_of(a) != TYPE_NUMBER || type_of(b) != TYPE_NUMBER) return 0;
    Integer i, j; /* an integer equals a float only if both have the same integer value */
    return number_to_integer(a, &i, 0) && number_to_integer(b, &j, 0) && i == j;
  }
  const TValue *tm;
  switch (a->tag) {
    case V_NIL: case V_EMPTY: case V_ABSENT: case V_FALSE: case V_TRUE: return 1;
    case V_FLT: return flt_of(a) == flt_of(b);
    case V_LONG: return string_long_equal(string_of(a), string_of(b));
    case V_TABLE:
    case V_USERDATA:
      if (gc_of(a) == gc_of(b)) return 1;
      if (L == NULL) return 0;
      tm = meta_fast(metatable_of(a), TM_EQ);
      if (tm == NULL) tm = meta_fast(metatable_of(b), TM_EQ);
      break;
    default: return a->v.bits == b->v.bits;
  }
  if (tm == NULL) return 0;
  meta_call_result(L, tm, a, b, L->top);
  return !is_falsy(L->top);
}

int value_less(Thread *L, const TValue *a, const TValue *b) {
  if (is_number(a) && is_number(b)) return number_less(a, b);
  if (is_string(a) && is_string(b)) return string_compare(string_of(a), string_of(b)) < 0;
  return meta_order(L, a, b, TM_LT);
}

int value_less_equal(Thread *L, const TValue *a, const TValue *b) {
  if (is_number(a) && is_number(b)) return number_less_equal(a, b);
  if (is_string(a) && is_string(b)) return string_compare(string_of(a), string_of(b)) <= 0;
  return meta_order(L, a, b, TM_LE);
}

/* ---- length and concatenation ---- */

void value_length(Thread *L, StkId result, const TValue *v) {
  const TValue *tm;
  switch (v->tag) {
    case V_TABLE: {
      Table *t = table_of(v);
      tm = meta_fast(t->metatable, TM_LEN);
      if (tm) break;
      set_int(result, (Integer)table_length(t));
      return;
    }
    case V_SHORT:
    case V_LONG: set_int(result, (Integer)string_length(string_of(v))); return;
    default:
      tm = meta_of(L, v, TM_LEN);
      if (unlikely(is_nil(tm))) error_type(L, v, "get length of");
  }
  meta_call_result(L, tm, v, v, result);
}

/* A number becomes its text in place; 1 when `v` is a string now. */
static int make_string(Thread *L, TValue *v) {
  if (is_string(v)) return 1;
  if (!is_number(v)) return 0;
  char text[NUMBER_TEXT];
  size_t n = number_to_text(v, text);
  TString *s = string_new(L, text, n);
  set_string(v, s);
  return 1;
}

static void copy_strings(StkId top, int n, char *to) {
  for (; n > 0; n--) {
    const TString *s = string_of(top - n);
    size_t length = string_length(s);
    memcpy(to, s->bytes, length);
    to += length;
  }
}

void concat_top(Thread *L, int total) {
  if (total == 1) return;
  do {
    StkId top = L->top;
    int n = 2; /* how many this round takes */
    if (!(is_string(top - 2) || is_number(top - 2)) || !make_string(L, top - 1))
      meta_concat(L);
    else if (string_length(string_of(top - 1)) == 0)
      make_string(L, top - 2);
    else if (is_string(top - 2) && string_length(string_of(top - 2)) == 0)
      set_value(top - 2, top - 1);
    else {
      size_t length = string_length(string_of(top - 1));
      for (n = 1; n < total && make_string(L, top - n - 1); n++) {
        size_t more = string_length(string_of(top - n - 1));
        if (unlikely(more >= (size_t)INT64_MAX - sizeof(TString) - length)) {
          L->top = top - total;
          error_run(L, "string length overflow");
        }
        length += more;
      }
      TString *s;
      if (length <= SHORT_MAX) {
        char buffer[SHORT_MAX];
        copy_strings(top, n, buffer);
        s = string_new(L, buffer, length);
      } else {
        native_charge(L, length);
        s = string_long(L, length);
        copy_strings(top, n, s->bytes);
      }
      set_string(top - n, s);
    }
    total -= n - 1;
    L->top -= n - 1;
  } while (total > 1);
}

/* ---- numeric for ---- */

/* The limit as an integer, cut to the range; 1: the loop does not run. */
static int for_limit(Thread *L, Integer start, const TValue *limit, Integer *out, Integer step) {
  if (!tointeger_mode(limit, out, step < 0 ? 2 : 1)) {
    Number n;
    if (!value_to_number(limit, &n)) error_for(L, limit, "limit");
    if (n > 0) { /* above every integer */
      if (step < 0) return 1;
      *out = INT64_MAX;
    } else {
      if (step > 0) return 1;
      *out = INT64_MIN;
    }
  }
  return step > 0 ? start > *out : start < *out;
}

int for_prepare(Thread *L, StkId ra) {
  TValue *start = ra, *limit = ra + 1, *step = ra + 2;
  if (is_integer(start) && is_integer(step)) {
    Integer first = int_of(start), by = int_of(step), last;
    if (by == 0) error_run(L, "'for' step is zero");
    set_int(ra + 3, first);
    if (for_limit(L, first, limit, &last, by)) return 1;
    Unsigned count;
    if (by > 0) {
      count = (Unsigned)last - (Unsigned)first;
      if (by != 1) count /= (Unsigned)by;
    } else
      count = ((Unsigned)first - (Unsigned)last) / ((Unsigned)(-(by + 1)) + 1u);
    set_int(limit, (Integer)count); /* iterations left, in the limit's place */
    return 0;
  }
  Number first, last, by;
  if (unlikely(!value_to_number(limit, &last))) error_for(L, limit, "limit");
  if (unlikely(!value_to_number(step, &by))) error_for(L, step, "step");
  if (unlikely(!value_to_number(start, &first))) error_for(L, start, "initial value");
  if (by == 0) error_run(L, "'for' step is zero");
  if (by > 0 ? last < first : first < last) return 1;
  set_flt(limit, last);
  set_flt(step, by);
  set_flt(ra, first);
  set_flt(ra + 3, first);
  return 0;
}

int for_loop_float(StkId ra) {
  Number step = flt_of(ra + 2), limit = flt_of(ra + 1), index = flt_of(ra) + step;
  if (!(step > 0 ? index <= limit : limit <= index)) return 0;
  set_flt(ra, index); /* with its tag: foreign code may have put anything here */
  set_flt(ra + 3, index);
  return 1;
}

/* ---- closures ---- */

static void closure_make(Thread *L, Proto *p, UpVal **enclosing, StkId base, StkId ra) {
  LClosure *c = lclosure_new(L, p->sizeupvalues);
  c->p = p;
  set_gc(ra, c, V_LCLOSURE);
  for (int i = 0; i < p->sizeupvalues; i++) {
    c->upvals[i] = p->upvalues[i].instack ? func_find_upvalue(L, base + p->upvalues[i].idx) : enclosing[p->upvalues[i].idx];
    gc_barrier_object(L, c, c->upvals[i]);
  }
}

/* ---- the rest of an instruction whose callee yielded ---- */

void finish_interrupted_op(Thread *L) {
  CallInfo *ci = L->ci;
  StkId base = ci->func + 1;
  Instruction i = ci->u.l.savedpc[-1];
  switch (GET_OPCODE(i)) {
    case OP_MMBIN: case OP_MMBINI: case OP_MMBINK:
      L->top--;
      set_value(base + GETARG_A(ci->u.l.savedpc[-2]), L->top);
      break;
    case OP_UNM: case OP_BNOT: case OP_LEN: case OP_GETTABUP: case OP_GETTABLE: case OP_GETI: case OP_GETFIELD:
    case OP_SELF:
      L->top--;
      set_value(base + GETARG_A(i), L->top);
      break;
    case OP_LT: case OP_LE: case OP_LTI: case OP_LEI: case OP_GTI: case OP_GEI: case OP_EQ: {
      int result = !is_falsy(L->top - 1);
      L->top--;
      if (ci->callstatus & CALL_LESS_EQUAL) {
        ci->callstatus ^= CALL_LESS_EQUAL;
        result = !result;
      }
      if (result != GETARG_k(i)) ci->u.l.savedpc++; /* not taken: skip the jump (else it is executed on its own, as in PUC) */
      break;
    }
    case OP_CONCAT: {
      StkId top = L->top - 1;
      int rest = (int)(top - 1 - (base + GETARG_A(i)));
      set_value(top - 2, top);
      L->top = top - 1;
      concat_top(L, rest);
      break;
    }
    case OP_CLOSE: ci->u.l.savedpc--; break; /* again, for the other variables */
    case OP_RETURN:
      L->top = base + GETARG_A(i) + ci->u2.nres;
      ci->u.l.savedpc--;
      break;
    default: break; /* calls and table writes leave nothing to do */
  }
}

/* ---- the loop ---- */

#define INT_ADD(x, y) ((Integer)((Unsigned)(x) + (Unsigned)(y)))
#define INT_SUB(x, y) ((Integer)((Unsigned)(x) - (Unsigned)(y)))
#define INT_MUL(x, y) ((Integer)((Unsigned)(x) * (Unsigned)(y)))
#define INT_MOD(x, y) integer_mod(L, x, y)
#define INT_IDIV(x, y) integer_floor_div(L, x, y)
#define INT_BAND(x, y) ((x) & (y))
#define INT_BOR(x, y) ((x) | (y))
#define INT_BXOR(x, y) ((x) ^ (y))
#define INT_SHR(x, y) shift_left((x), INT_SUB(0, y))
#define FLT_ADD(x, y) ((x) + (y))
#define FLT_SUB(x, y) ((x) - (y))
#define FLT_MUL(x, y) ((x) * (y))
#define FLT_DIV(x, y) ((x) / (y))

#define EXECUTE execute_fast
#define MODE LOOP_FAST
#include "vm_loop.h"
#undef EXECUTE
#undef MODE

#define EXECUTE execute_checked
#define MODE LOOP_CHECKED
#include "vm_loop.h"
#undef EXECUTE
#undef MODE

#define EXECUTE execute_watched
#define MODE LOOP_WATCHED
#include "vm_loop.h"
#undef EXECUTE
#undef MODE

uint8_t mode_wanted(void) {
  if (CTL->recording == RECORD_WATCH && (CTL->breakpoints || G->hooked_threads > 0)) watch_give_up();
  if (CTL->recording == RECORD_WATCH) return LOOP_WATCHED;
  return CTL->recording || CTL->breakpoints || G->hooked_threads > 0 ? LOOP_CHECKED : LOOP_FAST;
}

void mode_update(void) {
  uint8_t mode = mode_wanted();
  if (mode == CTL->mode) return;
  int64_t left = CTL->left[CTL->mode];
  CTL->left[CTL->mode] = 0;
  CTL->left[mode] = left;
  CTL->mode = mode;
}

void execute(Thread *L, CallInfo *ci) {
  const Proto *p = ci_closure(ci)->p;
  if (unlikely(L->hookmask) && ci->u.l.savedpc == p->code && !p->is_vararg) hook_call(L, ci);
  static int (*const variants[LOOP_VARIANTS])(Thread *, CallInfo *) = {
      [LOOP_FAST] = execute_fast, [LOOP_CHECKED] = execute_checked, [LOOP_WATCHED] = execute_watched};
  while (!variants[CTL->mode](L, ci)) ci = L->ci;
}
