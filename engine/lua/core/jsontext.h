/* Writes JSON text about Lua values into host memory. Commas come by themselves. */
#ifndef LUA_JSONTEXT_H
#define LUA_JSONTEXT_H
#include "object.h"

typedef struct Json {
  char *bytes;
  size_t length, capacity;
  int failed; /* the host had no memory */
  const char *const *names; /* of functions, by number; they are fit for a JSON string */
  uint32_t name_count;
} Json;

void json_begin(Json *j, const char *const *names, uint32_t name_count);
const char *json_end(Json *j, size_t *size); /* NULL when memory was short */
void json_open(Json *j, char bracket);
void json_close(Json *j, char bracket);
void json_item(Json *j); /* the comma before an array's next item, if one is due */
void json_key(Json *j, const char *key);
void json_raw(Json *j, const char *text);
void json_integer(Json *j, long long value);
void json_number(Json *j, const char *key, long long value);
void json_flag(Json *j, const char *key, int value);
void json_text(Json *j, const char *key, const char *text);
/* A text that is fit to stand between JSON quotes as it is. */
void json_quoted(Json *j, const char *key, const char *text);
/* `prefix` and `text` as one. */
void json_named(Json *j, const char *key, const char *prefix, const char *text);
/* The name of a native function; "?" for any other value. */
const char *json_native_name(const TValue *v);
void json_string_or_null(Json *j, const TString *s);
/* A value as docs/views.md has it: {"t", "s", "id"?}; functions carry "proto", too. */
void json_value(Json *j, const TValue *v);
/* Bytes of any kind as a JSON string in hexadecimal. */
void json_hex(Json *j, const char *bytes, size_t size);
#endif
