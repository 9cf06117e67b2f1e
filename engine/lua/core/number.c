/* Numerals: between numbers and their text, and UTF-8. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"

size_t number_to_text(const TValue *number, char *out) {
  if (is_integer(number)) {
    char digits[24];
    int n = 0;
    Unsigned u = (Unsigned)int_of(number);
    int negative = int_of(number) < 0;
    if (negative) u = 0 - u;
    do digits[n++] = (char)('0' + u % 10);
    while (u /= 10);
    char *p = out;
    if (negative) *p++ = '-';
    while (n > 0) *p++ = digits[--n];
    *p = '\0';
    return (size_t)(p - out);
  }
  int n = snprintf(out, NUMBER_TEXT, "%.14g", flt_of(number));
  if (out[strspn(out, "-0123456789")] == '\0') { /* looks like an integer */
    out[n++] = '.';
    out[n++] = '0';
    out[n] = '\0';
  }
  return (size_t)n;
}

static int is_blank(unsigned char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static int digit_of(unsigned char c, int base) {
  int d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 99;
  return d < base ? d : -1;
}

/* Decimal integers must fit; hexadecimal ones wrap around. NULL: not an integer numeral. */
static const char *read_integer(const char *s, Integer *out) {
  Unsigned u = 0;
  int empty = 1, negative = 0, base = 10;
  while (is_blank((unsigned char)*s)) s++;
  if (*s == '-' || *s == '+') negative = *s++ == '-';
  if (s[0] == '0' && (s[1] | 32) == 'x') {
    base = 16;
    s += 2;
  }
  for (int d; (d = digit_of((unsigned char)*s, base)) >= 0; s++) {
    if (base == 10 && u >= (Unsigned)INT64_MAX / 10 && (u > (Unsigned)INT64_MAX / 10 || d > 7 + negative)) return NULL;
    u = u * (Unsigned)base + (Unsigned)d;
    empty = 0;
  }
  while (is_blank((unsigned char)*s)) s++;
  if (empty || *s != '\0') return NULL;
  *out = (Integer)(negative ? 0 - u : u);
  return s;
}

/* strtod reads decimal and hexadecimal floats exactly; "inf" and "nan" are not Lua numerals. */
static const char *read_float(const char *s, Number *out) {
  if (strpbrk(s, "nN")) return NULL;
  char *end;
  *out = strtod(s, &end);
  if (end == s) return NULL;
  while (is_blank((unsigned char)*end)) end++;
  return *end == '\0' ? end : NULL;
}

size_t text_to_value(const char *text, TValue *out) {
  Integer i;
  Number n;
  const char *end;
  if ((end = read_integer(text, &i)) != NULL)
    set_int(out, i);
  else if ((end = read_float(text, &n)) != NULL)
    set_flt(out, n);
  else
    return 0;
  return (size_t)(end - text) + 1;
}

size_t utf8_encode(char out[8], unsigned long x) {
  size_t n = 1;
  if (x < 0x80) {
    out[7] = (char)x;
    return 1;
  }
  unsigned long first = 0x3f; /* largest value that fits in the first byte */
  do {
    out[8 - n++] = (char)(0x80 | (x & 0x3f));
    x >>= 6;
    first >>= 1;
  } while (x > first);
  out[8 - n] = (char)((~first << 1) | x);
  return n;
}
