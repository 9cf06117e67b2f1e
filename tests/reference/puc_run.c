/* A server that runs programs on the reference: (u32 length, source) on stdin; each runs as the chunk "@p.lua" in a state
 * of its own, what it prints goes to stdout, then the line that ends an answer, naming the error if there was one. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

/* The interpreter runs a script from a C function, too: the limits of depth fall at the same place. */
static int run(lua_State *L) {
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) printf("error: %s\n", lua_tostring(L, -1));
  return 0;
}

int main(void) {
  uint32_t length;
  while (fread(&length, sizeof length, 1, stdin) == 1) {
    char *source = malloc(length + 1);
    if (!source || fread(source, 1, length, stdin) != length) return 1;
    lua_State *L = luaL_newstate();
    if (!L) return 1;
    luaL_openlibs(L);
    lua_pushcfunction(L, run);
    if (luaL_loadbuffer(L, source, length, "@p.lua") != LUA_OK)
      printf("error: %s\n", lua_tostring(L, -1));
    else if (lua_pcall(L, 1, 0, 0) != LUA_OK)
      return 1;
    lua_close(L);
    fputs("\x01\x02 end of program\n", stdout);
    fflush(stdout);
    free(source);
  }
  return 0;
}
