/* Writes the machine's frames, tables, closures and upvalues as JSON. See inspect.h.
 *
 * Nothing here changes the machine. All addresses that it follows were put into the arena by the VM itself.
 */
#include "inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyses.h"
#include "inspect_parts.h"
#include "opcodes_gen.h"
#include "state.h"
#include "table.h"
#include "vm.h"

#define MAX_THREADS 64
#define MAX_FRAMES 64        /* of each thread: the innermost ones, and the outermost */
#define MAX_OUTER 8          /* the outermost frames of a deep stack */
#define MAX_HEAP 64          /* objects in a view's heap */
#define MAX_ITEMS 64         /* of each part of a table in a view's heap */
#define MAX_VARARGS 32
#define MAX_WALK 200000      /* objects looked at in search of one */
#define MAX_REGISTERS 256
#define MAX_NAMED 256        /* tables that names are remembered of */

static Json out;

/* What one answer remembers while it is written. */
static struct {
  struct {
    const Table *table;
    const char *name;
  } named[MAX_NAMED]; /* the first name through which the running thread's frames reach a table */
  int count;
  const Thread *measured; /* the thread whose depth is known */
  int depth;
} seen;

/* ---- finding objects ---- */

GCObject *inspect_find(uint8_t tag, uint32_t id) {
  GCObject *lists[] = {G->allgc, G->finobj, G->tobefnz, G->fixedgc};
  for (unsigned n = 0; n < 4; n++) {
    for (GCObject *o = lists[n]; o; o = o->next) {
      if (o->tag != tag) continue;
      uint32_t its = tag == V_TABLE      ? ((Table *)o)->id
                     : tag == V_LCLOSURE ? ((LClosure *)o)->id
                     : tag == V_UPVAL    ? ((UpVal *)o)->id
                                         : ((Thread *)o)->id;
      if (its == id) return o;
    }
  }
  return NULL;
}

/* ---- frames ---- */

/* The instruction of a Lua frame that a view shows: the next one of the running frame, else the one in progress. */
int inspect_shown_pc(const Thread *L, const CallInfo *ci) {
  const Proto *p = ci_closure(ci)->p;
  int next = (int)(ci->u.l.savedpc - p->code);
  int is_next = ci == L->ci && L == G->running;
  return is_next || next == 0 ? next : next - 1;
}

/* The lowest slot above `ci`'s own registers: that of the function it calls (included), else none. */
StkId inspect_visible_end(const Thread *L, const CallInfo *ci, int pc) {
  const Proto *p = ci_closure(ci)->p;
  StkId base = ci->func + 1;
  StkId end = base + p->maxstacksize;
  if (ci == L->ci) return end;
  StkId next = ci->next->func;
  if (GET_OPCODE(p->code[pc]) == OP_CALL) next = base + GETARG_A(p->code[pc]);
  return next + 1 < end ? next + 1 : end;
}

static const UpVal *open_upvalue(const Thread *L, const TValue *slot) {
  const UpVal *uv = L->openupval;
  while (uv && uv->v > slot) uv = uv->u.open.next;
  return uv && uv->v == slot ? uv : NULL;
}

static int depth_of(const Thread *L) {
  if (seen.measured != L) {
    seen.measured = L;
    seen.depth = 0;
    for (const CallInfo *ci = L->ci; ci != &L->base_ci; ci = ci->previous) seen.depth++;
  }
  return seen.depth;
}

/* The frame of L, among those that a view shows, in which an open upvalue's slot lives; its level, -1 for none. */
static int frame_of(const Thread *L, const TValue *slot, const CallInfo **frame) {
  int level = 0;
  const CallInfo *ci = L->ci;
  /* Innermost first: where frames overlap, a slot belongs to the inner one. */
  for (; ci != &L->base_ci && level < MAX_FRAMES; ci = ci->previous, level++) {
    *frame = ci;
    if (ci_is_lua(ci) && ci->func < slot) return level;
  }
  if (ci == &L->base_ci) return -1;
  ci = L->base_ci.next;
  for (level = depth_of(L) - 1; level >= MAX_FRAMES && level >= depth_of(L) - MAX_OUTER; level--, ci = ci->next) {
    *frame = ci;
    if (ci_is_lua(ci) && ci->func < slot && slot <= ci->next->func) return level;
  }
  return -1;
}

