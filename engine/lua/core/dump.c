/* string.dump: a function as a binary chunk of Lua 5.4's format (what undump.c and PUC's luaU_undump read). */
#include "libraries.h"
#include "native.h"

typedef struct Dumper {
  Buf out;
  bool strip;
} Dumper;

static void add_block(Dumper *d, const void *bytes, size_t size) {
  native_charge(d->out.L, size);
  buf_add(&d->out, bytes, size);
}

static void add_byte(Dumper *d, int byte) { buf_char(&d->out, (char)byte); }

/* Seven bits a byte, most significant first; the last byte has its high bit set. */
static void add_size(Dumper *d, size_t x) {
  char bytes[10];
  size_t at = sizeof bytes;
  bytes[--at] = (char)(x & 0x7f);
  while ((x >>= 7) != 0) bytes[--at] = (char)(x & 0x7f);
  bytes[sizeof bytes - 1] = (char)(bytes[sizeof bytes - 1] | 0x80);
  buf_add(&d->out, bytes + at, sizeof bytes - at);
}

static void add_int(Dumper *d, int x) { add_size(d, (size_t)x); }

/* A string is its length plus one, then its bytes; no string is a zero. */
static void add_string(Dumper *d, const TString *s) {
  if (!s) {
    add_size(d, 0);
    return;
  }
  add_size(d, string_length(s) + 1);
  add_block(d, s->bytes, string_length(s));
}

static void add_constants(Dumper *d, const Proto *p) {
  add_int(d, p->sizek);
  for (int i = 0; i < p->sizek; i++) {
    const TValue *k = &p->k[i];
    add_byte(d, k->tag & ~COLLECTABLE);
    if (is_integer(k) || is_float(k))
      add_block(d, &k->v, sizeof k->v);
    else if (is_string(k))
      add_string(d, string_of(k));
  }
}

static void add_upvalues(Dumper *d, const Proto *p) {
  add_int(d, p->sizeupvalues);
  for (int i = 0; i < p->sizeupvalues; i++) {
    add_byte(d, p->upvalues[i].instack);
    add_byte(d, p->upvalues[i].idx);
    add_byte(d, p->upvalues[i].kind);
  }
}

static void add_debug(Dumper *d, const Proto *p) {
  int lines = d->strip ? 0 : p->sizelineinfo;
  int absolute = d->strip ? 0 : p->sizeabslineinfo;
  int locals = d->strip ? 0 : p->sizelocvars;
  int upvalues = d->strip ? 0 : p->sizeupvalues;
  add_int(d, lines);
  add_block(d, p->lineinfo, (size_t)lines);
  add_int(d, absolute);
  for (int i = 0; i < absolute; i++) {
    add_int(d, p->abslineinfo[i].pc);
    add_int(d, p->abslineinfo[i].line);
  }
  add_int(d, locals);
  for (int i = 0; i < locals; i++) {
    add_string(d, p->locvars[i].name);
    add_int(d, p->locvars[i].startpc);
    add_int(d, p->locvars[i].endpc);
  }
  add_int(d, upvalues);
  for (int i = 0; i < upvalues; i++) add_string(d, p->upvalues[i].name);
}

static void add_function(Dumper *d, const Proto *p, const TString *parent_source) {
  add_string(d, d->strip || p->source == parent_source ? NULL : p->source);
  add_int(d, p->linedefined);
  add_int(d, p->lastlinedefined);
  add_byte(d, p->numparams);
  add_byte(d, p->is_vararg);
  add_byte(d, p->maxstacksize);
  add_int(d, p->sizecode);
  add_block(d, p->code, (size_t)p->sizecode * sizeof *p->code);
  add_constants(d, p);
  add_upvalues(d, p);
  add_int(d, p->sizep);
  for (int i = 0; i < p->sizep; i++) add_function(d, p->p[i], p->source);
  add_debug(d, p);
}

void push_dump(Thread *L, const Proto *proto, bool strip) {
  static const char signature[] = "\x1bLua\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08"; /* version, format, check, sizes */
  const Integer integer_check = 0x5678;
  const Number float_check = 370.5;
  Dumper d = {.strip = strip};
  buf_init(L, &d.out);
  add_block(&d, signature, sizeof signature - 1);
  add_block(&d, &integer_check, sizeof integer_check);
  add_block(&d, &float_check, sizeof float_check);
  add_byte(&d, proto->sizeupvalues);
  add_function(&d, proto, NULL);
  buf_push(&d.out);
}
