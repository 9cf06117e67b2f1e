/* Runs a script on the reference with an allocator that counts: prints the most bytes that were in use at once. */
#include <stdio.h>
#include <stdlib.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

typedef struct Count {
  size_t now, peak;
} Count;

static void *counting(void *counter, void *block, size_t old_size, size_t size) {
  Count *count = counter;
  if (block == NULL) old_size = 0; /* then it is the kind of the object */
  if (size == 0) {
    free(block);
    count->now -= old_size;
    return NULL;
  }
  void *fresh = realloc(block, size);
  if (fresh == NULL) return NULL;
  count->now += size - old_size;
  if (count->now > count->peak) count->peak = count->now;
  return fresh;
}

int main(int argc, char **argv) {
  Count count = {0, 0};
  lua_State *L = argc == 2 ? lua_newstate(counting, &count) : NULL;
  if (!L) return 1;
  luaL_openlibs(L);
  if (luaL_dofile(L, argv[1])) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    return 1;
  }
  lua_close(L);
  fprintf(stderr, "%zu\n", count.peak);
  return 0;
}
