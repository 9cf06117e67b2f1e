/* The basic functions: print, pcall, load and the rest of the manual's section 6.1. */
#include "ascii.h"
#include "libraries.h"
#include "native.h"

/* ---- output and conversion ---- */

static int base_print(Thread *L) {
  int count = stack_top(L);
  for (int i = 1; i <= count; i++) {
    size_t length;
    const char *text = to_display(L, i, &length);
    if (i > 1) machine_output(L, STREAM_STDOUT, "\t", 1);
    machine_output(L, STREAM_STDOUT, text, length);
    pop(L, 1);
  }
  machine_output(L, STREAM_STDOUT, "\n", 1);
  return 0;
}

static int base_warn(Thread *L) {
  int count = stack_top(L);
  arg_text(L, 1);
  for (int i = 2; i <= count; i++) arg_text(L, i);
  for (int i = 1; i < count; i++) warning(L, to_text(L, i), 1);
  warning(L, to_text(L, count), 0);
  return 0;
}

static int base_tostring(Thread *L) {
  arg_any(L, 1);
  to_display(L, 1, NULL);
  return 1;
}

/* Read the integer numeral of `base` that fills all of [text, text + length); false if it is none. */
static bool read_in_base(const char *text, size_t length, int base, Integer *out) {
  const char *end = text + length;
  Unsigned value = 0;
  bool negative = false;
  while (text < end && ascii_is_space((unsigned char)*text)) text++;
  if (text < end && (*text == '-' || *text == '+')) negative = *text++ == '-';
  if (text == end || !ascii_is_alnum((unsigned char)*text)) return false;
  for (; text < end && ascii_is_alnum((unsigned char)*text); text++) {
    unsigned char c = (unsigned char)*text;
    int digit = ascii_is_digit(c) ? c - '0' : ascii_upper(c) - 'A' + 10;
    if (digit >= base) return false;
    value = value * (Unsigned)base + (Unsigned)digit;
  }
  while (text < end && ascii_is_space((unsigned char)*text)) text++;
  if (text != end) return false;
  *out = (Integer)(negative ? 0u - value : value);
  return true;
}

static int base_tonumber(Thread *L) {
  if (is_none_or_nil(L, 2)) {
    if (type_at(L, 1) == TYPE_NUMBER) {
      set_top(L, 1);
      return 1;
    }
    size_t length;
    const char *text = type_at(L, 1) == TYPE_STRING ? to_bytes(L, 1, &length) : NULL;
    if (text) native_charge(L, length);
    if (text && text_to_number(L, text) == length + 1) return 1;
    arg_any(L, 1);
  } else {
    Integer base = arg_integer(L, 2);
    arg_type(L, 1, TYPE_STRING);
    size_t length;
    const char *text = to_bytes(L, 1, &length);
    arg_check(L, 2 <= base && base <= 36, 2, "base out of range");
    native_charge(L, length);
    Integer value;
    if (read_in_base(text, length, (int)base, &value)) {
      push_integer(L, value);
      return 1;
    }
  }
  push_nil(L);
  return 1;
}

static int base_type(Thread *L) {
  int type = type_at(L, 1);
  arg_check(L, type != TYPE_NONE, 1, "value expected");
  push_string(L, type_name(type));
  return 1;
}

/* ---- errors ---- */

static int base_error(Thread *L) {
  int level = (int)opt_integer(L, 2, 1);
  set_top(L, 1);
  if (type_at(L, 1) == TYPE_STRING && level > 0) {
    push_where(L, level);
    push_value(L, 1);
    concat(L, 2);
  }
  return error_value(L);
}

static int base_assert(Thread *L) {
  if (likely(to_boolean(L, 1))) return stack_top(L);
  arg_any(L, 1);
  remove_at(L, 1);
  push_literal(L, "assertion failed!"); /* the message, unless one was given */
  set_top(L, 1);
  return base_error(L);
}

/* End of pcall and xpcall, entered again here when the callee yielded. `extra` slots below the results are not ours
   to return; the slot before the results becomes the status. */
static int finish_protected(Thread *L, int status, intptr_t extra) {
  if (unlikely(status != STATUS_OK && status != STATUS_YIELD)) {
    push_boolean(L, 0);
    push_value(L, -2);
    return 2;
  }
  return stack_top(L) - (int)extra;
}

static int base_pcall(Thread *L) {
  arg_any(L, 1);
  push_boolean(L, 1);
  insert_at(L, 1);
  int status = pcall_k(L, stack_top(L) - 2, MULTRET, 0, 0);
  return finish_protected(L, status, 0);
}

