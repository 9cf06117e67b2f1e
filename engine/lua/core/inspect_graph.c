/* The heap around one object as a graph: what it refers to, some steps far, and what refers to it. See inspect.h.
 *
 * Everything is bounded: nodes and edges by the caller's limit, references of an object that is not the centre by
 * MAX_REFERENCES. Who refers to the centre is found by looking at each object once.
 */
#include <stdio.h>

#include "analyses.h"
#include "inspect.h"
#include "inspect_parts.h"
#include "table.h"

enum { MAX_NODES = 1024, EDGES_A_NODE = 4, MAX_REFERENCES = 32 };

/* What a reference is in its owner. */
enum Role { ROLE_METATABLE, ROLE_FIELD, ROLE_KEY, ROLE_UPVALUE, ROLE_VALUE, ROLE_FRAME, ROLE_REGISTER };
static const char *const ROLES[] = {"metatable", "field", "key", "upvalue", "value", "frame", "register"};

typedef struct Reference {
  const GCObject *to;
  enum Role role;
  TValue key;          /* field: its key */
  int64_t number;      /* frame: its level; register: its slot */
  const TString *name; /* upvalue */
} Reference;

typedef struct Graph Graph;
/* Takes one reference; 1: no more, please. */
typedef int (*Visitor)(Graph *graph, int from, const Reference *reference);

struct Graph {
  Json out;
  struct {
    const GCObject *object;
    int distance, is_cut;
    uint32_t taken; /* how many of its references are in the graph */
  } nodes[MAX_NODES];
  int count, limit, edges;
  uint32_t offset, passed; /* references of the centre: to be left out, seen */
  const GCObject *wanted;  /* whose referrers are looked for */
  int referrers, referrer_limit, is_more;
};

/* ---- what an object refers to ---- */

static int is_node(const TValue *v) {
  switch (v->tag) {
    case V_TABLE: case V_LCLOSURE: case V_NCLOSURE: case V_USERDATA: case V_THREAD: return 1;
    default: return 0;
  }
}

static int visit_value(Graph *g, int from, Visitor visit, const TValue *v, Reference reference) {
  if (!is_node(v)) return 0;
  reference.to = gc_of(v);
  return visit(g, from, &reference);
}

static int visit_table(Graph *g, int from, Visitor visit, const Table *t) {
  Reference reference = {.role = ROLE_METATABLE};
  if (t->metatable) {
    reference.to = as_gc(t->metatable);
    if (visit(g, from, &reference)) return 1;
  }
  for (uint32_t n = 0; n < t->array_size; n++) {
    reference.role = ROLE_FIELD;
    set_int(&reference.key, (Integer)n + 1);
    if (visit_value(g, from, visit, &t->array[n], reference)) return 1;
  }
  uint32_t nodes = table_has_dummy(t) ? 0 : 1u << t->log2_nodes;
  for (uint32_t n = 0; n < nodes; n++) {
    const Node *node = &t->nodes[n];
    if ((node->tag & 0x0F) == TYPE_NIL) continue;
    TValue value = {.v = node->v, .tag = node->tag};
    reference.key = (TValue){.v = node->key, .tag = node->key_tag};
    reference.role = ROLE_FIELD;
    if (visit_value(g, from, visit, &value, reference)) return 1;
    reference.role = ROLE_KEY;
    if (visit_value(g, from, visit, &reference.key, reference)) return 1;
  }
  return 0;
}

static int visit_closure(Graph *g, int from, Visitor visit, const LClosure *closure) {
  for (int n = 0; n < closure->nupvalues; n++) {
    if (!closure->upvals[n]) continue;
    const TString *name = n < closure->p->sizeupvalues ? closure->p->upvalues[n].name : NULL;
    Reference reference = {.to = as_gc(closure->upvals[n]), .role = ROLE_UPVALUE, .name = name};
    if (visit(g, from, &reference)) return 1;
  }
  return 0;
}

static int visit_frame(Graph *g, int from, Visitor visit, const Thread *L, const CallInfo *ci, int level) {
  Reference reference = {.role = ROLE_FRAME, .number = level};
  if (visit_value(g, from, visit, ci->func, reference)) return 1;
  if (!ci_is_lua(ci)) return 0;
  int pc = inspect_shown_pc(L, ci);
  const Assigned *a = analyses_get(CTL->host, ci_closure(ci)->p);
  StkId end = inspect_visible_end(L, ci, pc);
  reference.role = ROLE_REGISTER;
  for (int reg = 0; ci->func + 1 + reg < end; reg++) {
    StkId slot = ci->func + 1 + reg;
    reference.number = slot - L->stack;
    if (a != NULL && pc < a->count && !assigned_has(a, pc, reg)) continue;
    if (visit_value(g, from, visit, slot, reference)) return 1;
  }
  return 0;
}

