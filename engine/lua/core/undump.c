/* Binary chunks (5.4 format) become functions. Every length is checked against the bytes that are left, and every
 * function is verified before anybody can call it. */
#include <string.h>

#include "call.h"
#include "gc.h"
#include "table.h"
#include "vm.h"

#define CHUNK_VERSION 0x54
#define CHUNK_FORMAT 0
#define CHUNK_DATA "\x19\x93\r\n\x1a\n"
#define CHUNK_INT 0x5678
#define CHUNK_NUM 370.5

typedef struct Reader {
  Thread *L;
  const unsigned char *at, *end;
  const char *name;
  Table *long_strings; /* each long string once: equal constants of a chunk are the same object */
} Reader;

static NORETURN void refuse(Reader *r, const char *why) {
  push_format(r->L, "%s: bad binary format (%s)", r->name, why);
  throw_status(r->L, STATUS_SYNTAX);
}

static void read_bytes(Reader *r, void *to, size_t n) {
  if (n > (size_t)(r->end - r->at)) refuse(r, "truncated chunk");
  if (n) memcpy(to, r->at, n);
  r->at += n;
}

static int read_byte(Reader *r) {
  if (r->at == r->end) refuse(r, "truncated chunk");
  return *r->at++;
}

/* Seven bits a byte, most significant first; the last byte has its top bit set. */
static size_t read_unsigned(Reader *r, size_t limit) {
  size_t x = 0;
  int b;
  limit >>= 7;
  do {
    b = read_byte(r);
    if (x >= limit) refuse(r, "integer overflow");
    x = x << 7 | (size_t)(b & 0x7F);
  } while (!(b & 0x80));
  return x;
}

static int read_int(Reader *r) { return (int)read_unsigned(r, INT32_MAX); }

/* A count of things that take at least `size` bytes each in the chunk. */
static int read_count(Reader *r, size_t size) {
  int n = read_int(r);
  if ((size_t)n > (size_t)(r->end - r->at) / size) refuse(r, "truncated chunk");
  return n;
}

static TString *share_long_string(Reader *r, TString *s) {
  Thread *L = r->L;
  const TValue *slot = table_get_string(r->long_strings, s);
  if (!is_empty(slot)) return string_of(slot);
  set_string(L->top, s); /* anchored while the table grows (EXTRA_STACK has room) */
  L->top++;
  table_set(L, r->long_strings, L->top - 1, L->top - 1);
  gc_barrier_back(L, r->long_strings, L->top - 1);
  L->top--;
  return s;
}

static TString *read_string(Reader *r) {
  size_t size = read_unsigned(r, SIZE_MAX);
  if (size-- == 0) return NULL;
  if (size > (size_t)(r->end - r->at)) refuse(r, "truncated chunk");
  TString *s = string_new(r->L, (const char *)r->at, size);
  r->at += size;
  if (s->tag == V_LONG) s = share_long_string(r, s);
  return s;
}

static void read_code(Reader *r, Proto *p) {
  int n = read_count(r, sizeof(Instruction));
  if (n == 0) refuse(r, "function without code");
  p->code = mem_array(r->L, n, Instruction);
  p->sizecode = n;
  read_bytes(r, p->code, (size_t)n * sizeof(Instruction));
  p->where = G->next_where;
  G->next_where += (uint32_t)n;
}

static void read_constants(Reader *r, Proto *p) {
  int n = read_count(r, 1);
  if (n == 0) return;
  p->k = mem_array(r->L, n, TValue);
  p->sizek = n;
  memset(p->k, 0, (size_t)n * sizeof(TValue));
  for (int i = 0; i < n; i++) {
    TValue *o = &p->k[i];
    switch (read_byte(r)) {
      case V_NIL: set_nil(o); break;
      case V_FALSE: set_false(o); break;
      case V_TRUE: set_true(o); break;
      case V_FLT:
        read_bytes(r, &o->v.n, sizeof(Number));
        o->tag = V_FLT;
        break;
      case V_INT:
        read_bytes(r, &o->v.i, sizeof(Integer));
        o->tag = V_INT;
        break;
      case V_SHORT & ~COLLECTABLE:
      case V_LONG & ~COLLECTABLE: {
        TString *s = read_string(r);
        if (s == NULL) refuse(r, "bad format for constant string");
        set_string(o, s);
        gc_barrier_object(r->L, p, s);
        break;
      }
      default: refuse(r, "unknown constant type");
    }
  }
}