/* A table that a variable of the running thread holds gets the variable's name. */
static void name_table(const Thread *L, const TValue *v, const char *name) {
  if (L != G->running || v->tag != V_TABLE || name == NULL || *name == '\0' || *name == '(') return;
  const Table *t = table_of(v);
  for (int n = 0; n < seen.count; n++) {
    if (seen.named[n].table == t) return;
  }
  if (seen.count == MAX_NAMED) return;
  seen.named[seen.count].table = t;
  seen.named[seen.count++].name = name;
}

static void put_text_or_null(const char *key, const char *text) {
  if (text) {
    json_text(&out, key, text);
  } else {
    json_key(&out, key);
    json_raw(&out, "null");
  }
}

/* The variables in the registers of a function that is about to execute instruction `pc`. */
static void local_names(const Proto *p, int pc, const char *names[MAX_REGISTERS]) {
  memset(names, 0, MAX_REGISTERS * sizeof *names);
  for (int n = 0, reg = 0; n < p->sizelocvars && p->locvars[n].startpc <= pc && reg < MAX_REGISTERS; n++) {
    if (pc < p->locvars[n].endpc) names[reg++] = p->locvars[n].name ? p->locvars[n].name->bytes : NULL;
  }
}

static void put_register(const Thread *L, const char *const *names, StkId base, int reg) {
  const TValue *slot = base + reg;
  const char *name = reg < MAX_REGISTERS ? names[reg] : NULL;
  json_open(&out, '{');
  json_number(&out, "index", reg);
  json_number(&out, "slot", slot - L->stack);
  json_key(&out, "value");
  json_value(&out, slot);
  const UpVal *uv = open_upvalue(L, slot);
  json_key(&out, "upvalue");
  if (uv) json_integer(&out, uv->id);
  else json_raw(&out, "null");
  put_text_or_null("name", name);
  name_table(L, slot, name);
  json_close(&out, '}');
}

/* The registers that hold something of this activation (assigned.h). */
static void put_registers(const Thread *L, const CallInfo *ci, int pc) {
  const Proto *p = ci_closure(ci)->p;
  const Assigned *a = analyses_get(CTL->host, p);
  StkId base = ci->func + 1;
  StkId end = inspect_visible_end(L, ci, pc);
  int open = NO_OPEN;
  if (a && ci == L->ci && pc < a->count) open = a->open[pc];
  const char *names[MAX_REGISTERS];
  local_names(p, pc, names);
  json_key(&out, "registers");
  json_open(&out, '[');
  for (int reg = 0; base + reg < end; reg++) {
    if (a && pc < a->count && !assigned_has(a, pc, reg)) continue;
    put_register(L, names, base, reg);
  }
  if (open != NO_OPEN) {
    for (StkId slot = base + open; slot < L->top; slot++) {
      int reg = (int)(slot - base);
      if (slot >= end || !assigned_has(a, pc, reg)) put_register(L, names, base, reg);
    }
  }
  json_close(&out, ']');
}

static void put_upvalue_fields(const UpVal *uv) {
  json_number(&out, "id", uv->id);
  json_flag(&out, "open", upval_is_open(uv));
  json_key(&out, "thread");
  if (upval_is_open(uv)) {
    json_integer(&out, uv->u.open.thread->id);
    json_number(&out, "slot", uv->v - uv->u.open.thread->stack);
  } else {
    json_raw(&out, "null,\"slot\":null");
  }
  json_key(&out, "value");
  json_value(&out, uv->v);
}

