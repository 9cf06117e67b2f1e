/* Bytes in and out of file handles: read formats, buffering, and the two ends of the host's streams. */
#include <errno.h>

#include "ascii.h"
#include "lib_io.h"

enum { LONGEST_NUMERAL = 200, FULL_BUFFER = 4096 };
#define UNREADABLE ((size_t)1 << 40) /* more bytes than any machine has room for */

int push_failure(Thread *L, int error, const char *path) {
  push_nil(L);
  if (path)
    push_format(L, "%s: %s", path, filesystem_message(error));
  else
    push_string(L, filesystem_message(error));
  push_integer(L, error);
  return 3;
}

/* ---- reading ---- */

static FileNode *node_of(Thread *L, int index) {
  get_user_value(L, index, HANDLE_BODY);
  FileNode *node = to_userdata(L, -1);
  pop(L, 1); /* the handle keeps it alive */
  return node;
}

/* Ask the host for the next piece of standard input. */
static void next_piece(Thread *L, int index, Handle *h) {
  index = abs_index(L, index);
  h->piece = machine_journal(L, "stdin", &h->available);
  h->position = 0;
  h->at_end = h->available == 0;
  set_user_value(L, index, HANDLE_BODY);
}

/* The bytes that can be read now without asking anybody again; none at the end. */
static const char *look_ahead(Thread *L, int index, Handle *h, size_t *size) {
  if (h->kind == HANDLE_STDIN) {
    if (h->position >= h->available && !h->at_end) next_piece(L, index, h);
    *size = h->at_end ? 0 : h->available - h->position;
    return *size ? h->piece + h->position : "";
  }
  const FileNode *node = node_of(L, index);
  *size = h->position < node->size ? node->size - h->position : 0;
  return *size ? node->bytes + h->position : ""; /* an empty file has no bytes to point at */
}

/* The next byte without taking it, -1 at the end. */
static int peek(Thread *L, int index, Handle *h) {
  size_t size;
  const char *bytes = look_ahead(L, index, h, &size);
  return size ? (unsigned char)*bytes : -1;
}

bool handle_read_line(Thread *L, int index, bool keep_end) {
  Handle *h = to_userdata(L, index);
  index = abs_index(L, index);
  Buf line;
  bool found = false, any = false;
  push_nil(L); /* becomes the result */
  buf_init(L, &line);
  while (!found) {
    size_t size;
    const char *bytes = look_ahead(L, index, h, &size);
    if (size == 0) break;
    const char *end = memchr(bytes, '\n', size);
    size_t taken = end ? (size_t)(end - bytes) + 1 : size;
    found = end != NULL;
    any = true;
    h->position += taken;
    native_charge(L, taken);
    buf_add(&line, bytes, taken - (found && !keep_end));
  }
  buf_push(&line);
  if (any)
    replace_at(L, -2);
  else
    pop(L, 1);
  return any;
}

void handle_read_all(Thread *L, int index) {
  Handle *h = to_userdata(L, index);
  index = abs_index(L, index);
  Buf all;
  buf_init(L, &all);
  for (;;) {
    size_t size;
    const char *bytes = look_ahead(L, index, h, &size);
    if (size == 0) break;
    h->position += size;
    native_charge(L, size);
    buf_add(&all, bytes, size);
  }
  buf_push(&all);
}

/* Up to `count` bytes; false when there are none. */
static bool read_bytes(Thread *L, int index, Handle *h, size_t count) {
  Buf bytes_read;
  size_t total = 0;
  buf_init(L, &bytes_read);
  while (total < count) {
    size_t size;
    const char *bytes = look_ahead(L, index, h, &size);
    if (size == 0) break;
    if (size > count - total) size = count - total;
    h->position += size;
    total += size;
    native_charge(L, size);
    buf_add(&bytes_read, bytes, size);
  }
  buf_push(&bytes_read);
  return total > 0;
}

typedef struct Numeral {
  Thread *L;
  int index;
  Handle *handle;
  char text[LONGEST_NUMERAL + 1];
  int length;
  bool too_long;
} Numeral;

static int numeral_peek(Numeral *n) { return peek(n->L, n->index, n->handle); }

static bool numeral_take(Numeral *n) {
  if (n->length >= LONGEST_NUMERAL) {
    n->too_long = true;
    return false;
  }
  n->text[n->length++] = (char)numeral_peek(n);
  n->handle->position++;
  return true;
}

static bool numeral_accept(Numeral *n, char a, char b) {
  int c = numeral_peek(n);
  return (c == a || c == b) && numeral_take(n);
}

static int numeral_digits(Numeral *n, bool hex) {
  int count = 0;
  for (;;) {
    int c = numeral_peek(n);
    if (c < 0 || !(hex ? ascii_is_hex((unsigned char)c) : ascii_is_digit((unsigned char)c)) || !numeral_take(n))
      return count;
    count++;
  }
}