static void read_upvalues(Reader *r, Proto *p) {
  int n = read_count(r, 3);
  if (n > UINT8_MAX) refuse(r, "too many upvalues");
  if (n == 0) return;
  p->upvalues = mem_array(r->L, n, UpvalDesc);
  p->sizeupvalues = n;
  memset(p->upvalues, 0, (size_t)n * sizeof(UpvalDesc));
  for (int i = 0; i < n; i++) {
    p->upvalues[i].instack = (uint8_t)read_byte(r);
    p->upvalues[i].idx = (uint8_t)read_byte(r);
    p->upvalues[i].kind = (uint8_t)read_byte(r);
  }
}

static void read_function(Reader *r, Proto *p, TString *parent_source, int depth);

static void read_protos(Reader *r, Proto *p, int depth) {
  int n = read_count(r, 1);
  if (n == 0) return;
  p->p = mem_array(r->L, n, Proto *);
  p->sizep = n;
  memset(p->p, 0, (size_t)n * sizeof(Proto *));
  for (int i = 0; i < n; i++) {
    p->p[i] = proto_new(r->L);
    gc_barrier_object(r->L, p, p->p[i]);
    read_function(r, p->p[i], p->source, depth + 1);
  }
}

static void read_debug(Reader *r, Proto *p) {
  int n = read_count(r, 1);
  if (n) {
    p->lineinfo = mem_array(r->L, n, int8_t);
    p->sizelineinfo = n;
    read_bytes(r, p->lineinfo, (size_t)n);
  }
  n = read_count(r, 2);
  if (n) {
    p->abslineinfo = mem_array(r->L, n, AbsLineInfo);
    p->sizeabslineinfo = n;
    memset(p->abslineinfo, 0, (size_t)n * sizeof(AbsLineInfo));
    for (int i = 0; i < n; i++) {
      p->abslineinfo[i].pc = read_int(r);
      p->abslineinfo[i].line = read_int(r);
    }
  }
  n = read_count(r, 3);
  if (n) {
    p->locvars = mem_array(r->L, n, LocVar);
    p->sizelocvars = n;
    memset(p->locvars, 0, (size_t)n * sizeof(LocVar));
    for (int i = 0; i < n; i++) {
      p->locvars[i].name = read_string(r);
      if (p->locvars[i].name) gc_barrier_object(r->L, p, p->locvars[i].name);
      p->locvars[i].startpc = read_int(r);
      p->locvars[i].endpc = read_int(r);
    }
  }
  n = read_int(r);
  if (n) n = p->sizeupvalues; /* names of all, or of none */
  for (int i = 0; i < n; i++) {
    p->upvalues[i].name = read_string(r);
    if (p->upvalues[i].name) gc_barrier_object(r->L, p, p->upvalues[i].name);
  }
}

static void read_function(Reader *r, Proto *p, TString *parent_source, int depth) {
  if (depth > MAX_CCALLS) refuse(r, "functions nested too deeply");
  p->id = G->next_proto++;
  p->source = read_string(r);
  if (p->source == NULL) p->source = parent_source;
  if (p->source) gc_barrier_object(r->L, p, p->source);
  p->linedefined = read_int(r);
  p->lastlinedefined = read_int(r);
  p->numparams = (uint8_t)read_byte(r);
  p->is_vararg = (uint8_t)read_byte(r);
  p->maxstacksize = (uint8_t)read_byte(r);
  if (p->maxstacksize < p->numparams) refuse(r, "corrupted chunk");
  read_code(r, p);
  read_constants(r, p);
  read_upvalues(r, p);
  read_protos(r, p, depth);
  read_debug(r, p);
  int pc;
  const char *problem = verify_function(p, &pc);
  if (problem == NULL) return;
  if (pc >= 0) problem = push_format(r->L, "%s at instruction %d", problem, pc + 1);
  refuse(r, problem);
}

/* The chunk is whole: from now on the listing may show its functions. */
static void set_complete(Proto *p) {
  p->complete = 1;
  for (int i = 0; i < p->sizep; i++) set_complete(p->p[i]);
}

static void read_literal(Reader *r, const char *literal, const char *why) {
  size_t n = strlen(literal);
  char found[16];
  read_bytes(r, found, n);
  if (memcmp(found, literal, n) != 0) refuse(r, why);
}

static void read_header(Reader *r) {
  Integer i;
  Number n;
  read_literal(r, "\x1bLua", "not a binary chunk");
  if (read_byte(r) != CHUNK_VERSION) refuse(r, "version mismatch");
  if (read_byte(r) != CHUNK_FORMAT) refuse(r, "format mismatch");
  read_literal(r, CHUNK_DATA, "corrupted chunk");
  if (read_byte(r) != sizeof(Instruction)) refuse(r, "Instruction size mismatch");
  if (read_byte(r) != sizeof(Integer)) refuse(r, "lua_Integer size mismatch");
  if (read_byte(r) != sizeof(Number)) refuse(r, "lua_Number size mismatch");
  read_bytes(r, &i, sizeof i);
  if (i != CHUNK_INT) refuse(r, "integer format mismatch");
  read_bytes(r, &n, sizeof n);
  if (n != CHUNK_NUM) refuse(r, "float format mismatch");
}

