/* string.find, match, gmatch and gsub: the matcher of pattern.c applied to Lua values. */
#include "ascii.h"
#include "lib_string.h"
#include "pattern.h"

static void charge(void *context, uint64_t work) {
  Thread *L = context;
  native_charge(L, work);
}

static void fail(void *context, const char *message, int number) { error_at(context, message, number); }

static PatternHost host_of(Thread *L) { return (PatternHost){.context = L, .charge = charge, .fail = fail}; }

static void push_capture(Thread *L, Matcher *m, int index, const char *from, const char *to) {
  PatternCapture c = pattern_capture(m, index, from, to);
  if (c.length == CAPTURE_POSITION)
    push_integer(L, c.start - m->subject + 1);
  else
    push_bytes(L, c.start, (size_t)c.length);
}

/* Push what a match [from, to) gives: its captures, or the whole match when it has none. */
static int push_captures(Thread *L, Matcher *m, const char *from, const char *to) {
  int count = pattern_result_count(m);
  ensure_stack(L, count, "too many captures");
  for (int i = 0; i < count; i++) push_capture(L, m, i, from, to);
  return count;
}

/* Shared by find (positions first) and match. */
static int search(Thread *L, bool find) {
  size_t length, pattern_length;
  const char *s = arg_bytes(L, 1, &length);
  const char *p = arg_bytes(L, 2, &pattern_length);
  size_t start = (size_t)string_start(opt_integer(L, 3, 1), length) - 1;
  if (start > length) {
    push_nil(L);
    return 1;
  }
  if (find && (to_boolean(L, 4) || pattern_is_plain(p, pattern_length))) {
    const char *at = pattern_find_plain(host_of(L), s + start, length - start, p, pattern_length);
    if (at) {
      push_integer(L, at - s + 1);
      push_integer(L, at - s + (Integer)pattern_length);
      return 2;
    }
    push_nil(L);
    return 1;
  }
  bool anchored = pattern_length > 0 && *p == '^';
  Matcher m;
  pattern_begin(&m, host_of(L), s, length, p + anchored, pattern_length - anchored);
  const char *from = s + start;
  do {
    const char *to = pattern_match_at(&m, from);
    if (to) {
      if (!find) return push_captures(L, &m, from, to);
      push_integer(L, from - s + 1);
      push_integer(L, to - s);
      return m.level ? push_captures(L, &m, from, to) + 2 : 2;
    }
  } while (from++ < m.subject_end && !anchored);
  push_nil(L);
  return 1;
}

static int string_find(Thread *L) { return search(L, true); }
static int string_match(Thread *L) { return search(L, false); }

/* The iterator of gmatch. Upvalues: subject, pattern, offset to go on from, end of the last match or -1. */
static int gmatch_next(Thread *L) {
  size_t length, pattern_length;
  const char *s = to_bytes(L, UPVALUE_INDEX(1), &length);
  const char *p = to_bytes(L, UPVALUE_INDEX(2), &pattern_length);
  Integer last_end = to_integer(L, UPVALUE_INDEX(4), NULL);
  Matcher m;
  pattern_begin(&m, host_of(L), s, length, p, pattern_length);
  for (const char *from = s + to_integer(L, UPVALUE_INDEX(3), NULL); from <= m.subject_end; from++) {
    const char *to = pattern_match_at(&m, from);
    if (to && to - s != last_end) { /* an empty match right after a match does not count */
      push_integer(L, to - s);
      push_value(L, -1);
      copy_value(L, -1, UPVALUE_INDEX(3));
      copy_value(L, -1, UPVALUE_INDEX(4));
      pop(L, 2);
      return push_captures(L, &m, from, to);
    }
  }
  return 0;
}

static int string_gmatch(Thread *L) {
  size_t length;
  arg_bytes(L, 1, &length);
  arg_text(L, 2);
  Integer start = string_start(opt_integer(L, 3, 1), length) - 1;
  if (start > (Integer)length) start = (Integer)length + 1; /* nothing left to match */
  set_top(L, 2);
  push_integer(L, start);
  push_integer(L, -1);
  push_native(L, gmatch_next, 4);
  return 1;
}

