/* JSON text of Lua values. See jsontext.h. */
#include "jsontext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "native.h"

#define MAX_SHOWN 200 /* characters of a string that a value shows */

static int reserve(Json *j, size_t size) {
  if (j->failed) return 0;
  if (j->length + size + 1 <= j->capacity) return 1;
  size_t capacity = (j->capacity ? j->capacity : 16384) * 2 + size;
  char *bytes = realloc(j->bytes, capacity);
  if (bytes == NULL) {
    j->failed = 1;
    return 0;
  }
  j->bytes = bytes;
  j->capacity = capacity;
  return 1;
}

static void add(Json *j, const char *bytes, size_t size) {
  if (!reserve(j, size)) return;
  memcpy(j->bytes + j->length, bytes, size);
  j->length += size;
}
#define add_literal(j, text) add(j, text, sizeof(text) - 1)

void json_begin(Json *j, const char *const *names, uint32_t name_count) {
  j->length = 0;
  j->failed = 0;
  j->names = names;
  j->name_count = name_count;
}

const char *json_end(Json *j, size_t *size) {
  if (!reserve(j, 1)) return NULL;
  j->bytes[j->length] = '\0';
  *size = j->length;
  return j->bytes;
}

void json_item(Json *j) {
  if (j->length == 0 || j->failed) return;
  char last = j->bytes[j->length - 1];
  if (last != '[' && last != '{' && last != ':') add_literal(j, ",");
}

void json_open(Json *j, char bracket) {
  json_item(j);
  add(j, &bracket, 1);
}

void json_close(Json *j, char bracket) { add(j, &bracket, 1); }

void json_raw(Json *j, const char *text) { add(j, text, strlen(text)); }

void json_key(Json *j, const char *key) {
  json_item(j);
  add_literal(j, "\"");
  json_raw(j, key);
  add_literal(j, "\":");
}

void json_integer(Json *j, long long value) {
  char text[24], *begin = text + sizeof text;
  unsigned long long rest = value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value;
  do *--begin = (char)('0' + rest % 10);
  while (rest /= 10);
  if (value < 0) *--begin = '-';
  json_item(j);
  add(j, begin, (size_t)(text + sizeof text - begin));
}

void json_number(Json *j, const char *key, long long value) {
  json_key(j, key);
  json_integer(j, value);
}

void json_flag(Json *j, const char *key, int value) {
  json_key(j, key);
  json_raw(j, value ? "true" : "false");
}

/* Bytes of a UTF-8 character at `s`, 0 if there is no well-formed one (as a browser's decoder has it). */
static size_t utf8_length(const unsigned char *s, size_t left) {
  static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (s[0] < 0x80) return 1;
  size_t count = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : s[0] >= 0xC2 ? 2 : 0;
  if (count == 0 || count > left || s[0] > 0xF4) return 0;
  unsigned code = s[0] & (0x7Fu >> count);
  for (size_t n = 1; n < count; n++) {
    if ((s[n] & 0xC0) != 0x80) return 0;
    code = code << 6 | (s[n] & 0x3F);
  }
  return code < least[count] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF) ? 0 : count;
}

/* One character of a Lua string inside a JSON string; `quoted`: as it would stand between Lua's quotes. */
static size_t add_character(Json *j, const unsigned char *s, size_t left, int quoted) {
  static const char names[] = "abtnvfr"; /* 7 to 13 */
  char text[16];
  unsigned char c = s[0];
  size_t count = utf8_length(s, left);
  int size;
  if (quoted && c >= 7 && c <= 13) size = snprintf(text, sizeof text, "\\\\%c", names[c - 7]);
  else if (quoted && c == '"') size = snprintf(text, sizeof text, "\\\\\\\"");
  else if (quoted && c == '\\') size = snprintf(text, sizeof text, "\\\\\\\\");
  else if (c == '"' || c == '\\') size = snprintf(text, sizeof text, "\\%c", c);
  else if (count == 0 || (quoted && (c < 32 || c == 127))) size = snprintf(text, sizeof text, "\\\\x%02X", c);
  else if (c < 32) size = snprintf(text, sizeof text, "\\u%04x", c);
  else {
    add(j, (const char *)s, count);
    return count;
  }
  add(j, text, (size_t)size);
  return 1;
}

static void add_text(Json *j, const char *text, size_t size) {
  add_literal(j, "\"");
  for (size_t n = 0; n < size;) n += add_character(j, (const unsigned char *)text + n, size - n, 0);
  add_literal(j, "\"");
}

