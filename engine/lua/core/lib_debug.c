/* debug.* */
#include "lib_io.h"
#include "libraries.h"

/* Functions take an optional thread as first argument: *shift is 1 when it is there. */
static Thread *thread_arg(Thread *L, int *shift) {
  *shift = type_at(L, 1) == TYPE_THREAD;
  return *shift ? to_thread(L, 1) : L;
}

static void ensure_other_stack(Thread *L, Thread *of, int n) {
  if (unlikely(L != of && !check_stack(of, n))) error_at(L, "stack overflow");
}

static int debug_getregistry(Thread *L) {
  push_value(L, REGISTRY_INDEX);
  return 1;
}

static int debug_getmetatable(Thread *L) {
  arg_any(L, 1);
  if (!get_metatable(L, 1)) push_nil(L);
  return 1;
}

static int debug_setmetatable(Thread *L) {
  int type = type_at(L, 2);
  arg_expected(L, type == TYPE_NIL || type == TYPE_TABLE, 2, "nil or table");
  set_top(L, 2);
  set_metatable(L, 1);
  return 1;
}

/* The only userdata here are the libraries' own, and theirs have no user value that a program could see: natives trust
   what they keep there. */
static int debug_getuservalue(Thread *L) {
  opt_integer(L, 2, 1);
  push_nil(L);
  return 1;
}

static int debug_setuservalue(Thread *L) {
  opt_integer(L, 3, 1);
  arg_type(L, 1, TYPE_USERDATA);
  arg_any(L, 2);
  push_nil(L);
  return 1;
}

/* ---- activations ---- */

static void set_text(Thread *L, const char *field, const char *text) {
  push_string(L, text);
  set_field(L, -2, field);
}

static void set_number(Thread *L, const char *field, Integer value) {
  push_integer(L, value);
  set_field(L, -2, field);
}

static void set_flag(Thread *L, const char *field, int value) {
  push_boolean(L, value);
  set_field(L, -2, field);
}

/* get_info left a value on the stack of `of`: make it a field of the table on L's top. */
static void set_extra(Thread *L, Thread *of, const char *field) {
  if (L == of)
    rotate(L, -2, 1);
  else
    move_values(of, L, 1);
  set_field(L, -2, field);
}

static void set_activation_fields(Thread *L, Thread *of, const char *options, const Activation *ar) {
  if (strchr(options, 'S')) {
    push_bytes(L, ar->source, ar->source_length);
    set_field(L, -2, "source");
    set_text(L, "short_src", ar->short_src);
    set_number(L, "linedefined", ar->linedefined);
    set_number(L, "lastlinedefined", ar->lastlinedefined);
    set_text(L, "what", ar->what);
  }
  if (strchr(options, 'l')) set_number(L, "currentline", ar->currentline);
  if (strchr(options, 'u')) {
    set_number(L, "nups", ar->nups);
    set_number(L, "nparams", ar->nparams);
    set_flag(L, "isvararg", ar->isvararg);
  }
  if (strchr(options, 'n')) {
    set_text(L, "name", ar->name);
    set_text(L, "namewhat", ar->namewhat);
  }
  if (strchr(options, 'r')) {
    set_number(L, "ftransfer", ar->ftransfer);
    set_number(L, "ntransfer", ar->ntransfer);
  }
  if (strchr(options, 't')) set_flag(L, "istailcall", ar->istailcall);
  if (strchr(options, 'L')) set_extra(L, of, "activelines");
  if (strchr(options, 'f')) set_extra(L, of, "func");
}

static int debug_getinfo(Thread *L) {
  int shift;
  Thread *of = thread_arg(L, &shift);
  const char *options = opt_bytes(L, shift + 2, "flnSrtu", NULL);
  Activation ar;
  ensure_other_stack(L, of, 3);
  arg_check(L, options[0] != '>', shift + 2, "invalid option '>'");
  if (type_at(L, shift + 1) == TYPE_FUNCTION) {
    options = push_format(L, ">%s", options);
    push_value(L, shift + 1);
    move_values(L, of, 1);
  } else if (!get_activation(of, (int)arg_integer(L, shift + 1), &ar)) {
    push_nil(L);
    return 1;
  }
  if (!get_info(of, options, &ar)) arg_error(L, shift + 2, "invalid option");
  new_table(L, 0, 16);
  set_activation_fields(L, of, options, &ar);
  return 1;
}