static void put_upvalues(const Thread *L, const LClosure *closure) {
  json_key(&out, "upvalues");
  json_open(&out, '[');
  for (int n = 0; n < closure->nupvalues; n++) {
    const UpVal *uv = closure->upvals[n];
    if (uv == NULL) continue;
    const TString *name = n < closure->p->sizeupvalues ? closure->p->upvalues[n].name : NULL;
    json_open(&out, '{');
    json_number(&out, "index", n);
    json_key(&out, "name");
    json_string_or_null(&out, name);
    put_upvalue_fields(uv);
    const CallInfo *frame = NULL;
    int level = upval_is_open(uv) ? frame_of(uv->u.open.thread, uv->v, &frame) : -1;
    if (level >= 0) {
      json_number(&out, "frame", level);
      json_number(&out, "register", uv->v - (frame->func + 1));
    } else {
      json_raw(&out, ",\"frame\":null,\"register\":null");
    }
    if (name) name_table(L, uv->v, strcmp(name->bytes, "_ENV") == 0 ? "_G" : name->bytes);
    json_close(&out, '}');
  }
  json_close(&out, ']');
}

/* The name that function number `id` was declared with, fit for a JSON string. */
static const char *declared_name(uint32_t id) {
  return id < out.name_count && out.names[id] ? out.names[id] : "function";
}

/* The name it was declared with; for one without a name, what its caller calls it. */
static void put_function_name(Thread *L, CallInfo *ci, uint32_t id) {
  const char *declared = declared_name(id);
  Activation ar;
  memset(&ar, 0, sizeof ar);
  ar.ci = ci;
  if (strncmp(declared, "function <", 10) == 0 && get_info(L, "n", &ar) && ar.name && *ar.name) {
    json_named(&out, "name", strcmp(ar.namewhat, "metamethod") == 0 ? "__" : "", ar.name);
  } else {
    json_quoted(&out, "name", declared);
  }
}

static void put_call(const CallInfo *ci) {
  json_number(&out, "wants", ci->nresults >= MULTRET ? ci->nresults : -(ci->nresults) - 3);
  json_flag(&out, "tail", (ci->callstatus & CALL_TAIL) != 0);
}

static void put_lua_frame(Thread *L, CallInfo *ci) {
  const LClosure *closure = ci_closure(ci);
  int pc = inspect_shown_pc(L, ci), line = line_of(closure->p, pc);
  json_text(&out, "kind", "lua");
  json_key(&out, "function");
  json_open(&out, '{');
  json_number(&out, "id", closure->id);
  put_function_name(L, ci, closure->p->id);
  json_number(&out, "proto", closure->p->id);
  json_close(&out, '}');
  json_number(&out, "base", ci->func + 1 - L->stack);
  json_number(&out, "pc", pc + 1);
  json_key(&out, "line");
  if (closure->p->lineinfo && pc < closure->p->sizelineinfo) json_integer(&out, line);
  else json_raw(&out, "null");
  put_call(ci);
  json_key(&out, "varargs");
  json_open(&out, '[');
  /* before VARARGPREP has run they are still above the parameters, and the count is that of the record's last user */
  int extra = closure->p->is_vararg && pc > 0 ? ci->u.l.nextraargs : 0;
  const TValue *first = ci->func - extra;
  for (int n = 0; n < extra && n < MAX_VARARGS; n++) {
    json_item(&out);
    json_value(&out, first + n);
  }
  json_close(&out, ']');
  put_registers(L, ci, pc);
  put_upvalues(L, closure);
}

/* `is_host`: the frame from which the machine called the main program. */
static void put_native_frame(const Thread *L, const CallInfo *ci, int is_host) {
  json_text(&out, "kind", is_host ? "host" : "native");
  json_key(&out, "function");
  json_open(&out, '{');
  json_key(&out, "id");
  if (ci->func->tag == V_NCLOSURE) json_integer(&out, nclosure_of(ci->func)->id);
  else json_raw(&out, "null");
  json_text(&out, "name", json_native_name(ci->func));
  json_raw(&out, ",\"proto\":null");
  json_close(&out, '}');
  json_number(&out, "base", ci->func + 1 - L->stack);
  json_raw(&out, ",\"pc\":null,\"line\":null");
  put_call(ci);
  json_raw(&out, ",\"varargs\":[],\"registers\":[],\"upvalues\":[]");
}

