/* Byte classes of the C locale. The host's locale never reaches a machine, so ctype.h is not used. */
#ifndef GLASSBOX_LUA_ASCII_H
#define GLASSBOX_LUA_ASCII_H

#include <stdbool.h>

static inline bool ascii_is_digit(unsigned char c) { return c >= '0' && c <= '9'; }
static inline bool ascii_is_lower(unsigned char c) { return c >= 'a' && c <= 'z'; }
static inline bool ascii_is_upper(unsigned char c) { return c >= 'A' && c <= 'Z'; }
static inline bool ascii_is_alpha(unsigned char c) { return ascii_is_lower(c | 0x20); }
static inline bool ascii_is_alnum(unsigned char c) { return ascii_is_alpha(c) || ascii_is_digit(c); }
static inline bool ascii_is_hex(unsigned char c) {
  return ascii_is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}
static inline bool ascii_is_space(unsigned char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static inline bool ascii_is_control(unsigned char c) { return c < ' ' || c == 0x7f; }
static inline bool ascii_is_print(unsigned char c) { return c >= ' ' && c < 0x7f; }
static inline bool ascii_is_graph(unsigned char c) { return c > ' ' && c < 0x7f; }
static inline bool ascii_is_punct(unsigned char c) { return ascii_is_graph(c) && !ascii_is_alnum(c); }
static inline unsigned char ascii_lower(unsigned char c) { return ascii_is_upper(c) ? (unsigned char)(c + 32) : c; }
static inline unsigned char ascii_upper(unsigned char c) { return ascii_is_lower(c) ? (unsigned char)(c - 32) : c; }
static inline int ascii_hex_value(unsigned char c) { return ascii_is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10; }

#endif