/* Add the replacement text (argument 3) with its %0…%9 filled in. */
static void add_template(Thread *L, Buf *b, Matcher *m, const char *from, const char *to) {
  size_t length;
  const char *text = to_bytes(L, 3, &length);
  const char *end = text + length;
  const char *escape;
  native_charge(L, length);
  while ((escape = memchr(text, '%', (size_t)(end - text))) != NULL) {
    buf_add(b, text, (size_t)(escape - text));
    unsigned char kind = escape + 1 < end ? (unsigned char)escape[1] : 0;
    if (kind == '%') {
      buf_char(b, '%');
    } else if (kind == '0') {
      buf_add(b, from, (size_t)(to - from));
      native_charge(L, to - from);
    } else if (ascii_is_digit(kind)) {
      push_capture(L, m, kind - '1', from, to);
      buf_add_value(b);
    } else {
      error_at(L, "invalid use of '%c' in replacement string", '%');
    }
    text = escape + 2;
  }
  buf_add(b, text, (size_t)(end - text));
}

/* Add what the match [from, to) is replaced by. False when it stays as it was. */
static bool add_replacement(Thread *L, Buf *b, Matcher *m, const char *from, const char *to, int type) {
  switch (type) {
    case TYPE_FUNCTION: {
      push_value(L, 3);
      int count = push_captures(L, m, from, to);
      call(L, count, 1);
      break;
    }
    case TYPE_TABLE:
      push_capture(L, m, 0, from, to);
      get_table(L, 3);
      break;
    default: add_template(L, b, m, from, to); return true;
  }
  if (!to_boolean(L, -1)) {
    pop(L, 1);
    buf_add(b, from, (size_t)(to - from));
    return false;
  }
  if (unlikely(!is_string_at(L, -1))) error_at(L, "invalid replacement value (a %s)", type_name_at(L, -1));
  size_t length;
  to_bytes(L, -1, &length);
  native_charge(L, length);
  buf_add_value(b);
  return true;
}

static int string_gsub(Thread *L) {
  size_t length, pattern_length;
  const char *s = arg_bytes(L, 1, &length);
  const char *p = arg_bytes(L, 2, &pattern_length);
  int type = type_at(L, 3);
  Integer most = opt_integer(L, 4, (Integer)length + 1);
  arg_expected(L, type == TYPE_NUMBER || type == TYPE_STRING || type == TYPE_FUNCTION || type == TYPE_TABLE, 3,
               "string/function/table");
  bool anchored = pattern_length > 0 && *p == '^';
  Matcher m;
  Buf b;
  buf_init(L, &b);
  pattern_begin(&m, host_of(L), s, length, p + anchored, pattern_length - anchored);
  const char *last_end = NULL;
  Integer count = 0;
  bool changed = false;
  while (count < most) {
    const char *to = pattern_match_at(&m, s);
    if (to && to != last_end) {
      count++;
      changed |= add_replacement(L, &b, &m, s, to, type);
      s = last_end = to;
    } else if (s < m.subject_end) {
      buf_char(&b, *s);
      s++;
    } else {
      break;
    }
    if (anchored) break;
  }
  if (changed) {
    buf_add(&b, s, (size_t)(m.subject_end - s));
    buf_push(&b);
  } else {
    push_value(L, 1); /* the very same string */
  }
  push_integer(L, count);
  return 2;
}

const NativeReg string_pattern_natives[] = {
    {"string.find", string_find, NULL},
    {"string.gmatch", string_gmatch, NULL},
    {"string.gsub", string_gsub, NULL},
    {"string.match", string_match, NULL},
    {NULL, NULL, NULL},
};

const NativeReg string_inner_natives[] = {{"string.gmatch_iterator", gmatch_next, NULL}, {NULL, NULL, NULL}};