static void put_frame(Thread *L, CallInfo *ci, int level) {
  json_open(&out, '{');
  json_number(&out, "level", level);
  if (ci_is_lua(ci)) put_lua_frame(L, ci);
  else put_native_frame(L, ci, L == G->main_thread && ci->previous == &L->base_ci);
  json_close(&out, '}');
}

/* The window of MAX_FRAMES frames from level `first` on, and the outermost ones. */
static void put_frames(Thread *L, int first) {
  int count = depth_of(L), level = 0;
  json_key(&out, "frames");
  json_open(&out, '[');
  for (CallInfo *ci = L->ci; ci != &L->base_ci; ci = ci->previous, level++) {
    if ((level >= first && level - first < MAX_FRAMES) || level >= count - MAX_OUTER) put_frame(L, ci, level);
  }
  json_close(&out, ']');
}

static const char *status_word(Thread *L) {
  if (L == G->running && !CTL->finished) return "running";
  if (L->status == STATUS_YIELD) return "suspended";
  if (L->status != STATUS_OK) return "dead";
  if (L->ci != &L->base_ci) return "normal";
  return L->top > L->ci->func + 1 ? "suspended" : "dead";
}

static void put_thread(Thread *L, int first) {
  json_open(&out, '{');
  json_number(&out, "id", L->id);
  json_text(&out, "status", status_word(L));
  /* a coroutine has its function's name: that of the outermost frame, or of the one that waits to be started */
  const TValue *body = L->stack + 1;
  if (L == G->main_thread) json_text(&out, "name", "main");
  else if (L->top > body && is_lclosure(body)) json_quoted(&out, "name", declared_name(lclosure_of(body)->p->id));
  else json_text(&out, "name", L->top > body && is_function(body) ? json_native_name(body) : "coroutine");
  put_frames(L, first);
  json_close(&out, '}');
}

/* The running coroutine, the main program, then the others from the newest on. */
static void put_threads(void) {
  int count = 0, walked = 0;
  json_key(&out, "threads");
  json_open(&out, '[');
  put_thread(G->running, 0);
  if (G->main_thread != G->running) put_thread(G->main_thread, 0);
  for (GCObject *o = G->allgc; o && count < MAX_THREADS && walked < MAX_WALK / 10; o = o->next, walked++) {
    if (o->tag != V_THREAD || (Thread *)o == G->running || (Thread *)o == G->main_thread) continue;
    put_thread((Thread *)o, 0);
    count++;
  }
  json_close(&out, ']');
}

/* ---- heap: what the running thread's frames reach directly ---- */

typedef struct Reached {
  const GCObject *objects[MAX_HEAP];
  int count;
} Reached;

static void reach(Reached *r, const GCObject *o) {
  for (int n = 0; n < r->count; n++) {
    if (r->objects[n] == o) return;
  }
  if (r->count < MAX_HEAP) r->objects[r->count++] = o;
}

static void reach_value(Reached *r, const TValue *v) {
  if (v->tag == V_TABLE || v->tag == V_LCLOSURE) reach(r, gc_of(v));
}

static void reach_frame(Reached *r, const Thread *L, const CallInfo *ci) {
  if (!ci_is_lua(ci)) return;
  const LClosure *closure = ci_closure(ci);
  int pc = inspect_shown_pc(L, ci);
  const Assigned *a = analyses_get(CTL->host, closure->p);
  StkId end = inspect_visible_end(L, ci, pc);
  reach(r, as_gc(closure));
  for (int reg = 0; ci->func + 1 + reg < end; reg++) {
    if (a == NULL || pc >= a->count || assigned_has(a, pc, reg)) reach_value(r, ci->func + 1 + reg);
  }
  for (int n = 0; n < closure->nupvalues; n++) {
    if (closure->upvals[n]) reach_value(r, closure->upvals[n]->v);
  }
}

static uint32_t hash_size(const Table *t) { return table_has_dummy(t) ? 0 : 1u << t->log2_nodes; }

