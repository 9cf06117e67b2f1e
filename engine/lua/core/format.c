/* string.format. A conversion is checked here against what Lua allows, then printed by the C library's snprintf, which
   reads nothing of the host but its radix character (the process keeps LC_NUMERIC at "C"). */
#include <math.h>
#include <stdio.h>

#include "ascii.h"
#include "lib_string.h"

enum {
  SPEC_SIZE = 32,   /* longest conversion, with room for a length modifier */
  ITEM_SIZE = 128,  /* longest result of a conversion with two-digit width and precision */
  FLOAT_SIZE = 440, /* the same for %f of the largest float: 309 digits, 99 decimals, sign and point */
};

typedef struct Spec {
  char text[SPEC_SIZE]; /* "%…d", closed by a zero */
  size_t length;        /* without that zero */
  char conversion;
} Spec;

/* Which flags a conversion takes, and whether it takes a precision. NULL: no such conversion. */
static const char *allowed_flags(char conversion, bool *precision) {
  *precision = true;
  switch (conversion) {
    case 'd':
    case 'i': return "-+0 ";
    case 'u': return "-0";
    case 'o':
    case 'x':
    case 'X': return "-#0";
    case 'a':
    case 'A':
    case 'f':
    case 'e':
    case 'E':
    case 'g':
    case 'G': return "-+#0 ";
    case 's': return "-";
    case 'c':
    case 'p': *precision = false; return "-";
    default: return NULL;
  }
}

/* Read the conversion after the '%' at `at` into `spec`; where it ends. */
static const char *read_spec(Thread *L, const char *at, Spec *spec) {
  size_t length = strspn(at, "-+#0 123456789.") + 1; /* a string's closing zero ends it at the latest */
  if (length >= SPEC_SIZE - 10) error_at(L, "invalid format (too long)");
  spec->text[0] = '%';
  memcpy(spec->text + 1, at, length);
  spec->text[length + 1] = '\0';
  spec->length = length + 1;
  spec->conversion = at[length - 1];
  return at + length;
}

static const char *skip_two_digits(const char *p) {
  for (int i = 0; i < 2 && ascii_is_digit((unsigned char)*p); i++) p++;
  return p;
}

/* Raises unless the flags, width (two digits) and precision (two digits) are ones that the conversion takes. */
static void check_spec(Thread *L, const Spec *spec) {
  bool precision;
  const char *p = spec->text + 1;
  p += strspn(p, allowed_flags(spec->conversion, &precision));
  if (*p != '0') {
    p = skip_two_digits(p);
    if (*p == '.' && precision) p = skip_two_digits(p + 1);
  }
  if (!ascii_is_alpha((unsigned char)*p)) error_at(L, "invalid conversion specification: '%s'", spec->text);
}

/* Put "ll" before the conversion letter. */
static void widen(Spec *spec) {
  spec->text[spec->length - 1] = 'l';
  spec->text[spec->length] = 'l';
  spec->text[spec->length + 1] = spec->conversion;
  spec->text[spec->length + 2] = '\0';
}

static void add_integer(Thread *L, Buf *b, int arg, Spec *spec) {
  Integer value = arg_integer(L, arg);
  check_spec(L, spec);
  widen(spec);
  char *out = buf_reserve(b, ITEM_SIZE);
  buf_added(b, (size_t)snprintf(out, ITEM_SIZE, spec->text, (long long)value));
}

static void add_float(Thread *L, Buf *b, int arg, const Spec *spec) {
  Number value = arg_number(L, arg);
  check_spec(L, spec);
  char *out = buf_reserve(b, FLOAT_SIZE);
  buf_added(b, (size_t)snprintf(out, FLOAT_SIZE, spec->text, value));
}

static void add_character(Thread *L, Buf *b, int arg, const Spec *spec) {
  check_spec(L, spec);
  int value = (int)arg_integer(L, arg);
  char *out = buf_reserve(b, ITEM_SIZE);
  buf_added(b, (size_t)snprintf(out, ITEM_SIZE, spec->text, value));
}

static void add_address(Thread *L, Buf *b, int arg, Spec *spec) {
  const void *address = to_address(L, arg);
  check_spec(L, spec);
  char *out = buf_reserve(b, ITEM_SIZE);
  if (!address) { /* a value without identity */
    spec->text[spec->length - 1] = 's';
    buf_added(b, (size_t)snprintf(out, ITEM_SIZE, spec->text, "(null)"));
  } else {
    buf_added(b, (size_t)snprintf(out, ITEM_SIZE, spec->text, address));
  }
}

