/* string.pack, unpack and packsize: binary layouts described by a format string. */
#include <limits.h>

#include "ascii.h"
#include "lib_string.h"

enum { LARGEST_INTEGER = 16, NATIVE_ALIGNMENT = 8 };

typedef enum ItemKind {
  ITEM_SIGNED,
  ITEM_UNSIGNED,
  ITEM_FLOAT,  /* C float */
  ITEM_DOUBLE, /* C double and lua_Number are the same */
  ITEM_CHARS,  /* fixed size */
  ITEM_STRING, /* its length as an integer before it */
  ITEM_ZERO_STRING,
  ITEM_PADDING, /* one byte */
  ITEM_ALIGN,
  ITEM_NOTHING /* a setting or a space */
} ItemKind;

typedef struct Item {
  ItemKind kind;
  int size;      /* bytes of the item; of the length for ITEM_STRING */
  int alignment; /* padding bytes to write before it */
} Item;

typedef struct Layout {
  Thread *L;
  const char *at; /* rest of the format */
  bool little;
  int max_alignment;
} Layout;

static void layout_begin(Layout *layout, Thread *L, const char *format) {
  *layout = (Layout){.L = L, .at = format, .little = true, .max_alignment = 1};
}

/* The decimal number at the format's front, or `otherwise`. */
static int read_number(Layout *layout, int otherwise) {
  if (!ascii_is_digit((unsigned char)*layout->at)) return otherwise;
  int value = 0;
  do {
    value = value * 10 + (*layout->at++ - '0');
  } while (ascii_is_digit((unsigned char)*layout->at) && value <= (INT_MAX - 9) / 10);
  return value;
}

static int read_integer_size(Layout *layout, int otherwise) {
  int size = read_number(layout, otherwise);
  if (unlikely(size > LARGEST_INTEGER || size <= 0))
    error_at(layout->L, "integral size (%d) out of limits [1,%d]", size, LARGEST_INTEGER);
  return size;
}

/* Read one option; its size in *size. Settings take effect at once. */
static ItemKind read_option(Layout *layout, int *size) {
  char option = *layout->at++;
  *size = 0;
  switch (option) {
    case 'b': *size = sizeof(char); return ITEM_SIGNED;
    case 'B': *size = sizeof(char); return ITEM_UNSIGNED;
    case 'h': *size = sizeof(short); return ITEM_SIGNED;
    case 'H': *size = sizeof(short); return ITEM_UNSIGNED;
    case 'l':
    case 'j': *size = sizeof(Integer); return ITEM_SIGNED;
    case 'L':
    case 'J':
    case 'T': *size = sizeof(Integer); return ITEM_UNSIGNED;
    case 'i': *size = read_integer_size(layout, sizeof(int)); return ITEM_SIGNED;
    case 'I': *size = read_integer_size(layout, sizeof(int)); return ITEM_UNSIGNED;
    case 'f': *size = sizeof(float); return ITEM_FLOAT;
    case 'd':
    case 'n': *size = sizeof(double); return ITEM_DOUBLE;
    case 's': *size = read_integer_size(layout, sizeof(size_t)); return ITEM_STRING;
    case 'z': return ITEM_ZERO_STRING;
    case 'x': *size = 1; return ITEM_PADDING;
    case 'X': return ITEM_ALIGN;
    case 'c':
      *size = read_number(layout, -1);
      if (unlikely(*size == -1)) error_at(layout->L, "missing size for format option 'c'");
      return ITEM_CHARS;
    case ' ': break;
    case '<':
    case '=': layout->little = true; break;
    case '>': layout->little = false; break;
    case '!': layout->max_alignment = read_integer_size(layout, NATIVE_ALIGNMENT); break;
    default: error_at(layout->L, "invalid format option '%c'", option);
  }
  return ITEM_NOTHING;
}

/* The next item of the format; `offset` is how many bytes stand before it. */
static Item read_item(Layout *layout, size_t offset) {
  Item item;
  native_charge(layout->L, 2);
  item.kind = read_option(layout, &item.size);
  int align = item.size;
  if (item.kind == ITEM_ALIGN && (*layout->at == '\0' || read_option(layout, &align) == ITEM_CHARS || align == 0))
    arg_error(layout->L, 1, "invalid next option for option 'X'");
  item.alignment = 0;
  if (align > 1 && item.kind != ITEM_CHARS) {
    if (align > layout->max_alignment) align = layout->max_alignment;
    if (unlikely((align & (align - 1)) != 0)) arg_error(layout->L, 1, "format asks for alignment not power of 2");
    item.alignment = (int)(-offset & (size_t)(align - 1));
  }
  return item;
}