static int visit_all(Graph *g, int from, Visitor visit, const GCObject *o) {
  Reference reference = {.role = ROLE_VALUE};
  switch (o->tag) {
    case V_TABLE: return visit_table(g, from, visit, (const Table *)o);
    case V_LCLOSURE: return visit_closure(g, from, visit, (const LClosure *)o);
    case V_UPVAL: return visit_value(g, from, visit, ((const UpVal *)o)->v, reference);
    case V_NCLOSURE: {
      const NClosure *closure = (const NClosure *)o;
      for (int n = 0; n < closure->nupvalues; n++)
        if (visit_value(g, from, visit, &closure->upvalue[n], reference)) return 1;
      return 0;
    }
    case V_USERDATA: {
      const Userdata *u = (const Userdata *)o;
      for (int n = 0; n < u->nuvalue; n++)
        if (visit_value(g, from, visit, &u->uv[n], reference)) return 1;
      reference.role = ROLE_METATABLE;
      reference.to = u->metatable ? as_gc(u->metatable) : NULL;
      return reference.to && visit(g, from, &reference);
    }
    case V_THREAD: {
      const Thread *L = (const Thread *)o;
      int level = 0;
      for (const CallInfo *ci = L->ci; ci != &L->base_ci; ci = ci->previous)
        if (visit_frame(g, from, visit, L, ci, level++)) return 1;
      return 0;
    }
    default: return 0;
  }
}

/* ---- the graph ---- */

static int node_of(const Graph *g, const GCObject *o) {
  for (int n = 0; n < g->count; n++)
    if (g->nodes[n].object == o) return n;
  return -1;
}

static int add_node(Graph *g, const GCObject *o, int distance) {
  g->nodes[g->count].object = o;
  g->nodes[g->count].distance = distance;
  g->nodes[g->count].is_cut = 0;
  g->nodes[g->count].taken = 0;
  return g->count++;
}

static void put_edge(Graph *g, int from, int to, const Reference *reference) {
  json_open(&g->out, '{');
  json_number(&g->out, "from", from);
  json_number(&g->out, "to", to);
  json_text(&g->out, "role", ROLES[reference->role]);
  switch (reference->role) {
    case ROLE_FIELD:
      json_key(&g->out, "key");
      json_value(&g->out, &reference->key);
      break;
    case ROLE_UPVALUE:
      json_key(&g->out, "name");
      json_string_or_null(&g->out, reference->name);
      break;
    case ROLE_FRAME: json_number(&g->out, "level", reference->number); break;
    case ROLE_REGISTER: json_number(&g->out, "slot", reference->number); break;
    default: break;
  }
  json_close(&g->out, '}');
  g->edges++;
}

/* One reference from a node of the graph. */
static int take_reference(Graph *g, int from, const Reference *reference) {
  if (from == 0 && g->passed < g->offset) {
    g->passed++;
    return 0;
  }
  int to = node_of(g, reference->to);
  if ((to < 0 && g->count >= g->limit) || g->edges >= EDGES_A_NODE * g->limit) {
    g->nodes[from].is_cut = 1;
    return 1;
  }
  if (to < 0) to = add_node(g, reference->to, g->nodes[from].distance + 1);
  put_edge(g, from, to, reference);
  if (from == 0) g->passed++;
  return 0;
}

/* One reference from a node other than the centre, of which only the first ones are taken. */
static int take_few(Graph *g, int from, const Reference *reference) {
  if (g->passed++ < MAX_REFERENCES) return take_reference(g, from, reference);
  g->nodes[from].is_cut = 1;
  return 1;
}

/* One reference from any object of the heap: is it to the centre, and not yet an edge? */
static int take_referrer(Graph *g, int from, const Reference *reference) {
  if (g->passed++ < g->nodes[from].taken || reference->to != g->wanted) return 0;
  if (g->referrers >= g->referrer_limit) {
    g->is_more = 1;
    return 1;
  }
  put_edge(g, from, 0, reference);
  g->referrers++;
  return 0;
}

static int is_to_center(Graph *g, int from, const Reference *reference) {
  (void)from;
  return reference->to == g->wanted;
}