LClosure *undump(Thread *L, const char *bytes, size_t size, const char *name) {
  Reader r = {L, (const unsigned char *)bytes, (const unsigned char *)bytes + size, name, NULL};
  if (*name == '@' || *name == '=')
    r.name = name + 1;
  else if (*name == '\x1b')
    r.name = "binary string";
  read_header(&r);
  stack_need(L, 2);
  r.long_strings = table_new(L);
  set_tbl(L->top, r.long_strings);
  L->top++;
  LClosure *c = lclosure_new(L, read_byte(&r));
  set_gc(L->top, c, V_LCLOSURE);
  L->top++;
  c->p = proto_new(L);
  gc_barrier_object(L, c, c->p);
  read_function(&r, c->p, NULL, 1);
  if (c->nupvalues != c->p->sizeupvalues) refuse(&r, "corrupted chunk");
  set_complete(c->p);
  for (int i = 0; i < c->nupvalues; i++) {
    c->upvals[i] = upvalue_new_closed(L);
    gc_barrier_object(L, c, c->upvals[i]);
  }
  set_value(L->top - 2, L->top - 1); /* in the place of the table */
  L->top--;
  return c;
}

/* ---- where a chunk ends ---- */

typedef struct Scan {
  const unsigned char *at, *end;
  int is_broken; /* no further bytes would help: undump says what is wrong */
  int is_short;  /* the bytes end before the chunk does */
} Scan;

static int scan_stops(const Scan *s) { return s->is_broken || s->is_short; }

static void scan_skip(Scan *s, size_t n) {
  if (n > (size_t)(s->end - s->at))
    s->is_short = 1;
  else
    s->at += n;
}

static int scan_byte(Scan *s) {
  const unsigned char *at = s->at;
  scan_skip(s, 1);
  return scan_stops(s) ? 0x80 : *at;
}

static size_t scan_unsigned(Scan *s, size_t limit) {
  size_t x = 0;
  int b;
  do {
    b = scan_byte(s);
    if (x >= limit >> 7) {
      s->is_broken = 1;
      return 0;
    }
    x = x << 7 | (size_t)(b & 0x7F);
  } while (!(b & 0x80));
  return scan_stops(s) ? 0 : x;
}

static size_t scan_count(Scan *s) { return scan_unsigned(s, INT32_MAX); }

static void scan_string(Scan *s) {
  size_t size = scan_unsigned(s, SIZE_MAX);
  if (size > 1) scan_skip(s, size - 1);
}

static void scan_constant(Scan *s) {
  switch (scan_byte(s)) {
    case V_NIL:
    case V_FALSE:
    case V_TRUE: break;
    case V_FLT:
    case V_INT: scan_skip(s, 8); break;
    case V_SHORT & ~COLLECTABLE:
    case V_LONG & ~COLLECTABLE: scan_string(s); break;
    default: s->is_broken = !s->is_short;
  }
}

static void scan_function(Scan *s, int depth) {
  if (depth > MAX_CCALLS) s->is_broken = 1;
  if (scan_stops(s)) return;
  scan_string(s);
  scan_count(s), scan_count(s); /* lines */
  scan_skip(s, 3);
  scan_skip(s, scan_count(s) * sizeof(Instruction));
  for (size_t n = scan_count(s); n > 0 && !scan_stops(s); n--) scan_constant(s);
  scan_skip(s, scan_count(s) * 3); /* upvalues */
  for (size_t n = scan_count(s); n > 0 && !scan_stops(s); n--) scan_function(s, depth + 1);
  scan_skip(s, scan_count(s)); /* lines of instructions */
  for (size_t n = scan_count(s); n > 0 && !scan_stops(s); n--) scan_count(s), scan_count(s);
  for (size_t n = scan_count(s); n > 0 && !scan_stops(s); n--) scan_string(s), scan_count(s), scan_count(s);
  for (size_t n = scan_count(s); n > 0 && !scan_stops(s); n--) scan_string(s);
}

int chunk_is_whole(const char *bytes, size_t size) {
  static const unsigned char header[] = "\x1bLua\x54\0\x19\x93\r\n\x1a\n\4\x08\x08";
  const size_t fixed = sizeof header - 1;
  if (memcmp(bytes, header, size < fixed ? size : fixed) != 0) return 1; /* undump refuses it */
  Scan s = {(const unsigned char *)bytes, (const unsigned char *)bytes + size, 0, 0};
  scan_skip(&s, fixed + sizeof(Integer) + sizeof(Number) + 1); /* and the number of upvalues */
  scan_function(&s, 1);
  return !s.is_short;
}
