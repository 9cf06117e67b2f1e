/* Runs a Lua file under PUC with an empty count hook of one instruction; prints seconds of processor time and instructions to stderr. */
#include <stdio.h>
#include <time.h>
#include "lauxlib.h"
#include "lualib.h"
static long long count;
static void hook(lua_State *L, lua_Debug *ar) { (void)L; (void)ar; count++; }
int main(int argc, char **argv) {
  lua_State *L = luaL_newstate();
  struct timespec a, b;
  luaL_openlibs(L);
  if (argc < 2 || luaL_loadfile(L, argv[1])) return 1;
  lua_sethook(L, hook, LUA_MASKCOUNT, 1);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
  if (lua_pcall(L, 0, 0, 0)) return 1;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
  fprintf(stderr, "%.6f %lld\n", (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9, count);
  return 0;
}
