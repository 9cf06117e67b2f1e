/* Arithmetic on values, and comparison of integers with floats. */
#include <math.h>

#include "call.h"
#include "vm.h"

#define TWO_63 9223372036854775808.0
/* Integers with at most this magnitude convert to double exactly. */
#define EXACT_INT (1LL << 53)
#define fits_float(i) ((Unsigned)(i) + (Unsigned)EXACT_INT <= 2 * (Unsigned)EXACT_INT)

Number number_mod(Number a, Number b) {
  Number m = fmod(a, b);
  if (m > 0 ? b < 0 : (m < 0 && b > 0)) m += b;
  return m;
}

Number float_mod(Number a, Number b) { return number_mod(a, b); }

Number number_pow(Number a, Number b) { return b == 2 ? a * a : pow(a, b); }

Number number_floor_div(Number a, Number b) { return floor(a / b); }

Integer integer_floor_div(Thread *L, Integer a, Integer b) {
  if (unlikely((Unsigned)b + 1u <= 1u)) { /* 0 or -1 */
    if (b == 0) error_run(L, "attempt to divide by zero");
    return (Integer)(0 - (Unsigned)a); /* the quotient of the smallest integer overflows */
  }
  Integer q = a / b;
  if ((a ^ b) < 0 && a % b != 0) q -= 1;
  return q;
}

Integer integer_mod(Thread *L, Integer a, Integer b) {
  if (unlikely((Unsigned)b + 1u <= 1u)) {
    if (b == 0) error_run(L, "attempt to perform 'n%%0'");
    return 0;
  }
  Integer r = a % b;
  if (r != 0 && (r ^ b) < 0) r += b;
  return r;
}

Integer shift_left(Integer x, Integer y) {
  if (y <= -64 || y >= 64) return 0;
  return y < 0 ? (Integer)((Unsigned)x >> -y) : (Integer)((Unsigned)x << y);
}

int float_to_integer(Number n, Integer *out, int mode) {
  Number f = floor(n);
  if (f != n) {
    if (mode == 0) return 0;
    if (mode == 2) f += 1;
  }
  if (!(f >= -TWO_63 && f < TWO_63)) return 0;
  *out = (Integer)f;
  return 1;
}

int number_to_integer(const TValue *v, Integer *out, int mode) {
  if (is_integer(v)) {
    *out = int_of(v);
    return 1;
  }
  return is_float(v) && float_to_integer(flt_of(v), out, mode);
}

int string_to_value(const TValue *v, TValue *out) {
  if (!is_string(v)) return 0;
  const TString *s = string_of(v);
  return text_to_value(s->bytes, out) == string_length(s) + 1;
}

int tointeger_mode(const TValue *v, Integer *out, int mode) {
  TValue n;
  if (string_to_value(v, &n)) v = &n;
  return number_to_integer(v, out, mode);
}

int value_to_integer(const TValue *v, Integer *out) { return tointeger_mode(v, out, 0); }

int value_to_number(const TValue *v, Number *out) {
  TValue n;
  if (string_to_value(v, &n)) v = &n;
  if (!is_number(v)) return 0;
  *out = num_of(v);
  return 1;
}

static Integer integer_op(Thread *L, int event, Integer a, Integer b) {
  switch (event) {
    case TM_ADD: return (Integer)((Unsigned)a + (Unsigned)b);
    case TM_SUB: return (Integer)((Unsigned)a - (Unsigned)b);
    case TM_MUL: return (Integer)((Unsigned)a * (Unsigned)b);
    case TM_MOD: return integer_mod(L, a, b);
    case TM_IDIV: return integer_floor_div(L, a, b);
    case TM_BAND: return a & b;
    case TM_BOR: return a | b;
    case TM_BXOR: return a ^ b;
    case TM_SHL: return shift_left(a, b);
    case TM_SHR: return shift_left(a, (Integer)(0 - (Unsigned)b));
    case TM_UNM: return (Integer)(0 - (Unsigned)a);
    default: return ~a; /* TM_BNOT */
  }
}

static Number number_op(int event, Number a, Number b) {
  switch (event) {
    case TM_ADD: return a + b;
    case TM_SUB: return a - b;
    case TM_MUL: return a * b;
    case TM_DIV: return a / b;
    case TM_POW: return number_pow(a, b);
    case TM_IDIV: return number_floor_div(a, b);
    case TM_UNM: return -a;
    default: return number_mod(a, b); /* TM_MOD */
  }
}

int arith_raw(Thread *L, int event, const TValue *a, const TValue *b, TValue *result) {
  switch (event) {
    case TM_BAND: case TM_BOR: case TM_BXOR: case TM_SHL: case TM_SHR: case TM_BNOT: {
      Integer i, j;
      if (!number_to_integer(a, &i, 0) || !number_to_integer(b, &j, 0)) return 0;
      set_int(result, integer_op(L, event, i, j));
      return 1;
    }
    case TM_DIV: case TM_POW: break;
    default:
      if (is_integer(a) && is_integer(b)) {
        set_int(result, integer_op(L, event, int_of(a), int_of(b)));
        return 1;
      }
  }
  if (!is_number(a) || !is_number(b)) return 0;
  set_flt(result, number_op(event, num_of(a), num_of(b)));
  return 1;
}

/* ---- comparison; a NaN compares false with everything ---- */

static int int_less_float(Integer i, Number f) {
  Integer j;
  if (fits_float(i)) return (Number)i < f;
  if (float_to_integer(f, &j, 2)) return i < j;
  return f > 0; /* above every integer, or not */
}

static int int_less_equal_float(Integer i, Number f) {
  Integer j;
  if (fits_float(i)) return (Number)i <= f;
  if (float_to_integer(f, &j, 1)) return i <= j;
  return f > 0;
}

static int float_less_int(Number f, Integer i) {
  Integer j;
  if (fits_float(i)) return f < (Number)i;
  if (float_to_integer(f, &j, 1)) return j < i;
  return f < 0;
}

static int float_less_equal_int(Number f, Integer i) {
  Integer j;
  if (fits_float(i)) return f <= (Number)i;
  if (float_to_integer(f, &j, 2)) return j <= i;
  return f < 0;
}

int number_less(const TValue *a, const TValue *b) {
  if (is_integer(a)) return is_integer(b) ? int_of(a) < int_of(b) : int_less_float(int_of(a), flt_of(b));
  return is_float(b) ? flt_of(a) < flt_of(b) : float_less_int(flt_of(a), int_of(b));
}

int number_less_equal(const TValue *a, const TValue *b) {
  if (is_integer(a)) return is_integer(b) ? int_of(a) <= int_of(b) : int_less_equal_float(int_of(a), flt_of(b));
  return is_float(b) ? flt_of(a) <= flt_of(b) : float_less_equal_int(flt_of(a), int_of(b));
}
