/* What libraries have in common: formatted messages, argument checks, buffers, tracebacks, warnings. */
#include <stdarg.h>

#include "call.h"
#include "gc.h"
#include "native.h"
#include "table.h"
#include "vm.h"

/* ---- formatted strings ---- */

typedef struct Pieces { /* text under construction; full pieces are on the stack */
  Thread *L;
  int pushed;
  size_t length;
  char room[256];
} Pieces;

static void pieces_flush(Pieces *p) {
  Thread *L = p->L;
  TString *s = string_new(L, p->room, p->length);
  set_string(L->top, s);
  L->top++;
  p->length = 0;
  if (p->pushed)
    concat_top(L, 2);
  else
    p->pushed = 1;
}

static void pieces_add(Pieces *p, const char *text, size_t n) {
  while (n > sizeof p->room - p->length) {
    size_t part = sizeof p->room - p->length;
    memcpy(p->room + p->length, text, part);
    p->length += part;
    text += part;
    n -= part;
    pieces_flush(p);
  }
  memcpy(p->room + p->length, text, n);
  p->length += n;
}

static void pieces_number(Pieces *p, const TValue *number) {
  char text[NUMBER_TEXT];
  pieces_add(p, text, number_to_text(number, text));
}

static void pieces_address(Pieces *p, const void *address) {
  char text[2 + 16];
  int at = sizeof text;
  uintptr_t bits = (uintptr_t)address;
  if (address == NULL) {
    pieces_add(p, "(nil)", 5);
    return;
  }
  do text[--at] = "0123456789abcdef"[bits & 15];
  while (bits >>= 4);
  text[--at] = 'x';
  text[--at] = '0';
  pieces_add(p, text + at, sizeof text - (size_t)at);
}

const char *push_vformat(Thread *L, const char *format, va_list arguments) {
  Pieces p;
  p.L = L;
  p.pushed = 0;
  p.length = 0;
  const char *percent;
  while ((percent = strchr(format, '%')) != NULL) {
    pieces_add(&p, format, (size_t)(percent - format));
    TValue v;
    switch (percent[1]) {
      case 's': {
        const char *s = va_arg(arguments, const char *);
        if (s == NULL) s = "(null)";
        pieces_add(&p, s, strlen(s));
        break;
      }
      case 'c': {
        char c = (char)va_arg(arguments, int);
        pieces_add(&p, &c, 1);
        break;
      }
      case 'd':
        set_int(&v, va_arg(arguments, int));
        pieces_number(&p, &v);
        break;
      case 'I':
        set_int(&v, va_arg(arguments, Integer));
        pieces_number(&p, &v);
        break;
      case 'f':
        set_flt(&v, va_arg(arguments, Number));
        pieces_number(&p, &v);
        break;
      case 'p': pieces_address(&p, va_arg(arguments, void *)); break;
      case 'U': {
        char bytes[8];
        size_t n = utf8_encode(bytes, va_arg(arguments, unsigned long));
        pieces_add(&p, bytes + 8 - n, n);
        break;
      }
      case '%': pieces_add(&p, "%", 1); break;
      default: error_run(L, "invalid option '%%%c' to 'push_format'", percent[1]);
    }
    format = percent + 2;
  }
  pieces_add(&p, format, strlen(format));
  pieces_flush(&p);
  return string_of(L->top - 1)->bytes;
}

const char *push_format(Thread *L, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *text = push_vformat(L, format, arguments);
  va_end(arguments);
  gc_check(L);
  return text;
}

/* ---- errors ---- */

void push_where(Thread *L, int level) {
  Activation ar;
  if (get_activation(L, level, &ar)) {
    get_info(L, "Sl", &ar);
    if (ar.currentline > 0) {
      push_format(L, "%s:%d: ", ar.short_src, ar.currentline);
      return;
    }
  }
  push_literal(L, "");
}

int error_at(Thread *L, const char *format, ...) {
  va_list arguments;
  push_where(L, 1);
  va_start(arguments, format);
  push_vformat(L, format, arguments);
  va_end(arguments);
  concat(L, 2);
  error_value(L);
}

void ensure_stack(Thread *L, int n, const char *message) {
  if (check_stack(L, n)) return;
  if (message) error_at(L, "stack overflow (%s)", message);
  error_at(L, "stack overflow");
}