static int base_xpcall(Thread *L) {
  int count = stack_top(L);
  arg_type(L, 2, TYPE_FUNCTION);
  push_boolean(L, 1);
  push_value(L, 1);
  rotate(L, 3, 2); /* function, handler, true, function, arguments… */
  int status = pcall_k(L, count - 2, MULTRET, 2, 2);
  return finish_protected(L, status, 2);
}

/* ---- tables ---- */

static int base_rawequal(Thread *L) {
  arg_any(L, 1);
  arg_any(L, 2);
  push_boolean(L, raw_equal(L, 1, 2));
  return 1;
}

static int base_rawlen(Thread *L) {
  int type = type_at(L, 1);
  arg_expected(L, type == TYPE_TABLE || type == TYPE_STRING, 1, "table or string");
  push_integer(L, (Integer)raw_length(L, 1));
  return 1;
}

static int base_rawget(Thread *L) {
  arg_type(L, 1, TYPE_TABLE);
  arg_any(L, 2);
  set_top(L, 2);
  raw_get(L, 1);
  return 1;
}

static int base_rawset(Thread *L) {
  arg_type(L, 1, TYPE_TABLE);
  arg_any(L, 2);
  arg_any(L, 3);
  set_top(L, 3);
  raw_set(L, 1);
  return 1;
}

static int base_getmetatable(Thread *L) {
  arg_any(L, 1);
  if (!get_metatable(L, 1)) {
    push_nil(L);
    return 1;
  }
  get_metafield(L, 1, "__metatable"); /* takes the metatable's place when there is one */
  return 1;
}

static int base_setmetatable(Thread *L) {
  int type = type_at(L, 2);
  arg_type(L, 1, TYPE_TABLE);
  arg_expected(L, type == TYPE_NIL || type == TYPE_TABLE, 2, "nil or table");
  if (unlikely(get_metafield(L, 1, "__metatable") != TYPE_NIL)) error_at(L, "cannot change a protected metatable");
  set_top(L, 2);
  set_metatable(L, 1);
  return 1;
}

static int base_next(Thread *L) {
  arg_type(L, 1, TYPE_TABLE);
  set_top(L, 2);
  if (table_next_at(L, 1)) return 2;
  push_nil(L);
  return 1;
}

static int pairs_finish(Thread *L, int status, intptr_t ctx) {
  (void)L, (void)status, (void)ctx;
  return 3;
}

static int base_pairs(Thread *L) {
  arg_any(L, 1);
  if (get_metafield(L, 1, "__pairs") == TYPE_NIL) {
    push_native(L, base_next, 0);
    push_value(L, 1);
    push_nil(L);
  } else {
    push_value(L, 1);
    call_k(L, 1, 3, 0);
  }
  return 3;
}

static int base_ipairs_step(Thread *L) {
  Integer i = (Integer)((Unsigned)arg_integer(L, 2) + 1u);
  push_integer(L, i);
  return get_index(L, 1, i) == TYPE_NIL ? 1 : 2;
}

static int base_ipairs(Thread *L) {
  arg_any(L, 1);
  push_native(L, base_ipairs_step, 0);
  push_value(L, 1);
  push_integer(L, 0);
  return 3;
}

static int base_select(Thread *L) {
  int count = stack_top(L);
  if (type_at(L, 1) == TYPE_STRING && *to_text(L, 1) == '#') {
    push_integer(L, count - 1);
    return 1;
  }
  Integer i = arg_integer(L, 1);
  if (i < 0)
    i = count + i;
  else if (i > count)
    i = count;
  arg_check(L, 1 <= i, 1, "index out of range");
  return count - (int)i;
}

/* ---- loading code ---- */

/* What load and loadfile answer: the function, or nil and the message. `env` is the stack index of the value for the
   chunk's first upvalue, 0 to leave it the globals. */
static int finish_load(Thread *L, int status, int env) {
  if (unlikely(status != STATUS_OK)) {
    push_nil(L);
    insert_at(L, -2);
    return 2;
  }
  if (env) {
    push_value(L, env);
    if (!set_upvalue(L, -2, 1)) pop(L, 1); /* a chunk without upvalues has no use for it */
  }
  return 1;
}

static int base_load(Thread *L) {
  const char *mode = opt_bytes(L, 3, "bt", NULL);
  int env = is_none(L, 4) ? 0 : 4;
  size_t size;
  const char *text = to_bytes(L, 1, &size);
  if (text) {
    const char *name = opt_bytes(L, 2, text, NULL);
    return finish_load(L, load_chunk(L, text, size, name, mode), env);
  }
  const char *name = opt_bytes(L, 2, "=(load)", NULL);
  arg_type(L, 1, TYPE_FUNCTION);
  return finish_load(L, load_pieces(L, 1, name, mode), env);
}