/* Looks whether `o` refers to the centre; then it becomes a node, if it is none yet. */
static void look_at(Graph *g, const GCObject *o) {
  if (!visit_all(g, 0, is_to_center, o)) return;
  int known = node_of(g, o), before = g->referrers;
  if (known == 0) return; /* the centre's own references were the first thing that was asked for */
  g->passed = 0;
  visit_all(g, known > 0 ? known : add_node(g, o, -1), take_referrer, o);
  if (known < 0 && g->referrers == before) g->count--;
}

static void put_referrers(Graph *g) {
  GCObject *lists[] = {G->allgc, G->finobj, G->tobefnz, G->fixedgc};
  look_at(g, as_gc(G->main_thread));
  for (unsigned n = 0; n < 4; n++)
    for (GCObject *o = lists[n]; o && !g->is_more; o = o->next)
      if (o != as_gc(G->main_thread)) look_at(g, o);
}

static const char *kind_of(const GCObject *o) {
  switch (o->tag) {
    case V_TABLE: return "table";
    case V_LCLOSURE: return "function";
    case V_NCLOSURE: return "native";
    case V_UPVAL: return "upvalue";
    case V_THREAD: return "thread";
    default: return "userdata";
  }
}

static uint32_t id_of(const GCObject *o) {
  switch (o->tag) {
    case V_TABLE: return ((const Table *)o)->id;
    case V_LCLOSURE: return ((const LClosure *)o)->id;
    case V_NCLOSURE: return ((const NClosure *)o)->id;
    case V_UPVAL: return ((const UpVal *)o)->id;
    case V_THREAD: return ((const Thread *)o)->id;
    default: return ((const Userdata *)o)->id;
  }
}

static void put_nodes(Graph *g, const char *const *names, uint32_t name_count) {
  json_key(&g->out, "nodes");
  json_open(&g->out, '[');
  for (int n = 0; n < g->count; n++) {
    const GCObject *o = g->nodes[n].object;
    json_open(&g->out, '{');
    json_text(&g->out, "kind", kind_of(o));
    json_number(&g->out, "id", id_of(o));
    json_number(&g->out, "distance", g->nodes[n].distance);
    if (o->tag == V_LCLOSURE) {
      uint32_t proto = ((const LClosure *)o)->p->id;
      json_number(&g->out, "proto", proto);
      if (proto < name_count) json_quoted(&g->out, "name", names[proto]);
    }
    json_flag(&g->out, "more", g->nodes[n].is_cut);
    json_close(&g->out, '}');
  }
  json_close(&g->out, ']');
}

static Graph graph;

const char *inspect_graph(Machine *m, const char *const *names, uint32_t name_count, int kind, uint32_t id, uint32_t depth,
                          uint32_t offset, uint32_t limit, uint32_t referrers, size_t *size) {
  Graph *g = &graph;
  machine_activate(m);
  json_begin(&g->out, names, name_count);
  static const uint8_t TAGS[] = {
      [INSPECT_TABLE] = V_TABLE, [INSPECT_FUNCTION] = V_LCLOSURE, [INSPECT_UPVALUE] = V_UPVAL, [INSPECT_THREAD] = V_THREAD};
  int is_main = kind == INSPECT_THREAD && id == G->main_thread->id;
  const GCObject *center = is_main ? as_gc(G->main_thread) : inspect_find(TAGS[kind], id);
  if (!center) {
    json_raw(&g->out, "null");
    return json_end(&g->out, size);
  }
  g->count = g->edges = g->referrers = g->is_more = 0;
  g->limit = (int)(limit < MAX_NODES / 2 ? limit : MAX_NODES / 2);
  g->referrer_limit = (int)(referrers < MAX_NODES / 2 - 1 ? referrers : MAX_NODES / 2 - 1); /* so there is a node for each */
  g->offset = offset;
  g->passed = 0;
  g->wanted = center;
  add_node(g, center, 0);
  json_open(&g->out, '{');
  json_key(&g->out, "edges");
  json_open(&g->out, '[');
  visit_all(g, 0, take_reference, center);
  uint32_t next = g->nodes[0].is_cut ? g->passed : 0;
  for (int n = 1; n < g->count && g->nodes[n].distance < (int)depth; n++) {
    g->passed = 0;
    visit_all(g, n, take_few, g->nodes[n].object);
    g->nodes[n].taken = g->nodes[n].is_cut ? g->passed - 1 : UINT32_MAX;
  }
  if (referrers) put_referrers(g);
  json_close(&g->out, ']');
  put_nodes(g, names, name_count);
  json_key(&g->out, "next");
  if (next) json_integer(&g->out, next);
  else json_raw(&g->out, "null");
  json_flag(&g->out, "more_referrers", g->is_more);
  json_close(&g->out, '}');
  return json_end(&g->out, size);
}
