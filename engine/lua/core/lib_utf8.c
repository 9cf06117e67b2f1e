/* utf8.* */
#include <limits.h>

#include "lib_string.h"
#include "utf8_code.h"

#define INVALID_CODE "invalid UTF-8 code"

/* A byte position as written by a program: negative ones count from the end; 0 when before the start. */
static Integer position(Integer given, size_t length) {
  if (given >= 0) return given;
  return (Unsigned)0 - (Unsigned)given > length ? 0 : (Integer)length + given + 1;
}

static int utf8_len(Thread *L) {
  size_t length;
  const char *s = arg_bytes(L, 1, &length);
  Integer at = position(opt_integer(L, 2, 1), length);
  Integer last = position(opt_integer(L, 3, -1), length);
  bool lax = to_boolean(L, 4);
  arg_check(L, 1 <= at && --at <= (Integer)length, 2, "initial position out of bounds");
  arg_check(L, --last < (Integer)length, 3, "final position out of bounds");
  Integer count = 0;
  while (at <= last) {
    uint32_t code;
    size_t size = utf8_read(s + at, s + length, &code, !lax);
    native_charge(L, 4);
    if (size == 0) { /* nil and the place of the bad byte */
      push_nil(L);
      push_integer(L, at + 1);
      return 2;
    }
    at += (Integer)size;
    count++;
  }
  push_integer(L, count);
  return 1;
}

static int utf8_codepoint(Thread *L) {
  size_t length;
  const char *s = arg_bytes(L, 1, &length);
  Integer first = position(opt_integer(L, 2, 1), length);
  Integer last = position(opt_integer(L, 3, first), length);
  bool lax = to_boolean(L, 4);
  arg_check(L, first >= 1, 2, "out of bounds");
  arg_check(L, last <= (Integer)length, 3, "out of bounds");
  if (first > last) return 0;
  if (last - first >= INT_MAX) error_at(L, "string slice too long");
  ensure_stack(L, (int)(last - first) + 1, "string slice too long");
  int count = 0;
  for (const char *at = s + first - 1; at < s + last;) {
    uint32_t code;
    size_t size = utf8_read(at, s + length, &code, !lax);
    if (size == 0) error_at(L, INVALID_CODE);
    native_charge(L, 4);
    push_integer(L, code);
    at += size;
    count++;
  }
  return count;
}

static int utf8_char(Thread *L) {
  int count = stack_top(L);
  Buf b;
  buf_init(L, &b);
  for (int i = 1; i <= count; i++) {
    Unsigned code = (Unsigned)arg_integer(L, i);
    arg_check(L, code <= UTF8_MAX_CODE, i, "value out of range");
    native_charge(L, 4);
    buf_added(&b, utf8_write(buf_reserve(&b, UTF8_MAX_BYTES), (uint32_t)code));
  }
  buf_push(&b);
  return 1;
}

static int utf8_offset(Thread *L) {
  size_t length;
  const char *s = arg_bytes(L, 1, &length);
  Integer n = arg_integer(L, 2);
  Integer at = position(opt_integer(L, 3, n >= 0 ? 1 : (Integer)length + 1), length);
  arg_check(L, 1 <= at && --at <= (Integer)length, 3, "position out of bounds");
#define CONTINUES(i) ((i) < (Integer)length && utf8_is_continuation((unsigned char)s[i]))
  if (n == 0) { /* the start of the character that holds the byte */
    for (; at > 0 && CONTINUES(at); at--) native_charge(L, 1);
    push_integer(L, at + 1);
    return 1;
  }
  if (CONTINUES(at)) error_at(L, "initial position is a continuation byte");
  if (n < 0) {
    for (; n < 0 && at > 0; n++) {
      do at--;
      while (at > 0 && CONTINUES(at));
      native_charge(L, 4);
    }
  } else {
    for (n--; n > 0 && at < (Integer)length; n--) {
      do at++;
      while (CONTINUES(at));
      native_charge(L, 4);
    }
  }
#undef CONTINUES
  if (n == 0)
    push_integer(L, at + 1);
  else
    push_nil(L); /* the string has no such character */
  return 1;
}

/* The iterator of utf8.codes: from the byte position of the last character to the next one and its code. */
static int codes_step(Thread *L, bool strict) {
  size_t length;
  const char *s = arg_bytes(L, 1, &length);
  Unsigned at = (Unsigned)to_integer(L, 2, NULL);
  for (; at < length && utf8_is_continuation((unsigned char)s[at]); at++) native_charge(L, 1);
  if (at >= length) return 0;
  uint32_t code;
  size_t size = utf8_read(s + at, s + length, &code, strict);
  if (size == 0 || (at + size < length && utf8_is_continuation((unsigned char)s[at + size])))
    error_at(L, INVALID_CODE);
  push_integer(L, (Integer)at + 1);
  push_integer(L, code);
  return 2;
}

static int codes_strict(Thread *L) { return codes_step(L, true); }
static int codes_lax(Thread *L) { return codes_step(L, false); }

static int utf8_codes(Thread *L) {
  bool lax = to_boolean(L, 2);
  size_t length;
  const char *s = arg_bytes(L, 1, &length);
  arg_check(L, length == 0 || !utf8_is_continuation((unsigned char)*s), 1, INVALID_CODE);
  push_native(L, lax ? codes_lax : codes_strict, 0);
  push_value(L, 1);
  push_integer(L, 0);
  return 3;
}

const NativeReg utf8_natives[] = {
    {"utf8.char", utf8_char, NULL}, {"utf8.codepoint", utf8_codepoint, NULL}, {"utf8.codes", utf8_codes, NULL},
    {"utf8.len", utf8_len, NULL},   {"utf8.offset", utf8_offset, NULL},       {NULL, NULL, NULL},
};

const NativeReg utf8_inner_natives[] = {
    {"utf8.codes_iterator", codes_strict, NULL},
    {"utf8.codes_iterator_lax", codes_lax, NULL},
    {NULL, NULL, NULL},
};

void open_utf8(Thread *L) {
  new_library(L, utf8_natives);
  push_bytes(L, "[\0-\x7F\xC2-\xFD][\x80-\xBF]*", 14);
  set_field(L, -2, "charpattern");
}