/* Look for the function on top among the fields of loaded modules: 1 and its name pushed. */
static int find_loaded_name(Thread *L, int function, int level) {
  if (level == 0 || type_at(L, -1) != TYPE_TABLE) return 0;
  push_nil(L);
  while (table_next_at(L, -2)) {
    if (type_at(L, -2) == TYPE_STRING) {
      if (raw_equal(L, function, -1)) {
        pop(L, 1); /* the value; the name stays */
        return 1;
      }
      if (find_loaded_name(L, function, level - 1)) { /* stack: name, table, inner name */
        push_literal(L, ".");
        replace_at(L, -3);
        concat(L, 3);
        return 1;
      }
    }
    pop(L, 1);
  }
  return 0;
}

/* The name under which a library offers the activation's function. */
static int push_global_name(Thread *L, Activation *ar) {
  int top = stack_top(L);
  get_info(L, "f", ar);
  raw_get_field(L, REGISTRY_INDEX, "_LOADED");
  ensure_stack(L, 6, "not enough stack");
  if (!find_loaded_name(L, top + 1, 2)) {
    set_top(L, top);
    return 0;
  }
  const char *name = to_text(L, -1);
  if (strncmp(name, "_G.", 3) == 0) {
    push_string(L, name + 3);
    remove_at(L, -2);
  }
  copy_value(L, -1, top + 1);
  set_top(L, top + 1);
  return 1;
}

int arg_error(Thread *L, int arg, const char *message) {
  Activation ar;
  if (!get_activation(L, 0, &ar)) error_at(L, "bad argument #%d (%s)", arg, message);
  get_info(L, "n", &ar);
  if (strcmp(ar.namewhat, "method") == 0) {
    arg--; /* self does not count */
    if (arg == 0) error_at(L, "calling '%s' on bad self (%s)", ar.name, message);
  }
  if (ar.name == NULL) ar.name = push_global_name(L, &ar) ? to_text(L, -1) : "?";
  error_at(L, "bad argument #%d to '%s' (%s)", arg, ar.name, message);
}

int type_error(Thread *L, int arg, const char *expected) {
  const char *got;
  if (get_metafield(L, arg, "__name") == TYPE_STRING)
    got = to_text(L, -1);
  else if (type_at(L, arg) == TYPE_LIGHT)
    got = "light userdata";
  else
    got = type_name_at(L, arg);
  arg_error(L, arg, push_format(L, "%s expected, got %s", expected, got));
}

/* ---- arguments ---- */

void arg_any(Thread *L, int arg) {
  if (type_at(L, arg) == TYPE_NONE) arg_error(L, arg, "value expected");
}

void arg_type(Thread *L, int arg, int type) {
  if (unlikely(type_at(L, arg) != type)) type_error(L, arg, type_name(type));
}

Integer arg_integer(Thread *L, int arg) {
  const TValue *v = value_at(L, arg);
  if (likely(is_integer(v))) return int_of(v);
  int ok;
  Integer i = to_integer(L, arg, &ok);
  if (unlikely(!ok)) {
    if (is_number_at(L, arg)) arg_error(L, arg, "number has no integer representation");
    type_error(L, arg, type_name(TYPE_NUMBER));
  }
  return i;
}

Number arg_number(Thread *L, int arg) {
  int ok;
  Number n = to_number(L, arg, &ok);
  if (unlikely(!ok)) type_error(L, arg, type_name(TYPE_NUMBER));
  return n;
}

const char *arg_bytes(Thread *L, int arg, size_t *length) {
  const char *bytes = to_bytes(L, arg, length);
  if (unlikely(!bytes)) type_error(L, arg, type_name(TYPE_STRING));
  return bytes;
}

Integer opt_integer(Thread *L, int arg, Integer otherwise) {
  return is_none_or_nil(L, arg) ? otherwise : arg_integer(L, arg);
}

Number opt_number(Thread *L, int arg, Number otherwise) {
  return is_none_or_nil(L, arg) ? otherwise : arg_number(L, arg);
}

const char *opt_bytes(Thread *L, int arg, const char *otherwise, size_t *length) {
  if (!is_none_or_nil(L, arg)) return arg_bytes(L, arg, length);
  if (length) *length = otherwise ? strlen(otherwise) : 0;
  return otherwise;
}

int arg_option(Thread *L, int arg, const char *otherwise, const char *const list[]) {
  const char *name = otherwise ? opt_bytes(L, arg, otherwise, NULL) : arg_text(L, arg);
  for (int i = 0; list[i]; i++)
    if (strcmp(list[i], name) == 0) return i;
  arg_error(L, arg, push_format(L, "invalid option '%s'", name));
}

int new_metatable(Thread *L, const char *name) {
  if (raw_get_field(L, REGISTRY_INDEX, name) != TYPE_NIL) return 0;
  pop(L, 1);
  new_table(L, 0, 2);
  push_string(L, name);
  set_field(L, -2, "__name");
  push_value(L, -1);
  set_field(L, REGISTRY_INDEX, name);
  return 1;
}

