/* io.* and the methods of file handles. */
#include <errno.h>
#include <stdio.h>

#include "lib_io.h"

enum { LINES_FORMATS_MAX = 250 };

static const char STDIN_KEY[] = "_IO_stdin";

Handle *handle_at(Thread *L, int index) {
  Handle *h = test_userdata(L, index, HANDLE_TYPE);
  return h && raw_length(L, index) == sizeof *h ? h : NULL;
}

static Handle *handle_arg(Thread *L, int arg) {
  Handle *h = handle_at(L, arg);
  arg_expected(L, h, arg, HANDLE_TYPE);
  return h;
}

/* The handle at argument `arg`, which must be open. */
static Handle *open_handle_arg(Thread *L, int arg) {
  Handle *h = handle_arg(L, arg);
  if (unlikely(h->kind == HANDLE_CLOSED)) error_at(L, "attempt to use a closed file");
  return h;
}

static Handle *push_handle(Thread *L, HandleKind kind) {
  Handle *h = new_userdata(L, sizeof *h, 2);
  memset(h, 0, sizeof *h); /* the gaps between fields too: they are in the digest */
  h->kind = kind;
  h->readable = kind == HANDLE_STDIN;
  h->writable = kind >= HANDLE_STDOUT;
  set_named_metatable(L, HANDLE_TYPE);
  return h;
}

static bool mode_is_valid(const char *mode) {
  if (*mode == '\0' || !strchr("rwa", *mode++)) return false;
  if (*mode == '+') mode++;
  return strspn(mode, "b") == strlen(mode);
}

/* Push a handle of the file at `path`; an error number (then nothing is pushed). */
static int open_path(Thread *L, const char *path, const char *mode) {
  int flags = mode[0] == 'r' ? NODE_MUST_EXIST : mode[0] == 'w' ? NODE_CREATE | NODE_EMPTY : NODE_CREATE;
  int error = node_open(L, path, flags);
  if (error) return error;
  bool both = mode[1] == '+';
  Handle *h = push_handle(L, HANDLE_FILE);
  h->readable = both || mode[0] == 'r';
  h->writable = both || mode[0] != 'r';
  h->append = mode[0] == 'a';
  insert_at(L, -2);
  set_user_value(L, -2, HANDLE_BODY);
  return 0;
}

static void open_or_raise(Thread *L, const char *path, const char *mode) {
  int error = open_path(L, path, mode);
  if (unlikely(error)) error_at(L, "cannot open file '%s' (%s)", path, filesystem_message(error));
}

static int io_open(Thread *L) {
  const char *path = arg_text(L, 1);
  const char *mode = opt_bytes(L, 2, "r", NULL);
  arg_check(L, mode_is_valid(mode), 2, "invalid mode");
  int error = open_path(L, path, mode);
  return error ? push_failure(L, error, path) : 1;
}

static int io_tmpfile(Thread *L) {
  Handle *h = push_handle(L, HANDLE_FILE);
  h->readable = h->writable = true;
  node_new(L);
  set_user_value(L, -2, HANDLE_BODY);
  return 1;
}

static int io_popen(Thread *L) {
  arg_text(L, 1);
  const char *mode = opt_bytes(L, 2, "r", NULL);
  arg_check(L, (*mode == 'r' || *mode == 'w') && mode[1] == '\0', 2, "invalid mode");
  return error_at(L, "'popen' not supported");
}

static int io_type(Thread *L) {
  arg_any(L, 1);
  const Handle *h = handle_at(L, 1);
  push_string(L, !h ? NULL : h->kind == HANDLE_CLOSED ? "closed file" : "file");
  return 1;
}

/* ---- closing ---- */

static int close_handle(Thread *L) {
  Handle *h = open_handle_arg(L, 1);
  if (h->kind != HANDLE_FILE) {
    push_nil(L);
    push_literal(L, "cannot close standard file");
    return 2;
  }
  handle_flush(L, 1);
  h->kind = HANDLE_CLOSED;
  push_nil(L);
  set_user_value(L, 1, HANDLE_BODY);
  push_boolean(L, 1);
  return 1;
}

static int io_close(Thread *L) {
  if (is_none(L, 1)) raw_get_field(L, REGISTRY_INDEX, IO_OUTPUT);
  return close_handle(L);
}

static int handle_collect(Thread *L) {
  Handle *h = handle_arg(L, 1);
  if (h->kind == HANDLE_FILE) close_handle(L);
  return 0;
}

static int handle_tostring(Thread *L) {
  const Handle *h = handle_arg(L, 1);
  if (h->kind == HANDLE_CLOSED)
    push_literal(L, "file (closed)");
  else
    push_format(L, "file (%p)", to_address(L, 1));
  return 1;
}

/* ---- default files ---- */

/* Push the default input or output, which must be open; it stands at the index answered. */
static int push_default(Thread *L, const char *key) {
  raw_get_field(L, REGISTRY_INDEX, key);
  const Handle *h = handle_at(L, -1);
  if (unlikely(!h || h->kind == HANDLE_CLOSED)) error_at(L, "default %s file is closed", key + sizeof "_IO_" - 1);
  return stack_top(L);
}

