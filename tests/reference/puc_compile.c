/* A compile server around the reference Lua: reads requests from stdin, answers on stdout, until stdin ends.
 *
 * Request: u32 flags (bit 0: strip), u32 length + chunk name, u32 length + source text; native byte order.
 * Answer:  u32 status (0 = ok), u32 length + the binary chunk, or the error message.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lauxlib.h"
#include "lua.h"

typedef struct Buffer {
  char *bytes;
  size_t length, capacity;
} Buffer;

static void reserve(Buffer *buffer, size_t capacity) {
  if (capacity <= buffer->capacity) return;
  buffer->bytes = realloc(buffer->bytes, capacity * 2);
  if (buffer->bytes == NULL) abort();
  buffer->capacity = capacity * 2;
}

static int append(lua_State *L, const void *piece, size_t size, void *target) {
  (void)L;
  Buffer *buffer = target;
  reserve(buffer, buffer->length + size + 1);
  for (size_t i = 0; i < size; i++) buffer->bytes[buffer->length++] = ((const char *)piece)[i];
  return 0;
}

static int read_block(Buffer *buffer) {
  uint32_t length;
  if (fread(&length, sizeof length, 1, stdin) != 1) return 0;
  reserve(buffer, (size_t)length + 1);
  buffer->length = length;
  buffer->bytes[length] = '\0';
  return fread(buffer->bytes, 1, length, stdin) == length;
}

static void answer(uint32_t status, const char *bytes, size_t length) {
  uint32_t size = (uint32_t)length;
  fwrite(&status, sizeof status, 1, stdout);
  fwrite(&size, sizeof size, 1, stdout);
  fwrite(bytes, 1, length, stdout);
  fflush(stdout);
}

int main(void) {
  Buffer name = {0}, source = {0}, chunk = {0};
  uint32_t flags;
  while (fread(&flags, sizeof flags, 1, stdin) == 1 && read_block(&name) && read_block(&source)) {
    lua_State *L = luaL_newstate();
    if (L == NULL) abort();
    int status = luaL_loadbufferx(L, source.bytes, source.length, name.bytes, "t");
    if (status == LUA_OK) {
      chunk.length = 0;
      lua_dump(L, append, &chunk, (int)(flags & 1));
      answer(0, chunk.bytes, chunk.length);
    } else {
      size_t length;
      const char *message = lua_tolstring(L, -1, &length);
      answer((uint32_t)status, message, length);
    }
    lua_close(L);
  }
  free(name.bytes);
  free(source.bytes);
  free(chunk.bytes);
  return 0;
}