static uint32_t used_nodes(const Table *t) {
  uint32_t count = 0;
  for (uint32_t n = 0; n < hash_size(t); n++) count += (t->nodes[n].tag & 0x0F) != TYPE_NIL;
  return count;
}

/* Slots `offset` to `offset + limit` of the array part and then of the used hash part. */
static void put_table_parts(const Table *t, uint32_t offset, uint32_t limit, uint32_t hash_offset, uint32_t hash_limit) {
  uint32_t end = offset + limit < t->array_size ? offset + limit : t->array_size;
  json_number(&out, "array_size", t->array_size);
  json_number(&out, "hash_size", hash_size(t));
  uint32_t in_array = 0;
  for (uint32_t n = 0; n < t->array_size && t->array_size < MAX_WALK; n++) in_array += !is_nil(&t->array[n]);
  uint32_t in_hash = used_nodes(t);
  json_number(&out, "entries", in_array + in_hash);
  json_key(&out, "metatable");
  if (t->metatable) json_integer(&out, t->metatable->id);
  else json_raw(&out, "null");
  json_key(&out, "array");
  json_open(&out, '[');
  for (uint32_t n = offset; n < end; n++) {
    json_item(&out);
    json_value(&out, &t->array[n]);
  }
  json_close(&out, ']');
  json_key(&out, "hash");
  json_open(&out, '[');
  uint32_t seen = 0;
  for (uint32_t n = 0; n < hash_size(t) && seen < hash_offset + hash_limit; n++) {
    const Node *node = &t->nodes[n];
    if ((node->tag & 0x0F) == TYPE_NIL || seen++ < hash_offset) continue;
    TValue key = {.v = node->key, .tag = node->key_tag}, value = {.v = node->v, .tag = node->tag};
    json_open(&out, '[');
    json_item(&out);
    json_value(&out, &key);
    json_item(&out);
    json_value(&out, &value);
    json_close(&out, ']');
  }
  json_close(&out, ']');
  json_flag(&out, "more", end < t->array_size || hash_offset + hash_limit < in_hash);
}

static void put_function(const LClosure *closure, int with_values) {
  json_open(&out, '{');
  json_number(&out, "id", closure->id);
  json_number(&out, "proto", closure->p->id);
  json_key(&out, "upvalues");
  json_open(&out, '[');
  for (int n = 0; n < closure->nupvalues; n++) {
    if (closure->upvals[n] == NULL) continue;
    json_open(&out, '{');
    json_key(&out, "name");
    json_string_or_null(&out, n < closure->p->sizeupvalues ? closure->p->upvalues[n].name : NULL);
    if (with_values) put_upvalue_fields(closure->upvals[n]);
    else json_number(&out, "id", closure->upvals[n]->id);
    json_close(&out, '}');
  }
  json_close(&out, ']');
  json_quoted(&out, "name", declared_name(closure->p->id));
  json_close(&out, '}');
}

static void put_heap(void) {
  Reached r = {.count = 0}, cells = {.count = 0};
  const Thread *L = G->running;
  int level = 0;
  for (const CallInfo *ci = L->ci; ci != &L->base_ci && level < MAX_FRAMES; ci = ci->previous, level++) {
    reach_frame(&r, L, ci);
  }
  json_key(&out, "heap");
  json_open(&out, '{');
  json_key(&out, "tables");
  json_open(&out, '[');
  for (int n = 0; n < r.count; n++) {
    if (r.objects[n]->tag != V_TABLE) continue;
    const Table *t = (const Table *)r.objects[n];
    json_open(&out, '{');
    json_number(&out, "id", t->id);
    put_table_parts(t, 0, MAX_ITEMS, 0, MAX_ITEMS);
    const char *name = NULL;
    for (int k = 0; k < seen.count && !name; k++) {
      if (seen.named[k].table == t) name = seen.named[k].name;
    }
    put_text_or_null("name", name);
    json_close(&out, '}');
  }
  json_close(&out, ']');
  json_key(&out, "functions");
  json_open(&out, '[');
  for (int n = 0; n < r.count; n++) {
    if (r.objects[n]->tag != V_LCLOSURE) continue;
    const LClosure *closure = (const LClosure *)r.objects[n];
    put_function(closure, 0);
    for (int u = 0; u < closure->nupvalues; u++) {
      if (closure->upvals[u]) reach(&cells, as_gc(closure->upvals[u]));
    }
  }
  json_close(&out, ']');
  json_key(&out, "upvalues");
  json_open(&out, '[');
  for (int n = 0; n < cells.count; n++) {
    json_open(&out, '{');
    put_upvalue_fields((const UpVal *)cells.objects[n]);
    json_close(&out, '}');
  }
  json_close(&out, ']');
  json_close(&out, '}');
}