/* The activation at the level in argument `arg` of `of`; an argument error when there is none. */
static void activation_arg(Thread *L, Thread *of, int arg, Activation *ar) {
  int level = (int)arg_integer(L, arg);
  if (unlikely(!get_activation(of, level, ar))) arg_error(L, arg, "level out of range");
}

static int debug_getlocal(Thread *L) {
  int shift;
  Thread *of = thread_arg(L, &shift);
  int n = (int)arg_integer(L, shift + 2);
  if (type_at(L, shift + 1) == TYPE_FUNCTION) { /* a parameter's name */
    push_value(L, shift + 1);
    push_string(L, get_local(L, NULL, n));
    return 1;
  }
  Activation ar;
  activation_arg(L, of, shift + 1, &ar);
  ensure_other_stack(L, of, 1);
  const char *name = get_local(of, &ar, n);
  if (!name) {
    push_nil(L);
    return 1;
  }
  if (L != of) move_values(of, L, 1);
  push_string(L, name);
  rotate(L, -2, 1);
  return 2;
}

static int debug_setlocal(Thread *L) {
  int shift;
  Thread *of = thread_arg(L, &shift);
  Activation ar;
  int level = (int)arg_integer(L, shift + 1);
  int n = (int)arg_integer(L, shift + 2);
  if (unlikely(!get_activation(of, level, &ar))) arg_error(L, shift + 1, "level out of range");
  arg_any(L, shift + 3);
  set_top(L, shift + 3);
  ensure_other_stack(L, of, 1);
  if (L != of) move_values(L, of, 1);
  /* a native holds pointers into its arguments, so its slots are not to be changed under it */
  const char *name = ci_is_lua(ar.ci) ? set_local(of, &ar, n) : NULL;
  if (!name) pop(of, 1);
  push_string(L, name);
  return 1;
}

/* ---- upvalues ---- */

static int debug_getupvalue(Thread *L) {
  int n = (int)arg_integer(L, 2);
  arg_type(L, 1, TYPE_FUNCTION);
  const char *name = get_upvalue(L, 1, n);
  if (!name) return 0;
  push_string(L, name);
  insert_at(L, -2);
  return 2;
}

static int debug_setupvalue(Thread *L) {
  arg_any(L, 3);
  int n = (int)arg_integer(L, 2);
  arg_type(L, 1, TYPE_FUNCTION);
  const char *name = is_native_at(L, 1) ? NULL : set_upvalue(L, 1, n); /* natives trust their upvalues */
  if (!name) return 0;
  push_string(L, name);
  return 1;
}

/* The identity of the upvalue whose number is argument `arg` of the function at argument `function`. */
static void *upvalue_arg(Thread *L, int function, int arg, int *n) {
  *n = (int)arg_integer(L, arg);
  arg_type(L, function, TYPE_FUNCTION);
  return upvalue_id(L, function, *n);
}

static int debug_upvalueid(Thread *L) {
  int n;
  void *id = upvalue_arg(L, 1, 2, &n);
  if (id)
    push_light(L, id);
  else
    push_nil(L);
  return 1;
}

static int debug_upvaluejoin(Thread *L) {
  int n1, n2;
  arg_check(L, upvalue_arg(L, 1, 2, &n1), 2, "invalid upvalue index");
  arg_check(L, upvalue_arg(L, 3, 4, &n2), 4, "invalid upvalue index");
  arg_check(L, !is_native_at(L, 1), 1, "Lua function expected");
  arg_check(L, !is_native_at(L, 3), 3, "Lua function expected");
  upvalue_join(L, 1, n1, 3, n2);
  return 0;
}

/* ---- hooks ---- */

static const struct {
  char letter;
  int bit;
} HOOK_LETTERS[] = {{'c', HOOK_CALL}, {'r', HOOK_RETURN}, {'l', HOOK_LINE}};

/* The registry's table of hook functions by thread, as PUC keeps it: programs look at it. Its keys are weak. */
static void remember_hook(Thread *L, Thread *of, int function) {
  if (!get_subtable(L, REGISTRY_INDEX, "_HOOKKEY")) {
    push_literal(L, "k");
    set_field(L, -2, "__mode");
    push_value(L, -1);
    set_metatable(L, -2);
  }
  ensure_other_stack(L, of, 1);
  push_thread(of);
  if (L != of) move_values(of, L, 1);
  push_value(L, function);
  raw_set(L, -3);
  pop(L, 1);
}

