/* string.*, the part without patterns, formats and packing; and the metatable of strings. */
#include <limits.h>

#include "ascii.h"
#include "lib_string.h"

Integer string_start(Integer position, size_t length) {
  if (position > 0) return position;
  if (position == 0 || position < -(Integer)length) return 1;
  return (Integer)length + position + 1;
}

Integer string_end(Integer position, size_t length) {
  if (position > (Integer)length) return (Integer)length;
  if (position >= 0) return position;
  return position < -(Integer)length ? 0 : (Integer)length + position + 1;
}

static int string_byte(Thread *L) {
  size_t length;
  const char *s = arg_bytes(L, 1, &length);
  Integer given = opt_integer(L, 2, 1);
  Integer last = string_end(opt_integer(L, 3, given), length);
  Integer first = string_start(given, length);
  if (first > last) return 0;
  if (unlikely(last - first >= (Integer)INT_MAX)) error_at(L, "string slice too long");
  int count = (int)(last - first) + 1;
  ensure_stack(L, count, "string slice too long");
  native_charge(L, count);
  for (int i = 0; i < count; i++) push_integer(L, (unsigned char)s[first - 1 + i]);
  return count;
}

static int string_char(Thread *L) {
  int count = stack_top(L);
  Buf b;
  char *out = buf_init_size(L, &b, (size_t)count);
  native_charge(L, count);
  for (int i = 1; i <= count; i++) {
    Unsigned c = (Unsigned)arg_integer(L, i);
    arg_check(L, c <= UCHAR_MAX, i, "value out of range");
    out[i - 1] = (char)c;
  }
  buf_push_size(&b, (size_t)count);
  return 1;
}

static int string_dump(Thread *L) {
  bool strip = to_boolean(L, 2);
  arg_type(L, 1, TYPE_FUNCTION);
  set_top(L, 1);
  const TValue *function = value_at(L, 1);
  if (!is_lclosure(function)) error_at(L, "unable to dump given function");
  push_dump(L, lclosure_of(function)->p, strip);
  return 1;
}

static int string_len(Thread *L) {
  size_t length;
  arg_bytes(L, 1, &length);
  push_integer(L, (Integer)length);
  return 1;
}

static int map_bytes(Thread *L, unsigned char (*map)(unsigned char)) {
  size_t length;
  const char *s = arg_bytes(L, 1, &length);
  Buf b;
  char *out = buf_init_size(L, &b, length);
  native_charge(L, length);
  for (size_t i = 0; i < length; i++) out[i] = (char)map((unsigned char)s[i]);
  buf_push_size(&b, length);
  return 1;
}

static int string_lower(Thread *L) { return map_bytes(L, ascii_lower); }
static int string_upper(Thread *L) { return map_bytes(L, ascii_upper); }

static int string_rep(Thread *L) {
  size_t length, separator_length;
  const char *s = arg_bytes(L, 1, &length);
  Integer count = arg_integer(L, 2);
  const char *separator = opt_bytes(L, 3, "", &separator_length);
  size_t unit = length + separator_length;
  if (count <= 0 || unit == 0) {
    push_literal(L, "");
    return 1;
  }
  if (unlikely(unit > STRING_RESULT_MAX / (Unsigned)count)) error_at(L, "resulting string too large");
  size_t total = unit * (size_t)count - separator_length;
  Buf b;
  char *out = buf_init_size(L, &b, total);
  memcpy(out, s, length);
  if (total > length) {
    /* One unit by hand; then what is there doubles itself (a unit is the text with the separator before it). */
    memcpy(out + length, separator, separator_length);
    size_t done = unit;
    while (done < total) {
      size_t chunk = done < total - done ? done : total - done;
      if (chunk > 1 << 20) chunk = (size_t)(1 << 20) / unit ? (size_t)(1 << 20) / unit * unit : unit;
      if (chunk > total - done) chunk = total - done;
      native_charge(L, chunk);
      memcpy(out + done, out, chunk);
      done += chunk;
    }
  }
  buf_push_size(&b, total);
  return 1;
}

