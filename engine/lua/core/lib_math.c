/* math.*, with Lua's two kinds of numbers. The generator's state is a userdata that math.random and math.randomseed
   share; it is seeded at the first use, from the journal, so that a program without chance asks for none. */
#include <float.h>
#include <math.h>

#include "ascii.h"
#include "libraries.h"
#include "native.h"
#include "random.h"

typedef struct Generator {
  RandomState state;
  bool seeded;
} Generator;

/* The float as an integer if it fits, else as it is. */
static void push_whole(Thread *L, Number x) {
  Integer i;
  if (float_to_integer(x, &i, 0))
    push_integer(L, i);
  else
    push_number(L, x);
}

static int math_abs(Thread *L) {
  if (is_integer_at(L, 1)) {
    Integer n = to_integer(L, 1, NULL);
    push_integer(L, n < 0 ? (Integer)(0u - (Unsigned)n) : n);
  } else {
    push_number(L, fabs(arg_number(L, 1)));
  }
  return 1;
}

static int round_with(Thread *L, Number (*rounding)(Number)) {
  if (is_integer_at(L, 1))
    set_top(L, 1);
  else
    push_whole(L, rounding(arg_number(L, 1)));
  return 1;
}

static int math_floor(Thread *L) { return round_with(L, floor); }
static int math_ceil(Thread *L) { return round_with(L, ceil); }

static int math_fmod(Thread *L) {
  if (is_integer_at(L, 1) && is_integer_at(L, 2)) {
    Integer divisor = to_integer(L, 2, NULL);
    arg_check(L, divisor != 0, 2, "zero");
    /* the smallest integer divided by -1 traps on this processor */
    push_integer(L, divisor == -1 ? 0 : to_integer(L, 1, NULL) % divisor);
  } else {
    Number b = arg_number(L, 2), a = arg_number(L, 1); /* the order of complaints is PUC's */
    push_number(L, fmod(a, b));
  }
  return 1;
}

static int math_modf(Thread *L) {
  if (is_integer_at(L, 1)) {
    set_top(L, 1);
    push_number(L, 0);
  } else {
    Number x = arg_number(L, 1);
    Number whole = x < 0 ? ceil(x) : floor(x);
    push_whole(L, whole);
    push_number(L, x == whole ? 0.0 : x - whole); /* infinities are whole */
  }
  return 2;
}

static int math_sqrt(Thread *L) { return push_number(L, sqrt(arg_number(L, 1))), 1; }
static int math_sin(Thread *L) { return push_number(L, sin(arg_number(L, 1))), 1; }
static int math_cos(Thread *L) { return push_number(L, cos(arg_number(L, 1))), 1; }
static int math_tan(Thread *L) { return push_number(L, tan(arg_number(L, 1))), 1; }
static int math_asin(Thread *L) { return push_number(L, asin(arg_number(L, 1))), 1; }
static int math_acos(Thread *L) { return push_number(L, acos(arg_number(L, 1))), 1; }
static int math_exp(Thread *L) { return push_number(L, exp(arg_number(L, 1))), 1; }
static int math_deg(Thread *L) { return push_number(L, arg_number(L, 1) * (180.0 / M_PI)), 1; }
static int math_rad(Thread *L) { return push_number(L, arg_number(L, 1) * (M_PI / 180.0)), 1; }

static int math_atan(Thread *L) {
  Number y = arg_number(L, 1), x = opt_number(L, 2, 1);
  push_number(L, atan2(y, x));
  return 1;
}

static int math_log(Thread *L) {
  Number x = arg_number(L, 1);
  if (is_none_or_nil(L, 2)) {
    push_number(L, log(x));
    return 1;
  }
  Number base = arg_number(L, 2);
  push_number(L, base == 2.0 ? log2(x) : base == 10.0 ? log10(x) : log(x) / log(base));
  return 1;
}

/* The functions of Lua 5.3 that builds of 5.4 releases keep. */
static int math_cosh(Thread *L) { return push_number(L, cosh(arg_number(L, 1))), 1; }
static int math_sinh(Thread *L) { return push_number(L, sinh(arg_number(L, 1))), 1; }
static int math_tanh(Thread *L) { return push_number(L, tanh(arg_number(L, 1))), 1; }
static int math_log10(Thread *L) { return push_number(L, log10(arg_number(L, 1))), 1; }

static int math_pow(Thread *L) {
  Number x = arg_number(L, 1), y = arg_number(L, 2);
  push_number(L, pow(x, y));
  return 1;
}

static int math_frexp(Thread *L) {
  int exponent;
  push_number(L, frexp(arg_number(L, 1), &exponent));
  push_integer(L, exponent);
  return 2;
}

static int math_ldexp(Thread *L) {
  Number x = arg_number(L, 1);
  push_number(L, ldexp(x, (int)arg_integer(L, 2)));
  return 1;
}

static int math_tointeger(Thread *L) {
  int ok;
  Integer n = to_integer(L, 1, &ok);
  if (likely(ok)) {
    push_integer(L, n);
  } else {
    arg_any(L, 1);
    push_nil(L);
  }
  return 1;
}

static int math_type(Thread *L) {
  if (type_at(L, 1) == TYPE_NUMBER) {
    push_string(L, is_integer_at(L, 1) ? "integer" : "float");
  } else {
    arg_any(L, 1);
    push_nil(L);
  }
  return 1;
}