static int debug_sethook(Thread *L) {
  int shift;
  Thread *of = thread_arg(L, &shift);
  if (is_none_or_nil(L, shift + 1)) {
    set_top(L, shift);
    push_nil(L);
    remember_hook(L, of, shift + 1);
    set_hook(of, NULL, 0, 0);
    return 0;
  }
  const char *letters = arg_text(L, shift + 2);
  arg_type(L, shift + 1, TYPE_FUNCTION);
  int count = (int)opt_integer(L, shift + 3, 0);
  int mask = count > 0 ? HOOK_COUNT : 0;
  for (size_t i = 0; i < sizeof HOOK_LETTERS / sizeof *HOOK_LETTERS; i++)
    if (strchr(letters, HOOK_LETTERS[i].letter)) mask |= HOOK_LETTERS[i].bit;
  remember_hook(L, of, shift + 1);
  set_hook(of, value_at(L, shift + 1), mask, count);
  return 0;
}

static int debug_gethook(Thread *L) {
  int shift;
  const Thread *of = thread_arg(L, &shift);
  if (of->hookmask == 0) {
    push_nil(L);
    return 1;
  }
  char letters[4];
  size_t length = 0;
  for (size_t i = 0; i < sizeof HOOK_LETTERS / sizeof *HOOK_LETTERS; i++)
    if (of->hookmask & HOOK_LETTERS[i].bit) letters[length++] = HOOK_LETTERS[i].letter;
  push_object(L, &of->hook);
  push_bytes(L, letters, length);
  push_integer(L, of->basehookcount);
  return 3;
}

/* ---- for people ---- */

static int debug_traceback(Thread *L) {
  int shift;
  Thread *of = thread_arg(L, &shift);
  const char *message = to_text(L, shift + 1);
  if (!message && !is_none_or_nil(L, shift + 1)) {
    push_value(L, shift + 1); /* an error object that is no text is not touched */
  } else {
    int level = (int)opt_integer(L, shift + 2, L == of ? 1 : 0);
    traceback(L, of, message, level);
  }
  return 1;
}

/* Runs the lines of the standard input until one says "cont". */
static int debug_debug(Thread *L) {
  for (;;) {
    machine_output(L, STREAM_STDERR, "lua_debug> ", 11);
    push_standard_input(L);
    bool more = handle_read_line(L, -1, false);
    size_t size;
    const char *line = to_bytes(L, -1, &size);
    if (!more || strcmp(line, "cont") == 0) return 0;
    if (load_chunk(L, line, size, "=(debug command)", NULL) != STATUS_OK || pcall(L, 0, 0, 0) != STATUS_OK) {
      const char *message = to_display(L, -1, &size);
      machine_output(L, STREAM_STDERR, message, size);
      machine_output(L, STREAM_STDERR, "\n", 1);
    }
    set_top(L, 0);
  }
}

static int debug_setcstacklimit(Thread *L) {
  arg_integer(L, 1);
  push_integer(L, MAX_CCALLS); /* kept for compatibility: the limit is fixed */
  return 1;
}

const NativeReg debug_natives[] = {
    {"debug.debug", debug_debug, NULL},
    {"debug.gethook", debug_gethook, NULL},
    {"debug.getinfo", debug_getinfo, NULL},
    {"debug.getlocal", debug_getlocal, NULL},
    {"debug.getmetatable", debug_getmetatable, NULL},
    {"debug.getregistry", debug_getregistry, NULL},
    {"debug.getupvalue", debug_getupvalue, NULL},
    {"debug.getuservalue", debug_getuservalue, NULL},
    {"debug.setcstacklimit", debug_setcstacklimit, NULL},
    {"debug.sethook", debug_sethook, NULL},
    {"debug.setlocal", debug_setlocal, NULL},
    {"debug.setmetatable", debug_setmetatable, NULL},
    {"debug.setupvalue", debug_setupvalue, NULL},
    {"debug.setuservalue", debug_setuservalue, NULL},
    {"debug.traceback", debug_traceback, NULL},
    {"debug.upvalueid", debug_upvalueid, NULL},
    {"debug.upvaluejoin", debug_upvaluejoin, NULL},
    {NULL, NULL, NULL},
};

void open_debug(Thread *L) { new_library(L, debug_natives); }
