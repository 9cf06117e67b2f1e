/* Runs a Lua file on the reference interpreter with a count hook of 1 and writes what the hook saw, one line a call:
 *
 *     pc line op depth
 *
 * pc counts from 1 as in the listing, op is the opcode's number, depth counts the Lua and C frames above the host.
 * With LOCALS=1 in the environment each is followed by a tab and the frame's variables, `name=value`, separated by tabs;
 * other values than nil, booleans and numbers show as their type.
 * Coroutines inherit the hook from the thread that creates them. Built against the reference's own headers.
 *
 * usage: puc_steps STEPS_FILE LUA_FILE CHUNK_NAME [ARG...]     exit status 1 if the program ends by an error
 */
#include <stdio.h>
#include <stdlib.h>

#include "lprefix.h"
#include "lua.h"
#include "lauxlib.h"
#include "lualib.h"
#include "lobject.h"
#include "lopcodes.h"
#include "lstate.h"

static FILE *steps;
static int with_locals;

static void put_value(lua_State *L) {
  switch (lua_type(L, -1)) {
    case LUA_TNIL: fputs("nil", steps); return;
    case LUA_TBOOLEAN: fputs(lua_toboolean(L, -1) ? "true" : "false", steps); return;
    case LUA_TNUMBER:
      lua_pushvalue(L, -1);
      fputs(lua_tostring(L, -1), steps);
      lua_pop(L, 1);
      return;
    default: fputs(lua_typename(L, lua_type(L, -1)), steps);
  }
}

static void put_locals(lua_State *L, lua_Debug *ar) {
  const char *name;
  for (int n = 1; (name = lua_getlocal(L, ar, n)) != NULL; n++) {
    if (name[0] != '(') {
      fprintf(steps, "\t%s=", name);
      put_value(L);
    }
    lua_pop(L, 1);
  }
}

static void count_hook(lua_State *L, lua_Debug *ar) {
  lua_getinfo(L, "l", ar);
  const CallInfo *ci = ar->i_ci;
  const Proto *p = clLvalue(s2v(ci->func.p))->p;
  /* savedpc is already past the instruction that is about to run: see luaG_traceexec. */
  int pc = (int)(ci->u.l.savedpc - p->code);
  int depth = 0;
  for (const CallInfo *c = ci; c != &L->base_ci; c = c->previous) depth++;
  fprintf(steps, "%d %d %d %d", pc, ar->currentline, (int)GET_OPCODE(p->code[pc - 1]), depth);
  if (with_locals) put_locals(L, ar);
  fputc('\n', steps);
}

static int traceback(lua_State *L) {
  const char *message = lua_tostring(L, 1);
  luaL_traceback(L, L, message ? message : "(no message)", 1);
  return 1;
}

int main(int argc, char **argv) {
  with_locals = getenv("LOCALS") != NULL;
  if (argc < 4 || !(steps = fopen(argv[1], "w"))) return 2;
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  lua_createtable(L, argc, 0);
  for (int i = 2; i < argc; i++) {
    lua_pushstring(L, argv[i == 3 ? 2 : i]);
    lua_rawseti(L, -2, i < 4 ? 0 : i - 3);
  }
  lua_setglobal(L, "arg");
  lua_pushcfunction(L, traceback);
  FILE *source = fopen(argv[2], "rb");
  static char text[1 << 20];
  size_t length = source ? fread(text, 1, sizeof text, source) : 0;
  if (!source || luaL_loadbufferx(L, text, length, argv[3], "t") != LUA_OK) {
    fprintf(stderr, "%s\n", source ? lua_tostring(L, -1) : "no such file");
    return 2;
  }
  for (int i = 4; i < argc; i++) lua_pushstring(L, argv[i]);
  lua_sethook(L, count_hook, LUA_MASKCOUNT, 1);
  int status = lua_pcall(L, argc - 4, 0, 1);
  lua_sethook(L, NULL, 0, 0);
  if (status != LUA_OK) fprintf(stderr, "lua: %s\n", lua_tostring(L, -1));
  fflush(stdout);
  fclose(steps);
  return status != LUA_OK;
}