/* ---- writing ---- */

static void add_integer_bytes(Buf *b, Unsigned value, bool little, int size, bool negative) {
  char *out = buf_reserve(b, (size_t)size);
  for (int i = 0; i < size; i++) {
    int place = little ? i : size - 1 - i;
    /* bytes beyond the value's own repeat its sign */
    out[place] = i < (int)sizeof value ? (char)(value >> (8 * i)) : (char)(negative ? 0xff : 0);
  }
  buf_added(b, (size_t)size);
}

static void add_float_bytes(Buf *b, const char *bytes, size_t size, bool little) {
  char *out = buf_reserve(b, size);
  for (size_t i = 0; i < size; i++) out[i] = little ? bytes[i] : bytes[size - 1 - i];
  buf_added(b, size);
}

static void add_zeros(Buf *b, size_t count) {
  memset(buf_reserve(b, count), 0, count);
  buf_added(b, count);
}

static void pack_integer(Thread *L, Buf *b, const Layout *layout, Item item, int arg) {
  Integer value = arg_integer(L, arg);
  if (item.size < (int)sizeof value) {
    if (item.kind == ITEM_SIGNED) {
      Integer limit = (Integer)1 << (item.size * 8 - 1);
      arg_check(L, -limit <= value && value < limit, arg, "integer overflow");
    } else {
      arg_check(L, (Unsigned)value < (Unsigned)1 << (item.size * 8), arg, "unsigned overflow");
    }
  }
  add_integer_bytes(b, (Unsigned)value, layout->little, item.size, item.kind == ITEM_SIGNED && value < 0);
}

/* The item's number of bytes that come on top of item.size. */
static size_t pack_text(Thread *L, Buf *b, const Layout *layout, Item item, int arg) {
  size_t length;
  const char *s = arg_bytes(L, arg, &length);
  native_charge(L, length);
  if (item.kind == ITEM_CHARS) {
    arg_check(L, length <= (size_t)item.size, arg, "string longer than given size");
    native_charge(L, item.size);
    buf_add(b, s, length);
    add_zeros(b, (size_t)item.size - length);
    return 0;
  }
  if (item.kind == ITEM_STRING) {
    bool fits = item.size >= (int)sizeof length || length < (size_t)1 << (item.size * 8);
    arg_check(L, fits, arg, "string length does not fit in given size");
    add_integer_bytes(b, length, layout->little, item.size, false);
    buf_add(b, s, length);
    return length;
  }
  arg_check(L, strlen(s) == length, arg, "string contains zeros");
  buf_add(b, s, length);
  buf_char(b, '\0');
  return length + 1;
}

static int string_pack(Thread *L) {
  Layout layout;
  layout_begin(&layout, L, arg_text(L, 1));
  int arg = 1;
  size_t total = 0;
  push_nil(L); /* keeps the arguments apart from the buffer's slot */
  Buf b;
  buf_init(L, &b);
  while (*layout.at) {
    Item item = read_item(&layout, total);
    add_zeros(&b, (size_t)item.alignment);
    total += (size_t)item.alignment + (size_t)item.size;
    switch (item.kind) {
      case ITEM_SIGNED:
      case ITEM_UNSIGNED: pack_integer(L, &b, &layout, item, ++arg); break;
      case ITEM_FLOAT: {
        float value = (float)arg_number(L, ++arg);
        add_float_bytes(&b, (const char *)&value, sizeof value, layout.little);
        break;
      }
      case ITEM_DOUBLE: {
        double value = arg_number(L, ++arg);
        add_float_bytes(&b, (const char *)&value, sizeof value, layout.little);
        break;
      }
      case ITEM_CHARS:
      case ITEM_STRING:
      case ITEM_ZERO_STRING: total += pack_text(L, &b, &layout, item, ++arg); break;
      case ITEM_PADDING: add_zeros(&b, 1); break;
      default: break;
    }
  }
  buf_push(&b);
  return 1;
}