void set_named_metatable(Thread *L, const char *name) {
  raw_get_field(L, REGISTRY_INDEX, name);
  set_metatable(L, -2);
}

void *test_userdata(Thread *L, int index, const char *name) {
  void *bytes = to_userdata(L, index);
  if (bytes == NULL || !get_metatable(L, index)) return NULL;
  raw_get_field(L, REGISTRY_INDEX, name);
  if (!raw_equal(L, -1, -2)) bytes = NULL;
  pop(L, 2);
  return bytes;
}

void *arg_userdata(Thread *L, int arg, const char *name) {
  void *bytes = test_userdata(L, arg, name);
  if (bytes == NULL) type_error(L, arg, name);
  return bytes;
}

/* ---- tables and metafields ---- */

int get_metafield(Thread *L, int index, const char *event) {
  if (!get_metatable(L, index)) return TYPE_NIL;
  int type = raw_get_field(L, -1, event);
  if (type == TYPE_NIL)
    pop(L, 2);
  else
    remove_at(L, -2);
  return type;
}

int call_metamethod(Thread *L, int index, const char *event) {
  index = abs_index(L, index);
  if (get_metafield(L, index, event) == TYPE_NIL) return 0;
  push_value(L, index);
  call(L, 1, 1);
  return 1;
}

Integer length_of(Thread *L, int index) {
  int ok;
  push_length(L, index);
  Integer n = to_integer(L, -1, &ok);
  if (unlikely(!ok)) error_at(L, "object length is not an integer");
  pop(L, 1);
  return n;
}

const char *to_display(Thread *L, int index, size_t *length) {
  index = abs_index(L, index);
  if (call_metamethod(L, index, "__tostring")) {
    if (!is_string_at(L, -1)) error_at(L, "'__tostring' must return a string");
    return to_bytes(L, -1, length);
  }
  switch (type_at(L, index)) {
    case TYPE_NUMBER:
      push_value(L, index);
      break; /* made a string below */
    case TYPE_STRING: push_value(L, index); break;
    case TYPE_BOOLEAN: push_string(L, to_boolean(L, index) ? "true" : "false"); break;
    case TYPE_NIL: push_literal(L, "nil"); break;
    default: {
      int type = get_metafield(L, index, "__name");
      const char *kind = type == TYPE_STRING ? to_text(L, -1) : type_name_at(L, index);
      push_format(L, "%s: %p", kind, to_address(L, index));
      if (type != TYPE_NIL) remove_at(L, -2);
      break;
    }
  }
  return to_bytes(L, -1, length);
}

int get_subtable(Thread *L, int index, const char *name) {
  if (get_field(L, index, name) == TYPE_TABLE) return 1;
  pop(L, 1);
  index = abs_index(L, index);
  new_table(L, 0, 0);
  push_value(L, -1);
  set_field(L, index, name);
  return 0;
}

void set_natives(Thread *L, const NativeReg *rows, int upvalues) {
  ensure_stack(L, upvalues, "too many upvalues");
  for (; rows->name; rows++) {
    const char *dot = strrchr(rows->name, '.');
    for (int i = 0; i < upvalues; i++) push_value(L, -upvalues);
    push_native(L, rows->fn, upvalues);
    set_field(L, -(upvalues + 2), dot ? dot + 1 : rows->name);
  }
  pop(L, upvalues);
}

void new_library(Thread *L, const NativeReg *rows) {
  int n = 0;
  while (rows[n].name) n++;
  new_table(L, 0, n);
  set_natives(L, rows, 0);
}

/* ---- buffers: one stack slot belongs to the buffer; it holds the bytes once they are too many for `inside` ---- */

void buf_init(Thread *L, Buf *b) {
  b->L = L;
  b->bytes = b->inside;
  b->length = 0;
  b->capacity = sizeof b->inside;
  push_nil(L);
}

/* The box is a long string nobody else sees; a replaced one can go at once if nothing was created since. */
static void box_drop(TString *box, GCObject *newer) {
  if (newer->next != as_gc(box)) return;
  newer->next = box->next;
  G->objects--;
  mem_free(box, string_bytes(box->u.lnglen));
}

static char *buf_grow(Buf *b, size_t n, int box_index) {
  Thread *L = b->L;
  size_t wanted = b->capacity / 2 * 3;
  if (unlikely(SIZE_MAX - n < b->length)) error_at(L, "buffer too large");
  if (wanted < b->length + n) wanted = b->length + n;
  native_charge(L, b->length);
  TString *box = string_long(L, wanted);
  memcpy(box->bytes, b->bytes, b->length);
  TValue *slot = L->top + box_index;
  if (is_string(slot)) box_drop(string_of(slot), as_gc(box));
  set_string(slot, box);
  b->bytes = box->bytes;
  b->capacity = wanted;
  return b->bytes + b->length;
}