static int change_default(Thread *L, const char *key, const char *mode) {
  if (!is_none_or_nil(L, 1)) {
    const char *path = to_text(L, 1);
    if (path) {
      open_or_raise(L, path, mode);
    } else {
      open_handle_arg(L, 1);
      push_value(L, 1);
    }
    raw_set_field(L, REGISTRY_INDEX, key);
  }
  raw_get_field(L, REGISTRY_INDEX, key);
  return 1;
}

static int io_input(Thread *L) { return change_default(L, IO_INPUT, "r"); }
static int io_output(Thread *L) { return change_default(L, IO_OUTPUT, "w"); }

void push_standard_input(Thread *L) {
  raw_get_field(L, REGISTRY_INDEX, STDIN_KEY);
  const Handle *h = handle_at(L, -1);
  if (h && h->kind == HANDLE_STDIN) return;
  pop(L, 1); /* a program has meddled with the registry */
  push_handle(L, HANDLE_STDIN);
}

/* ---- reading ---- */

static int io_read(Thread *L) {
  int count = stack_top(L);
  int file = push_default(L, IO_INPUT);
  return handle_read(L, file, 1, count);
}

static int handle_read_method(Thread *L) {
  open_handle_arg(L, 1);
  return handle_read(L, 1, 2, stack_top(L));
}

/* The iterator of lines. Upvalues: file, number of formats, close at the end, formats… */
static int lines_next(Thread *L) {
  const Handle *h = to_userdata(L, UPVALUE_INDEX(1));
  int count = (int)to_integer(L, UPVALUE_INDEX(2), NULL);
  if (unlikely(h->kind == HANDLE_CLOSED)) error_at(L, "file is already closed");
  set_top(L, 0);
  ensure_stack(L, count + 1, "too many arguments");
  push_value(L, UPVALUE_INDEX(1));
  for (int i = 1; i <= count; i++) push_value(L, UPVALUE_INDEX(3 + i));
  int results = handle_read(L, 1, 2, count + 1);
  if (to_boolean(L, -results)) return results;
  if (results > 1) error_at(L, "%s", to_text(L, -results + 1)); /* nil, message, number */
  if (to_boolean(L, UPVALUE_INDEX(3))) {
    set_top(L, 1);
    close_handle(L);
  }
  return 0;
}

/* Make the iterator from the file at index 1 and the formats above it. */
static void push_lines(Thread *L, bool close) {
  int count = stack_top(L) - 1;
  arg_check(L, count <= LINES_FORMATS_MAX, LINES_FORMATS_MAX + 2, "too many arguments");
  push_value(L, 1);
  push_integer(L, count);
  push_boolean(L, close);
  rotate(L, 2, 3);
  push_native(L, lines_next, 3 + count);
}

static int handle_lines(Thread *L) {
  open_handle_arg(L, 1);
  push_lines(L, false);
  return 1;
}

static int io_lines(Thread *L) {
  if (is_none(L, 1)) push_nil(L);
  if (type_at(L, 1) == TYPE_NIL) {
    raw_get_field(L, REGISTRY_INDEX, IO_INPUT);
    replace_at(L, 1);
    open_handle_arg(L, 1);
    push_lines(L, false);
    return 1;
  }
  open_or_raise(L, arg_text(L, 1), "r");
  replace_at(L, 1);
  push_lines(L, true);
  push_nil(L);
  push_nil(L);
  push_value(L, 1); /* to be closed when the loop ends early */
  return 4;
}

/* ---- writing ---- */

/* Write arguments first…last to the handle at `file`; answers the handle. */
static int write_arguments(Thread *L, int file, int first, int last) {
  int error = 0;
  for (int i = first; i <= last; i++) {
    char text[NUMBER_TEXT];
    size_t size;
    const char *bytes = text;
    if (type_at(L, i) != TYPE_NUMBER)
      bytes = arg_bytes(L, i, &size);
    else if (is_integer_at(L, i))
      size = number_to_text(value_at(L, i), text);
    else
      size = (size_t)snprintf(text, sizeof text, "%.14g", to_number(L, i, NULL)); /* without the ".0" of tostring */
    int failed = handle_write(L, file, bytes, size);
    if (!error) error = failed;
  }
  if (error) return push_failure(L, error, NULL);
  push_value(L, file);
  return 1;
}

static int io_write(Thread *L) {
  int count = stack_top(L);
  return write_arguments(L, push_default(L, IO_OUTPUT), 1, count);
}

static int handle_write_method(Thread *L) {
  open_handle_arg(L, 1);
  return write_arguments(L, 1, 2, stack_top(L));
}

static int io_flush(Thread *L) {
  handle_flush(L, push_default(L, IO_OUTPUT));
  push_boolean(L, 1);
  return 1;
}

static int handle_flush_method(Thread *L) {
  open_handle_arg(L, 1);
  handle_flush(L, 1);
  push_value(L, 1);
  return 1;
}

/* ---- position and buffering ---- */