static int string_reverse(Thread *L) {
  size_t length;
  const char *s = arg_bytes(L, 1, &length);
  Buf b;
  char *out = buf_init_size(L, &b, length);
  native_charge(L, length);
  for (size_t i = 0; i < length; i++) out[i] = s[length - 1 - i];
  buf_push_size(&b, length);
  return 1;
}

static int string_sub(Thread *L) {
  size_t length;
  const char *s = arg_bytes(L, 1, &length);
  Integer first = string_start(arg_integer(L, 2), length);
  Integer last = string_end(opt_integer(L, 3, -1), length);
  if (first <= last) {
    native_charge(L, last - first + 1);
    push_bytes(L, s + first - 1, (size_t)(last - first) + 1);
  } else {
    push_literal(L, "");
  }
  return 1;
}

/* ---- arithmetic on strings that hold numbers ---- */

/* Push argument `arg` as a number; false (and nothing pushed) when it is none. */
static bool push_as_number(Thread *L, int arg) {
  if (type_at(L, arg) == TYPE_NUMBER) {
    push_value(L, arg);
    return true;
  }
  size_t length;
  const char *text = type_at(L, arg) == TYPE_STRING ? to_bytes(L, arg, &length) : NULL;
  if (!text) return false;
  size_t used = text_to_number(L, text);
  if (used == length + 1) return true;
  if (used) pop(L, 1); /* a number, then a zero byte and more */
  return false;
}

static int string_arith(Thread *L, int event, const char *name) {
  if (push_as_number(L, 1) && push_as_number(L, 2)) {
    if (event == TM_UNM) pop(L, 1); /* both operands are the same one */
    arith(L, event);
    return 1;
  }
  set_top(L, 2);
  if (unlikely(type_at(L, 2) == TYPE_STRING || get_metafield(L, 2, name) == TYPE_NIL))
    error_at(L, "attempt to %s a '%s' with a '%s'", name + 2, type_name_at(L, -2), type_name_at(L, -1));
  insert_at(L, -3);
  call(L, 2, 1);
  return 1;
}

static int string_add(Thread *L) { return string_arith(L, TM_ADD, "__add"); }
static int string_sub_event(Thread *L) { return string_arith(L, TM_SUB, "__sub"); }
static int string_mul(Thread *L) { return string_arith(L, TM_MUL, "__mul"); }
static int string_mod(Thread *L) { return string_arith(L, TM_MOD, "__mod"); }
static int string_pow(Thread *L) { return string_arith(L, TM_POW, "__pow"); }
static int string_div(Thread *L) { return string_arith(L, TM_DIV, "__div"); }
static int string_idiv(Thread *L) { return string_arith(L, TM_IDIV, "__idiv"); }
static int string_unm(Thread *L) { return string_arith(L, TM_UNM, "__unm"); }

const NativeReg string_natives[] = {
    {"string.byte", string_byte, NULL},   {"string.char", string_char, NULL}, {"string.dump", string_dump, NULL},
    {"string.len", string_len, NULL},     {"string.lower", string_lower, NULL},
    {"string.rep", string_rep, NULL},     {"string.reverse", string_reverse, NULL},
    {"string.sub", string_sub, NULL},     {"string.upper", string_upper, NULL},
    {NULL, NULL, NULL},
};

const NativeReg string_metamethods[] = {
    {"string.__add", string_add, NULL},   {"string.__sub", string_sub_event, NULL}, {"string.__mul", string_mul, NULL},
    {"string.__mod", string_mod, NULL},   {"string.__pow", string_pow, NULL},       {"string.__div", string_div, NULL},
    {"string.__idiv", string_idiv, NULL}, {"string.__unm", string_unm, NULL},       {NULL, NULL, NULL},
};

void open_string(Thread *L) {
  new_library(L, string_natives);
  set_natives(L, string_pattern_natives, 0);
  set_natives(L, string_format_natives, 0);
  set_natives(L, string_pack_natives, 0);
  new_library(L, string_metamethods);
  push_value(L, -2);
  set_field(L, -2, "__index");
  push_literal(L, "");
  insert_at(L, -2);
  set_metatable(L, -2); /* all strings share it */
  pop(L, 1);
}