char *buf_reserve(Buf *b, size_t n) {
  if (likely(b->capacity - b->length >= n)) return b->bytes + b->length;
  return buf_grow(b, n, -1);
}

void buf_add(Buf *b, const char *bytes, size_t n) {
  if (n == 0) return;
  memcpy(buf_reserve(b, n), bytes, n);
  b->length += n;
}

void buf_add_value(Buf *b) {
  Thread *L = b->L;
  size_t n;
  const char *bytes = to_bytes(L, -1, &n);
  if (b->capacity - b->length < n) buf_grow(b, n, -2);
  memcpy(b->bytes + b->length, bytes, n);
  b->length += n;
  L->top--;
}

void buf_push(Buf *b) {
  Thread *L = b->L;
  TValue *slot = L->top - 1;
  TString *box = is_string(slot) ? string_of(slot) : NULL;
  if (box && b->length > SHORT_MAX && b->length == box->u.lnglen) { /* exactly full: the box is the result */
    box->bytes[b->length] = '\0';
  } else {
    TString *s = string_new(L, b->bytes, b->length);
    if (box) box_drop(box, as_gc(s));
    set_string(L->top - 1, s);
  }
  gc_check(L);
}

char *buf_init_size(Thread *L, Buf *b, size_t n) {
  buf_init(L, b);
  return buf_reserve(b, n);
}

/* ---- tracebacks ---- */

#define LEVELS_FIRST 10
#define LEVELS_LAST 11

static int last_level(Thread *L) {
  Activation ar;
  int low = 1, high = 1;
  while (get_activation(L, high, &ar)) {
    low = high;
    high *= 2;
  }
  while (low < high) {
    int middle = (low + high) / 2;
    if (get_activation(L, middle, &ar))
      low = middle + 1;
    else
      high = middle;
  }
  return high - 1;
}

static void push_function_name(Thread *L, Activation *ar) {
  if (push_global_name(L, ar)) {
    push_format(L, "function '%s'", to_text(L, -1));
    remove_at(L, -2);
  } else if (*ar->namewhat != '\0')
    push_format(L, "%s '%s'", ar->namewhat, ar->name);
  else if (*ar->what == 'm')
    push_literal(L, "main chunk");
  else if (*ar->what != 'C')
    push_format(L, "function <%s:%d>", ar->short_src, ar->linedefined);
  else
    push_literal(L, "?");
}

void traceback(Thread *L, Thread *of, const char *message, int level) {
  Buf b;
  Activation ar;
  int last = last_level(of);
  int shown = last - level > LEVELS_FIRST + LEVELS_LAST ? LEVELS_FIRST : -1;
  buf_init(L, &b);
  if (message) {
    buf_add_text(&b, message);
    buf_char(&b, '\n');
  }
  buf_add_text(&b, "stack traceback:");
  while (get_activation(of, level++, &ar)) {
    if (shown-- == 0) {
      int skip = last - level - LEVELS_LAST + 1;
      push_format(L, "\n\t...\t(skipping %d levels)", skip);
      buf_add_value(&b);
      level += skip;
      continue;
    }
    get_info(of, "Slnt", &ar);
    if (ar.currentline <= 0)
      push_format(L, "\n\t%s: in ", ar.short_src);
    else
      push_format(L, "\n\t%s:%d: in ", ar.short_src, ar.currentline);
    buf_add_value(&b);
    push_function_name(L, &ar);
    buf_add_value(&b);
    if (ar.istailcall) buf_add_text(&b, "\n\t(...tail calls...)");
  }
  buf_push(&b);
}

/* ---- warnings ---- */

enum { WARN_OFF, WARN_ON, WARN_CONTINUES };

void warning(Thread *L, const char *message, int to_be_continued) {
  if (G->warn_state != WARN_CONTINUES && !to_be_continued && *message == '@') { /* a control message */
    if (strcmp(message, "@off") == 0)
      G->warn_state = WARN_OFF;
    else if (strcmp(message, "@on") == 0)
      G->warn_state = WARN_ON;
    return;
  }
  if (G->warn_state == WARN_OFF) return;
  if (G->warn_state == WARN_ON) machine_output(L, STREAM_STDERR, "Lua warning: ", 13);
  machine_output(L, STREAM_STDERR, message, strlen(message));
  G->warn_state = to_be_continued ? WARN_CONTINUES : WARN_ON;
  if (!to_be_continued) machine_output(L, STREAM_STDERR, "\n", 1);
}