void json_text(Json *j, const char *key, const char *text) {
  json_key(j, key);
  add_text(j, text, strlen(text));
}

void json_quoted(Json *j, const char *key, const char *text) {
  json_key(j, key);
  add_literal(j, "\"");
  json_raw(j, text);
  add_literal(j, "\"");
}

void json_named(Json *j, const char *key, const char *prefix, const char *text) {
  size_t size = strlen(text);
  json_key(j, key);
  add_literal(j, "\"");
  json_raw(j, prefix);
  for (size_t n = 0; n < size;) n += add_character(j, (const unsigned char *)text + n, size - n, 0);
  add_literal(j, "\"");
}

void json_string_or_null(Json *j, const TString *s) {
  if (s) add_text(j, s->bytes, string_length(s));
  else json_raw(j, "null");
}

void json_hex(Json *j, const char *bytes, size_t size) {
  static const char digits[] = "0123456789abcdef";
  json_item(j);
  add_literal(j, "\"");
  for (size_t n = 0; n < size && reserve(j, 2); n++) {
    j->bytes[j->length++] = digits[(unsigned char)bytes[n] >> 4];
    j->bytes[j->length++] = digits[bytes[n] & 15];
  }
  add_literal(j, "\"");
}

static void add_quoted(Json *j, const TString *s) {
  size_t length = string_length(s);
  size_t characters = 0;
  add_literal(j, "\"\\\"");
  for (size_t n = 0; n < length; characters++) {
    if (characters == MAX_SHOWN) {
      add_literal(j, "…\"");
      return;
    }
    n += add_character(j, (const unsigned char *)s->bytes + n, length - n, 1);
  }
  add_literal(j, "\\\"\"");
}

const char *json_native_name(const TValue *v) {
  if (v->tag != V_NATIVE && v->tag != V_NCLOSURE) return "?";
  uint64_t number = v->tag == V_NATIVE ? v->v.native : nclosure_of(v)->native;
  return number < machine_native_count() ? machine_native_name((uint32_t)number) : "?";
}

static void add_native(Json *j, const TValue *v) {
  add_literal(j, "\"native\",\"s\":\"");
  json_raw(j, json_native_name(v));
  add_literal(j, "\"");
}

static void add_reference(Json *j, const char *type, uint32_t id) {
  char text[96];
  add(j, text, (size_t)snprintf(text, sizeof text, "\"%s\",\"s\":\"%s\",\"id\":%u", type, type, id));
}

static void add_closure(Json *j, const LClosure *closure) {
  char text[64];
  uint32_t proto = closure->p->id;
  add_literal(j, "\"function\",\"s\":\"");
  json_raw(j, proto < j->name_count && j->names[proto] ? j->names[proto] : "function");
  add(j, text, (size_t)snprintf(text, sizeof text, "\",\"id\":%u,\"proto\":%u", closure->id, proto));
}

void json_value(Json *j, const TValue *v) {
  char text[NUMBER_TEXT];
  add_literal(j, "{\"t\":");
  switch (v->tag) {
    case V_FALSE: add_literal(j, "\"boolean\",\"s\":\"false\""); break;
    case V_TRUE: add_literal(j, "\"boolean\",\"s\":\"true\""); break;
    case V_INT:
    case V_FLT:
      json_raw(j, v->tag == V_INT ? "\"integer\",\"s\":\"" : "\"float\",\"s\":\"");
      add(j, text, number_to_text(v, text));
      add_literal(j, "\"");
      break;
    case V_SHORT:
    case V_LONG:
      add_literal(j, "\"string\",\"s\":");
      add_quoted(j, string_of(v));
      break;
    case V_TABLE: add_reference(j, "table", table_of(v)->id); break;
    case V_LCLOSURE: add_closure(j, lclosure_of(v)); break;
    case V_NATIVE: add_native(j, v); break;
    case V_NCLOSURE:
      add_native(j, v);
      json_number(j, "id", nclosure_of(v)->id);
      break;
    case V_USERDATA: add_reference(j, "userdata", userdata_of(v)->id); break;
    case V_THREAD: add_reference(j, "thread", thread_of(v)->id); break;
    case V_LIGHT: add_literal(j, "\"userdata\",\"s\":\"userdata\""); break;
    default: add_literal(j, "\"nil\",\"s\":\"nil\"");
  }
  add_literal(j, "}");
}
