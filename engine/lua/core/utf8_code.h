/* UTF-8 as Lua knows it: sequences of up to six bytes for codes up to 2^31 - 1. */
#ifndef GLASSBOX_LUA_UTF8_CODE_H
#define GLASSBOX_LUA_UTF8_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_MAX_CODE 0x7fffffffu
#define UTF8_MAX_UNICODE 0x10ffffu
enum { UTF8_MAX_BYTES = 6 };

static inline bool utf8_is_continuation(unsigned char c) { return (c & 0xc0) == 0x80; }

/* Write `code` to `out` (room for UTF8_MAX_BYTES); the number of bytes. */
static inline size_t utf8_write(char *out, uint32_t code) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : code < 0x200000 ? 4 : code < 0x4000000 ? 5 : 6;
  for (size_t i = length - 1; i > 0; i--) {
    out[i] = (char)(0x80 | (code & 0x3f));
    code >>= 6;
  }
  out[0] = (char)((0xff00u >> length) | code);
  return length;
}

/* Read one code at `at` (before `end`) into *code; the number of bytes, or 0 when it is not valid. `strict` refuses
   surrogates and codes above 10FFFF. */
static inline size_t utf8_read(const char *at, const char *end, uint32_t *code, bool strict) {
  static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000};
  unsigned char first = (unsigned char)*at;
  if (first < 0x80) {
    *code = first;
    return 1;
  }
  size_t length = (size_t)__builtin_clz(~((uint32_t)first << 24));
  if (length < 2 || length > UTF8_MAX_BYTES || (size_t)(end - at) < length) return 0;
  uint32_t value = first & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) {
    if (!utf8_is_continuation((unsigned char)at[i])) return 0;
    value = value << 6 | ((unsigned char)at[i] & 0x3f);
  }
  if (value < smallest[length]) return 0;
  if (strict && (value > UTF8_MAX_UNICODE || (value >= 0xd800 && value <= 0xdfff))) return 0;
  *code = value;
  return length;
}

#endif