static int string_packsize(Thread *L) {
  Layout layout;
  layout_begin(&layout, L, arg_text(L, 1));
  size_t total = 0;
  while (*layout.at) {
    Item item = read_item(&layout, total);
    arg_check(L, item.kind != ITEM_STRING && item.kind != ITEM_ZERO_STRING, 1, "variable-length format");
    size_t size = (size_t)item.alignment + (size_t)item.size;
    arg_check(L, total <= STRING_RESULT_MAX - size, 1, "format result too large");
    total += size;
  }
  push_integer(L, (Integer)total);
  return 1;
}

/* ---- reading ---- */

static Integer read_integer(Thread *L, const char *s, bool little, int size, bool is_signed) {
  Unsigned value = 0;
  int kept = size <= (int)sizeof value ? size : (int)sizeof value;
  for (int i = kept - 1; i >= 0; i--) value = value << 8 | (unsigned char)s[little ? i : size - 1 - i];
  if (size < (int)sizeof value) {
    if (is_signed) { /* extend the sign */
      Unsigned mask = (Unsigned)1 << (size * 8 - 1);
      value = (value ^ mask) - mask;
    }
    return (Integer)value;
  }
  int filler = is_signed && (Integer)value < 0 ? 0xff : 0;
  for (int i = kept; i < size; i++)
    if (unlikely((unsigned char)s[little ? i : size - 1 - i] != filler))
      error_at(L, "%d-byte integer does not fit into Lua Integer", size);
  return (Integer)value;
}

static void read_float(const char *s, char *out, size_t size, bool little) {
  for (size_t i = 0; i < size; i++) out[i] = s[little ? i : size - 1 - i];
}

/* Push the value of `item` at data[at …]; where the next one begins. `size` bytes of data; the item's own are there. */
static size_t unpack_item(Thread *L, const Layout *layout, Item item, const char *data, size_t size, size_t at) {
  const char *s = data + at;
  switch (item.kind) {
    case ITEM_SIGNED:
    case ITEM_UNSIGNED:
      push_integer(L, read_integer(L, s, layout->little, item.size, item.kind == ITEM_SIGNED));
      break;
    case ITEM_FLOAT: {
      float value;
      read_float(s, (char *)&value, sizeof value, layout->little);
      push_number(L, value);
      break;
    }
    case ITEM_DOUBLE: {
      double value;
      read_float(s, (char *)&value, sizeof value, layout->little);
      push_number(L, value);
      break;
    }
    case ITEM_CHARS:
      native_charge(L, item.size);
      push_bytes(L, s, (size_t)item.size);
      break;
    case ITEM_STRING: {
      size_t length = (size_t)read_integer(L, s, layout->little, item.size, false);
      arg_check(L, length <= size - at - (size_t)item.size, 2, "data string too short");
      native_charge(L, length);
      push_bytes(L, s + item.size, length);
      at += length;
      break;
    }
    case ITEM_ZERO_STRING: {
      const char *end = memchr(s, '\0', size - at);
      arg_check(L, end != NULL, 2, "unfinished string for format 'z'");
      native_charge(L, end - s);
      push_bytes(L, s, (size_t)(end - s));
      at += (size_t)(end - s) + 1;
      break;
    }
    default: break;
  }
  return at + (size_t)item.size;
}

static int string_unpack(Thread *L) {
  Layout layout;
  size_t size;
  layout_begin(&layout, L, arg_text(L, 1));
  const char *data = arg_bytes(L, 2, &size);
  size_t at = (size_t)string_start(opt_integer(L, 3, 1), size) - 1;
  arg_check(L, at <= size, 3, "initial position out of string");
  int count = 0;
  while (*layout.at) {
    Item item = read_item(&layout, at);
    arg_check(L, (size_t)item.alignment + (size_t)item.size <= size - at, 2, "data string too short");
    ensure_stack(L, 2, "too many results");
    at = unpack_item(L, &layout, item, data, size, at + (size_t)item.alignment);
    count += item.kind < ITEM_PADDING;
  }
  push_integer(L, (Integer)at + 1);
  return count + 1;
}

const NativeReg string_pack_natives[] = {
    {"string.pack", string_pack, NULL},
    {"string.packsize", string_packsize, NULL},
    {"string.unpack", string_unpack, NULL},
    {NULL, NULL, NULL},
};