/* Read the longest prefix that could be a numeral and convert it; pushes nil when it is none. */
static bool read_number(Thread *L, int index, Handle *h) {
  Numeral n = {.L = L, .index = index, .handle = h};
  bool hex = false;
  int digits = 0;
  for (int c; (c = numeral_peek(&n)) >= 0 && ascii_is_space((unsigned char)c);) h->position++;
  numeral_accept(&n, '-', '+');
  if (numeral_accept(&n, '0', '0')) {
    if (numeral_accept(&n, 'x', 'X'))
      hex = true;
    else
      digits = 1;
  }
  digits += numeral_digits(&n, hex);
  if (numeral_accept(&n, '.', '.')) digits += numeral_digits(&n, hex);
  if (digits > 0 && (hex ? numeral_accept(&n, 'p', 'P') : numeral_accept(&n, 'e', 'E'))) {
    numeral_accept(&n, '-', '+');
    numeral_digits(&n, false);
  }
  n.text[n.too_long ? 0 : n.length] = '\0';
  if (text_to_number(L, n.text)) return true;
  push_nil(L);
  return false;
}

/* One format at stack index `format`; false when nothing was left to read (then what was pushed counts for nothing). */
static bool read_format(Thread *L, int index, Handle *h, int format) {
  if (type_at(L, format) == TYPE_NUMBER) {
    size_t count = (size_t)arg_integer(L, format); /* a negative one is a huge one */
    if (count >= UNREADABLE) {
      push_literal(L, "not enough memory");
      error_value(L);
    }
    if (count > 0) return read_bytes(L, index, h, count);
    push_literal(L, ""); /* reading nothing succeeds unless at the end */
    return peek(L, index, h) >= 0;
  }
  const char *letter = arg_text(L, format);
  letter += *letter == '*';
  switch (*letter) {
    case 'n': return read_number(L, index, h);
    case 'l': return handle_read_line(L, index, false);
    case 'L': return handle_read_line(L, index, true);
    case 'a': handle_read_all(L, index); return true;
    default: return arg_error(L, format, "invalid format");
  }
}

int handle_read(Thread *L, int index, int first, int last) {
  Handle *h = to_userdata(L, index);
  int count = last - first + 1;
  index = abs_index(L, index);
  if (!h->readable) return push_failure(L, EBADF, NULL);
  handle_flush(L, index);
  if (count <= 0) return handle_read_line(L, index, false), 1;
  ensure_stack(L, count + MIN_STACK, "too many arguments");
  int results = 0;
  bool more = true;
  for (; more && results < count; results++) more = read_format(L, index, h, first + results);
  if (!more) {
    pop(L, 1);
    push_nil(L);
  }
  return results;
}

/* ---- writing ---- */

static void write_through(Thread *L, int index, Handle *h, const char *bytes, size_t size) {
  if (h->kind == HANDLE_FILE) {
    get_user_value(L, index, HANDLE_BODY);
    if (h->append) h->position = ((FileNode *)to_userdata(L, -1))->size;
    node_write(L, -1, h->position, bytes, size);
    pop(L, 1);
    h->position += size;
  } else {
    machine_output(L, h->kind == HANDLE_STDOUT ? STREAM_STDOUT : STREAM_STDERR, bytes, size);
  }
}

void handle_flush(Thread *L, int index) {
  Handle *h = to_userdata(L, index);
  size_t size = h->pending_size;
  h->pending_size = 0;
  if (size) write_through(L, index, h, h->pending, size);
}

/* Streams to the host are handed over at once whatever the program asks: a visitor shall see what was printed. */
int handle_write(Thread *L, int index, const char *bytes, size_t size) {
  Handle *h = to_userdata(L, index);
  if (!h->writable) return EBADF;
  native_charge(L, size);
  index = abs_index(L, index);
  if (h->buffering != BUFFER_NONE && h->kind == HANDLE_FILE && !h->pending) {
    char *pending = new_userdata(L, FULL_BUFFER, 0); /* may run a finalizer that writes here too */
    memset(pending, 0, FULL_BUFFER);
    if (!h->pending) {
      h->pending = pending;
      set_user_value(L, index, HANDLE_PENDING);
    } else {
      pop(L, 1);
    }
  }
  if (h->buffering == BUFFER_NONE || h->kind != HANDLE_FILE || size + h->pending_size > FULL_BUFFER) {
    handle_flush(L, index);
    write_through(L, index, h, bytes, size);
    return 0;
  }
  memcpy(h->pending + h->pending_size, bytes, size);
  h->pending_size += size;
  if (h->buffering == BUFFER_LINE && memchr(bytes, '\n', size)) handle_flush(L, index);
  return 0;
}