static int base_loadfile(Thread *L) {
  const char *path = opt_bytes(L, 1, NULL, NULL);
  const char *mode = opt_bytes(L, 2, NULL, NULL);
  int env = is_none(L, 3) ? 0 : 3;
  return finish_load(L, load_file(L, path, mode), env);
}

static int dofile_finish(Thread *L, int status, intptr_t ctx) {
  (void)status, (void)ctx;
  return stack_top(L) - 1;
}

static int base_dofile(Thread *L) {
  const char *path = opt_bytes(L, 1, NULL, NULL);
  set_top(L, 1);
  if (unlikely(load_file(L, path, NULL) != STATUS_OK)) return error_value(L);
  call_k(L, 0, MULTRET, 0);
  return dofile_finish(L, STATUS_OK, 0);
}

/* ---- the collector ---- */

static int base_collectgarbage(Thread *L) {
  static const char *const names[] = {"stop",       "restart",   "collect",      "count",       "step", "setpause",
                                      "setstepmul", "isrunning", "generational", "incremental", NULL};
  static const int actions[] = {GC_DO_STOP,      GC_DO_RESTART,      GC_DO_COLLECT,    GC_DO_COUNT,
                                GC_DO_STEP,      GC_DO_SETPAUSE,     GC_DO_SETSTEPMUL, GC_DO_ISRUNNING,
                                GC_DO_GENERATIONAL, GC_DO_INCREMENTAL};
  int action = actions[arg_option(L, 1, "collect", names)];
  int a = 0, b = 0, c = 0;
  bool one = action == GC_DO_STEP || action == GC_DO_SETPAUSE || action == GC_DO_SETSTEPMUL;
  if (one || action == GC_DO_GENERATIONAL || action == GC_DO_INCREMENTAL) a = (int)opt_integer(L, 2, 0);
  if (action == GC_DO_GENERATIONAL || action == GC_DO_INCREMENTAL) b = (int)opt_integer(L, 3, 0);
  if (action == GC_DO_INCREMENTAL) c = (int)opt_integer(L, 4, 0);
  int answer = collector(L, action, a, b, c);
  if (answer == -1) { /* refused: called by a finalizer */
    push_nil(L);
    return 1;
  }
  switch (action) {
    case GC_DO_COUNT: push_number(L, (Number)answer + (Number)collector(L, GC_DO_COUNTB, 0, 0, 0) / 1024); break;
    case GC_DO_STEP:
    case GC_DO_ISRUNNING: push_boolean(L, answer); break;
    case GC_DO_GENERATIONAL:
    case GC_DO_INCREMENTAL:
      push_string(L, answer == COLLECTOR_INCREMENTAL ? "incremental" : "generational");
      break;
    default: push_integer(L, answer);
  }
  return 1;
}

const NativeReg base_natives[] = {
    {"assert", base_assert, NULL},
    {"collectgarbage", base_collectgarbage, NULL},
    {"dofile", base_dofile, dofile_finish},
    {"error", base_error, NULL},
    {"getmetatable", base_getmetatable, NULL},
    {"ipairs", base_ipairs, NULL},
    {"load", base_load, NULL},
    {"loadfile", base_loadfile, NULL},
    {"next", base_next, NULL},
    {"pairs", base_pairs, pairs_finish},
    {"pcall", base_pcall, finish_protected},
    {"print", base_print, NULL},
    {"rawequal", base_rawequal, NULL},
    {"rawget", base_rawget, NULL},
    {"rawlen", base_rawlen, NULL},
    {"rawset", base_rawset, NULL},
    {"select", base_select, NULL},
    {"setmetatable", base_setmetatable, NULL},
    {"tonumber", base_tonumber, NULL},
    {"tostring", base_tostring, NULL},
    {"type", base_type, NULL},
    {"warn", base_warn, NULL},
    {"xpcall", base_xpcall, finish_protected},
    {NULL, NULL, NULL},
};

const NativeReg base_inner_natives[] = {
    {"ipairs_iterator", base_ipairs_step, NULL},
    {NULL, NULL, NULL},
};

void open_base(Thread *L) {
  push_globals(L);
  set_natives(L, base_natives, 0);
  push_value(L, -1);
  set_field(L, -2, "_G");
  push_literal(L, "Lua 5.4");
  set_field(L, -2, "_VERSION");
  collector(L, GC_DO_GENERATIONAL, 0, 0, 0); /* the mode that the standalone interpreter starts programs in */
}