static int handle_seek(Thread *L) {
  static const char *const places[] = {"set", "cur", "end", NULL};
  Handle *h = open_handle_arg(L, 1);
  int place = arg_option(L, 2, "cur", places);
  Integer offset = opt_integer(L, 3, 0);
  if (h->kind != HANDLE_FILE) return push_failure(L, ESPIPE, NULL);
  handle_flush(L, 1);
  get_user_value(L, 1, HANDLE_BODY);
  const FileNode *node = to_userdata(L, -1);
  Integer base = place == 0 ? 0 : (Integer)(place == 1 ? h->position : node->size);
  Integer target;
  if (__builtin_add_overflow(base, offset, &target) || target < 0) return push_failure(L, EINVAL, NULL);
  h->position = (size_t)target;
  push_integer(L, target);
  return 1;
}

static int handle_setvbuf(Thread *L) {
  static const char *const names[] = {"no", "full", "line", NULL};
  static const Buffering kinds[] = {BUFFER_NONE, BUFFER_FULL, BUFFER_LINE};
  Handle *h = open_handle_arg(L, 1);
  int kind = arg_option(L, 2, NULL, names);
  opt_integer(L, 3, 1024); /* the size is checked, and ours to choose */
  handle_flush(L, 1);
  h->buffering = kinds[kind];
  push_boolean(L, 1);
  return 1;
}

/* ---- files that hold code ---- */

/* Push the whole content of the file, or of standard input; an error number. */
static int push_content(Thread *L, const char *path) {
  if (!path) {
    push_standard_input(L);
    handle_read_all(L, -1);
    remove_at(L, -2);
    return 0;
  }
  int error = node_open(L, path, NODE_MUST_EXIST);
  if (error) return error;
  const FileNode *node = to_userdata(L, -1);
  native_charge(L, node->size);
  push_bytes(L, node->size ? node->bytes : "", node->size);
  remove_at(L, -2);
  return 0;
}

int load_file(Thread *L, const char *path, const char *mode) {
  if (path)
    push_format(L, "@%s", path);
  else
    push_literal(L, "=stdin");
  const char *name = to_text(L, -1);
  int error = push_content(L, path);
  if (error) {
    push_format(L, "cannot open %s: %s", name + 1, filesystem_message(error));
    remove_at(L, -2);
    return STATUS_ERRERR + 1; /* the manual's LUA_ERRFILE */
  }
  size_t size;
  const char *text = to_bytes(L, -1, &size);
  const char *end = text + size;
  if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3; /* a byte order mark */
  if (text < end && *text == '#') { /* a line for the system's shell; its end stays, for the line numbers */
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    text = newline ? newline : end;
    if (end - text > 1 && text[1] == '\x1b') text++;
  }
  int status = load_chunk(L, text, (size_t)(end - text), name, mode);
  remove_at(L, -2);
  remove_at(L, -2);
  return status;
}

const NativeReg io_natives[] = {
    {"io.close", io_close, NULL},   {"io.flush", io_flush, NULL},     {"io.input", io_input, NULL},
    {"io.lines", io_lines, NULL},   {"io.open", io_open, NULL},       {"io.output", io_output, NULL},
    {"io.popen", io_popen, NULL},   {"io.read", io_read, NULL},       {"io.tmpfile", io_tmpfile, NULL},
    {"io.type", io_type, NULL},     {"io.write", io_write, NULL},     {NULL, NULL, NULL},
};

const NativeReg io_methods[] = {
    {"file.close", close_handle, NULL},
    {"file.flush", handle_flush_method, NULL},
    {"file.lines", handle_lines, NULL},
    {"file.read", handle_read_method, NULL},
    {"file.seek", handle_seek, NULL},
    {"file.setvbuf", handle_setvbuf, NULL},
    {"file.write", handle_write_method, NULL},
    {NULL, NULL, NULL},
};

const NativeReg io_metamethods[] = {
    {"file.__gc", handle_collect, NULL},
    {"file.__close", handle_collect, NULL},
    {"file.__tostring", handle_tostring, NULL},
    {NULL, NULL, NULL},
};

const NativeReg io_inner_natives[] = {{"io.lines_iterator", lines_next, NULL}, {NULL, NULL, NULL}};

/* Make a standard stream: a field of the io table on top, and the value of registry[key]. */
static void add_standard(Thread *L, HandleKind kind, const char *field, const char *key) {
  push_handle(L, kind);
  if (key) {
    push_value(L, -1);
    raw_set_field(L, REGISTRY_INDEX, key);
  }
  set_field(L, -2, field);
}

void open_io(Thread *L) {
  new_library(L, io_natives);
  new_metatable(L, HANDLE_TYPE);
  set_natives(L, io_metamethods, 0);
  new_library(L, io_methods);
  set_field(L, -2, "__index");
  pop(L, 1);
  add_standard(L, HANDLE_STDIN, "stdin", IO_INPUT);
  get_field(L, -1, "stdin");
  raw_set_field(L, REGISTRY_INDEX, STDIN_KEY);
  add_standard(L, HANDLE_STDOUT, "stdout", IO_OUTPUT);
  add_standard(L, HANDLE_STDERR, "stderr", NULL);
}