/* ---- the host's calls ---- */

static void begin(Machine *m, const char *const *names, uint32_t name_count) {
  machine_activate(m);
  json_begin(&out, names, name_count);
  seen.count = 0;
  seen.measured = NULL;
}

static void put_row(const char *key, int64_t row) {
  json_key(&out, key);
  if (row < 0) {
    json_raw(&out, "null");
    return;
  }
  json_open(&out, '{');
  json_number(&out, "where", row);
  json_close(&out, '}');
}

const char *inspect_view(Machine *m, const char *const *names, uint32_t name_count, int64_t last, int64_t next,
                         size_t *size) {
  begin(m, names, name_count);
  json_open(&out, '{');
  json_number(&out, "tick", (long long)machine_tick(m));
  put_row("last", last);
  put_row("next", next);
  json_number(&out, "depth", depth_of(G->running));
  json_number(&out, "thread", G->running->id);
  put_threads();
  put_heap();
  json_key(&out, "memory");
  json_open(&out, '{');
  json_number(&out, "bytes", (long long)machine_bytes(m));
  json_number(&out, "objects", (long long)G->objects);
  json_number(&out, "collections", (long long)G->collections);
  json_close(&out, '}');
  json_close(&out, '}');
  return json_end(&out, size);
}

const char *inspect_table(Machine *m, const char *const *names, uint32_t name_count, uint32_t id, uint32_t offset,
                          uint32_t limit, size_t *size) {
  begin(m, names, name_count);
  const Table *t = (const Table *)inspect_find(V_TABLE, id);
  if (t) {
    uint32_t skip = offset > t->array_size ? offset - t->array_size : 0;
    uint32_t taken = offset < t->array_size ? t->array_size - offset : 0;
    json_open(&out, '{');
    json_number(&out, "id", id);
    put_table_parts(t, offset, limit, skip, limit > taken ? limit - taken : 0);
    json_close(&out, '}');
  } else {
    json_raw(&out, "null");
  }
  return json_end(&out, size);
}

const char *inspect_function(Machine *m, const char *const *names, uint32_t name_count, uint32_t id, size_t *size) {
  begin(m, names, name_count);
  const LClosure *closure = (const LClosure *)inspect_find(V_LCLOSURE, id);
  if (closure) put_function(closure, 1);
  else json_raw(&out, "null");
  return json_end(&out, size);
}

const char *inspect_upvalue(Machine *m, const char *const *names, uint32_t name_count, uint32_t id, size_t *size) {
  begin(m, names, name_count);
  const UpVal *uv = (const UpVal *)inspect_find(V_UPVAL, id);
  if (uv) {
    json_open(&out, '{');
    put_upvalue_fields(uv);
    json_close(&out, '}');
  } else {
    json_raw(&out, "null");
  }
  return json_end(&out, size);
}

const char *inspect_thread(Machine *m, const char *const *names, uint32_t name_count, uint32_t id, uint32_t first,
                           size_t *size) {
  begin(m, names, name_count);
  Thread *L = id == G->main_thread->id ? G->main_thread : (Thread *)inspect_find(V_THREAD, id);
  if (L) put_thread(L, (int)first);
  else json_raw(&out, "null");
  return json_end(&out, size);
}

uint32_t inspect_next_function(Machine *m) {
  machine_activate(m);
  return G->next_proto;
}

void inspect_forget(Machine *m) {
  machine_activate(m);
  analyses_forget(CTL->host);
}