static void add_string(Thread *L, Buf *b, int arg, const Spec *spec) {
  size_t length;
  const char *s = to_display(L, arg, &length);
  native_charge(L, length);
  if (spec->length == 2) { /* plain %s */
    buf_add_value(b);
    return;
  }
  arg_check(L, length == strlen(s), arg, "string contains zeros");
  check_spec(L, spec);
  if (length >= 100 && !strchr(spec->text, '.')) { /* longer than any width */
    buf_add_value(b);
    return;
  }
  char item[ITEM_SIZE]; /* not in the buffer: the string on the stack's top is in the way of growing it */
  int size = snprintf(item, sizeof item, spec->text, s);
  pop(L, 1);
  buf_add(b, item, (size_t)size);
}

/* ---- %q ---- */

static void add_quoted_string(Thread *L, Buf *b, int arg) {
  size_t length;
  const char *s = to_bytes(L, arg, &length);
  native_charge(L, length);
  buf_char(b, '"');
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)s[i];
    if (c == '"' || c == '\\' || c == '\n') {
      buf_char(b, '\\');
      buf_char(b, (char)c);
    } else if (ascii_is_control(c)) {
      bool digit_follows = i + 1 < length && ascii_is_digit((unsigned char)s[i + 1]);
      char *out = buf_reserve(b, 8);
      buf_added(b, (size_t)snprintf(out, 8, digit_follows ? "\\%03d" : "\\%d", c));
    } else {
      buf_char(b, (char)c);
    }
  }
  buf_char(b, '"');
}

/* A numeral that reads back as the very same number. */
static void add_quoted_number(Thread *L, Buf *b, int arg) {
  char *out = buf_reserve(b, ITEM_SIZE);
  if (is_integer_at(L, arg)) {
    Integer n = to_integer(L, arg, NULL);
    buf_added(b, (size_t)snprintf(out, ITEM_SIZE, n == INT64_MIN ? "0x%llx" : "%lld", (long long)n));
    return;
  }
  Number x = to_number(L, arg, NULL);
  const char *special = x == HUGE_VAL ? "1e9999" : x == -HUGE_VAL ? "-1e9999" : x != x ? "(0/0)" : NULL;
  buf_added(b, (size_t)(special ? snprintf(out, ITEM_SIZE, "%s", special) : snprintf(out, ITEM_SIZE, "%a", x)));
}

static void add_literal(Thread *L, Buf *b, int arg) {
  switch (type_at(L, arg)) {
    case TYPE_STRING: add_quoted_string(L, b, arg); break;
    case TYPE_NUMBER: add_quoted_number(L, b, arg); break;
    case TYPE_NIL:
    case TYPE_BOOLEAN:
      to_display(L, arg, NULL);
      buf_add_value(b);
      break;
    default: arg_error(L, arg, "value has no literal form");
  }
}

static void add_conversion(Thread *L, Buf *b, int arg, Spec *spec) {
  switch (spec->conversion) {
    case 'c': add_character(L, b, arg, spec); break;
    case 'd':
    case 'i':
    case 'u':
    case 'o':
    case 'x':
    case 'X': add_integer(L, b, arg, spec); break;
    case 'a':
    case 'A':
    case 'f':
    case 'e':
    case 'E':
    case 'g':
    case 'G': add_float(L, b, arg, spec); break;
    case 'p': add_address(L, b, arg, spec); break;
    case 's': add_string(L, b, arg, spec); break;
    case 'q':
      if (spec->length != 2) error_at(L, "specifier '%%q' cannot have modifiers");
      add_literal(L, b, arg);
      break;
    default: error_at(L, "invalid conversion '%s' to 'format'", spec->text);
  }
}

static int string_format(Thread *L) {
  int count = stack_top(L), arg = 1;
  size_t length;
  const char *format = arg_bytes(L, 1, &length);
  const char *end = format + length;
  Buf b;
  buf_init(L, &b);
  native_charge(L, length);
  while (format < end) {
    const char *percent = memchr(format, '%', (size_t)(end - format));
    buf_add(&b, format, (size_t)((percent ? percent : end) - format));
    if (!percent) break;
    format = percent + 1;
    if (*format == '%') {
      buf_char(&b, '%');
      format++;
      continue;
    }
    if (++arg > count) arg_error(L, arg, "no value");
    Spec spec;
    format = read_spec(L, format, &spec);
    add_conversion(L, &b, arg, &spec);
    native_charge(L, 16);
  }
  buf_push(&b);
  return 1;
}

const NativeReg string_format_natives[] = {{"string.format", string_format, NULL}, {NULL, NULL, NULL}};