static int math_ult(Thread *L) {
  Integer a = arg_integer(L, 1), b = arg_integer(L, 2);
  push_boolean(L, (Unsigned)a < (Unsigned)b);
  return 1;
}

static int math_max(Thread *L) {
  int count = stack_top(L), best = 1;
  arg_check(L, count >= 1, 1, "value expected");
  for (int i = 2; i <= count; i++)
    if (compare(L, best, i, COMPARE_LT)) best = i;
  push_value(L, best);
  return 1;
}

static int math_min(Thread *L) {
  int count = stack_top(L), best = 1;
  arg_check(L, count >= 1, 1, "value expected");
  for (int i = 2; i <= count; i++)
    if (compare(L, i, best, COMPARE_LT)) best = i;
  push_value(L, best);
  return 1;
}

/* ---- chance ---- */

static void seed_and_push(Thread *L, Generator *g, Unsigned first, Unsigned second) {
  random_seed(&g->state, first, second);
  g->seeded = true;
  push_integer(L, (Integer)first);
  push_integer(L, (Integer)second);
}

/* Seed from the journal: an entry of channel "seed" is two decimal integers. */
static void seed_from_journal(Thread *L, Generator *g) {
  size_t size;
  const char *text = machine_journal(L, "seed", &size);
  Unsigned parts[2] = {0, 0};
  for (int i = 0; i < 2; i++) {
    while (*text == ' ') text++;
    bool negative = *text == '-';
    for (text += negative; ascii_is_digit((unsigned char)*text); text++)
      parts[i] = parts[i] * 10 + (Unsigned)(*text - '0');
    if (negative) parts[i] = 0u - parts[i];
  }
  seed_and_push(L, g, parts[0], parts[1]);
}

static Generator *generator_of(Thread *L) { return to_userdata(L, UPVALUE_INDEX(1)); } /* debug.setupvalue spares it */

static int math_random(Thread *L) {
  Generator *g = generator_of(L);
  int count = stack_top(L);
  if (!g->seeded) {
    seed_from_journal(L, g);
    set_top(L, count);
  }
  uint64_t bits = random_next(&g->state);
  Integer low = 1, high;
  switch (count) {
    case 0: push_number(L, random_to_float(bits)); return 1;
    case 1:
      high = arg_integer(L, 1);
      if (high == 0) { /* all 64 bits */
        push_integer(L, (Integer)bits);
        return 1;
      }
      break;
    case 2:
      low = arg_integer(L, 1);
      high = arg_integer(L, 2);
      break;
    default: return error_at(L, "wrong number of arguments");
  }
  arg_check(L, low <= high, 1, "interval is empty");
  push_integer(L, (Integer)(random_project(&g->state, bits, (Unsigned)high - (Unsigned)low) + (Unsigned)low));
  return 1;
}

static int math_randomseed(Thread *L) {
  Generator *g = generator_of(L);
  if (is_none(L, 1)) {
    seed_from_journal(L, g);
  } else {
    Integer first = arg_integer(L, 1), second = opt_integer(L, 2, 0);
    seed_and_push(L, g, (Unsigned)first, (Unsigned)second);
  }
  return 2;
}

const NativeReg math_natives[] = {
    {"math.abs", math_abs, NULL},   {"math.acos", math_acos, NULL},           {"math.asin", math_asin, NULL},
    {"math.atan", math_atan, NULL}, {"math.ceil", math_ceil, NULL},           {"math.cos", math_cos, NULL},
    {"math.deg", math_deg, NULL},   {"math.exp", math_exp, NULL},             {"math.floor", math_floor, NULL},
    {"math.fmod", math_fmod, NULL}, {"math.log", math_log, NULL},             {"math.max", math_max, NULL},
    {"math.min", math_min, NULL},   {"math.modf", math_modf, NULL},           {"math.rad", math_rad, NULL},
    {"math.sin", math_sin, NULL},   {"math.sqrt", math_sqrt, NULL},           {"math.tan", math_tan, NULL},
    {"math.type", math_type, NULL}, {"math.tointeger", math_tointeger, NULL}, {"math.ult", math_ult, NULL},
    {"math.cosh", math_cosh, NULL}, {"math.sinh", math_sinh, NULL},           {"math.tanh", math_tanh, NULL},
    {"math.pow", math_pow, NULL},   {"math.frexp", math_frexp, NULL},         {"math.ldexp", math_ldexp, NULL},
    {"math.log10", math_log10, NULL}, {"math.atan2", math_atan, NULL},
    {NULL, NULL, NULL},
};

const NativeReg random_natives[] = {
    {"math.random", math_random, NULL},
    {"math.randomseed", math_randomseed, NULL},
    {NULL, NULL, NULL},
};

void open_math(Thread *L) {
  new_library(L, math_natives);
  push_number(L, M_PI);
  set_field(L, -2, "pi");
  push_number(L, HUGE_VAL);
  set_field(L, -2, "huge");
  push_integer(L, INT64_MAX);
  set_field(L, -2, "maxinteger");
  push_integer(L, INT64_MIN);
  set_field(L, -2, "mininteger");
  Generator *g = new_userdata(L, sizeof *g, 0);
  memset(g, 0, sizeof *g);
  set_natives(L, random_natives, 1);
}
