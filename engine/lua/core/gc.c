/* The collector: tri-colour mark and sweep, run in one go when the allocation debt is above zero.
 *
 * Marking order, list order and all thresholds follow from the program alone, so a collection happens at the same tick in
 * every run. Barriers are kept by all writers, so that marking may be spread over steps.
 *
 *   weak       tables with weak values, some of which may have to be cleared
 *   ephemeron  tables with weak keys: an entry's value is reached only through its key
 *   allweak    tables with entries whose white key (or value) must be cleared at the end
 *   finobj     objects with a finalizer; tobefnz: those found dead, in the order of their calls
 */
#include "gc.h"

#include "call.h"
#include "record.h"
#include "table.h"
#include "vm.h"

#define MIN_GROWTH 20

/* ---- blocks ---- */

static void charge(int64_t bytes) { G->gc_debt += bytes; }

/* A peak ends when a block is freed. */
void gc_note_peak(void) {
  if (total_bytes() > G->peak_bytes) G->peak_bytes = total_bytes();
}

static int over_limit(size_t more) { return total_bytes() + (int64_t)more > G->memory_limit; }

void *mem_try_resize(Thread *L, void *block, size_t old_size, size_t size) {
  if (size > old_size) {
    if (unlikely(size > (size_t)INT64_MAX / 4)) return NULL;
    if (unlikely((G->stress || over_limit(size - old_size)) && !G->gcstopem)) gc_full(L, 1);
    if (unlikely(over_limit(size - old_size))) return NULL;
  }
  void *fresh = block ? arena_resize(block, old_size, size) : arena_alloc(size);
  if (unlikely(fresh == NULL)) {
    if (G->gcstopem) return NULL;
    gc_full(L, 1);
    fresh = block ? arena_resize(block, old_size, size) : arena_alloc(size);
    if (fresh == NULL) return NULL;
  }
  charge((int64_t)size - (int64_t)old_size);
  return fresh;
}

void *mem_resize(Thread *L, void *block, size_t old_size, size_t size) {
  void *fresh = mem_try_resize(L, block, old_size, size);
  if (unlikely(fresh == NULL)) throw_status(L, STATUS_MEMORY);
  return fresh;
}

void *mem_alloc(Thread *L, size_t size) {
  if (unlikely(G->stress)) return mem_resize(L, NULL, 0, size);
  if (likely(size <= SMALL_MAX && !over_limit(size))) {
    void *block = arena_alloc(size);
    if (likely(block != NULL)) {
      charge((int64_t)size);
      return block;
    }
  }
  return mem_resize(L, NULL, 0, size);
}

void mem_free(void *block, size_t size) {
  gc_note_peak();
  arena_free(block, size);
  G->gc_debt -= (int64_t)size;
}

void mem_too_big(Thread *L) { error_run(L, "memory allocation error: block too big"); }

/* ---- objects ---- */

GCObject *gc_new(Thread *L, int tag, size_t size) {
  GCObject *o = mem_alloc(L, size);
  o->marked = current_white();
  o->tag = (uint8_t)tag;
  o->next = G->allgc;
  G->allgc = o;
  G->objects++;
  return o;
}

void gc_fix(GCObject *o) {
  o->marked &= (uint8_t)~(WHITES | BLACK); /* gray for ever: never swept, never looked at */
  G->allgc = o->next;
  o->next = G->fixedgc;
  G->fixedgc = o;
}

static void object_free(GCObject *o) {
  G->objects--;
  switch (o->tag) {
    case V_SHORT:
      string_table_remove((TString *)o);
      mem_free(o, string_bytes(((TString *)o)->shortlen));
      break;
    case V_LONG: mem_free(o, string_bytes(((TString *)o)->u.lnglen)); break;
    case V_TABLE: table_free((Table *)o); break;
    case V_LCLOSURE: mem_free(o, lclosure_bytes(((LClosure *)o)->nupvalues)); break;
    case V_NCLOSURE: mem_free(o, nclosure_bytes(((NClosure *)o)->nupvalues)); break;
    case V_USERDATA: mem_free(o, userdata_bytes_for(((Userdata *)o)->nuvalue, ((Userdata *)o)->size)); break;
    case V_PROTO: proto_free((Proto *)o); break;
    case V_THREAD: thread_free((Thread *)o); break;
    case V_UPVAL:
      if (upval_is_open((UpVal *)o)) upvalue_unlink((UpVal *)o);
      mem_free(o, sizeof(UpVal));
      break;
  }
}

/* ---- marking ---- */

#define set_gray(o) ((o)->marked &= (uint8_t)~(WHITES | BLACK))
#define set_black(o) ((o)->marked = (uint8_t)(((o)->marked & ~WHITES) | BLACK))
#define set_white(o) ((o)->marked = (uint8_t)(((o)->marked & ~(WHITES | BLACK)) | current_white()))

static void mark_object(GCObject *o);
#define mark_value(v)                                                                                                  \
  do {                                                                                                                 \
    if (is_collectable(v) && is_white(gc_of(v))) mark_object(gc_of(v));                                                \
  } while (0)
#define mark_if(o)                                                                                                     \
  do {                                                                                                                 \
    if ((o) && is_white(o)) mark_object(as_gc(o));                                                                     \
  } while (0)

static GCObject **gclist_of(GCObject *o) {
  switch (o->tag) {
    case V_TABLE: return &((Table *)o)->gclist;
    case V_LCLOSURE: return &((LClosure *)o)->gclist;
    case V_NCLOSURE: return &((NClosure *)o)->gclist;
    case V_THREAD: return &((Thread *)o)->gclist;
    case V_PROTO: return &((Proto *)o)->gclist;
    default: return &((Userdata *)o)->gclist;
  }
}

static void link_into(GCObject **list, GCObject *o) {
  *gclist_of(o) = *list;
  *list = o;
  set_gray(o);
}

static void mark_object(GCObject *o) {
  switch (o->tag) {
    case V_SHORT:
    case V_LONG: set_black(o); break;
    case V_UPVAL: {
      UpVal *uv = (UpVal *)o;
      if (upval_is_open(uv))
        set_gray(o);
      else
        set_black(o);
      mark_value(uv->v);
      break;
    }
    case V_USERDATA: {
      Userdata *u = (Userdata *)o;
      if (u->nuvalue == 0) {
        set_black(o);
        mark_if(u->metatable);
        break;
      }
      link_into(&G->gray, o);
      break;
    }
    default: link_into(&G->gray, o);
  }
}

/* A dead key keeps its address (next may still ask for it) but no longer its type. */
static void clear_dead_key(Node *n) {
  if (n->key_tag & COLLECTABLE) n->key_tag = V_DEAD;
}

#define key_is_white(n) (((n)->key_tag & COLLECTABLE) && is_white((n)->key.gc))
#define mark_key(n)                                                                                                    \
  do {                                                                                                                 \
    if (key_is_white(n)) mark_object((n)->key.gc);                                                                     \
  } while (0)

/* Is this reference of a weak table to be removed? Strings are values: they are never removed, hence marked. */
static int is_cleared(const GCObject *o) {
  if (o->tag == V_SHORT || o->tag == V_LONG) {
    if (is_white(o)) mark_object((GCObject *)o);
    return 0;
  }
  return is_white(o) != 0;
}
#define value_cleared(v) (is_collectable(v) && is_cleared(gc_of(v)))
#define key_cleared(n) (((n)->key_tag & COLLECTABLE) && is_cleared((n)->key.gc))
#define node_limit(t) ((t)->nodes + table_nodes(t))

static void traverse_weak_values(Table *t) {
  int clears = t->array_size > 0; /* the array part may hold white values */
  for (Node *n = t->nodes; n < node_limit(t); n++) {
    if (is_empty(node_value(n)))
      clear_dead_key(n);
    else {
      mark_key(n);
      if (!clears && value_cleared(node_value(n))) clears = 1;
    }
  }
  if (clears) link_into(&G->weak, as_gc(t));
}

/* 1: marked something. `backwards` alternates the direction, so that chains along the table converge quickly. */
static int traverse_ephemeron(Table *t, int backwards) {
  int marked = 0, clears = 0, white_pairs = 0;
  for (uint32_t i = 0; i < t->array_size; i++)
    if (is_collectable(&t->array[i]) && is_white(gc_of(&t->array[i]))) {
      marked = 1;
      mark_object(gc_of(&t->array[i]));
    }
  uint32_t size = table_nodes(t);
  for (uint32_t i = 0; i < size; i++) {
    Node *n = &t->nodes[backwards ? size - 1 - i : i];
    if (is_empty(node_value(n)))
      clear_dead_key(n);
    else if (key_cleared(n)) {
      clears = 1;
      if (is_collectable(node_value(n)) && is_white(gc_of(node_value(n)))) white_pairs = 1;
    } else if (is_collectable(node_value(n)) && is_white(gc_of(node_value(n)))) {
      marked = 1;
      mark_object(gc_of(node_value(n)));
    }
  }
  if (white_pairs)
    link_into(&G->ephemeron, as_gc(t));
  else if (clears)
    link_into(&G->allweak, as_gc(t));
  return marked;
}

static void traverse_table(Table *t) {
  const TValue *mode = meta_fast(t->metatable, TM_MODE);
  mark_if(t->metatable);
  if (mode && is_short(mode)) {
    int weak_key = 0, weak_value = 0;
    for (const char *c = string_of(mode)->bytes; *c; c++) {
      weak_key |= *c == 'k';
      weak_value |= *c == 'v';
    }
    if (weak_key && weak_value) {
      link_into(&G->allweak, as_gc(t));
      return;
    }
    if (weak_key) {
      traverse_ephemeron(t, 0);
      return;
    }
    if (weak_value) {
      traverse_weak_values(t);
      return;
    }
  }
  for (uint32_t i = 0; i < t->array_size; i++) mark_value(&t->array[i]);
  for (Node *n = t->nodes; n < node_limit(t); n++) {
    if (is_empty(node_value(n)))
      clear_dead_key(n);
    else {
      mark_key(n);
      mark_value(node_value(n));
    }
  }
}

static void traverse_thread(Thread *th) {
  StkId o = th->stack;
  if (o == NULL) return; /* not completely built yet */
  for (; o < th->top; o++) mark_value(o);
  for (UpVal *uv = th->openupval; uv; uv = uv->u.open.next) mark_if(uv); /* open upvalues live as long as the thread */
  mark_value(&th->hook);
  for (; o < th->stack_last + EXTRA_STACK; o++) set_nil(o); /* nothing above the top is seen by the next collection */
  if (th->twups == th && th->openupval) {
    th->twups = G->twups;
    G->twups = th;
  }
  if (!G->gcemergency) stack_shrink(th);
}

static void traverse_proto(Proto *p) {
  mark_if(p->source);
  for (int i = 0; i < p->sizek; i++) mark_value(&p->k[i]);
  for (int i = 0; i < p->sizeupvalues; i++) mark_if(p->upvalues[i].name);
  for (int i = 0; i < p->sizep; i++) mark_if(p->p[i]);
  for (int i = 0; i < p->sizelocvars; i++) mark_if(p->locvars[i].name);
}

static void propagate_all(void) {
  GCObject *o;
  while ((o = G->gray) != NULL) {
    set_black(o);
    G->gray = *gclist_of(o);
    switch (o->tag) {
      case V_TABLE: traverse_table((Table *)o); break;
      case V_LCLOSURE: {
        LClosure *c = (LClosure *)o;
        mark_if(c->p);
        for (int i = 0; i < c->nupvalues; i++) mark_if(c->upvals[i]);
        break;
      }
      case V_NCLOSURE: {
        NClosure *c = (NClosure *)o;
        for (int i = 0; i < c->nupvalues; i++) mark_value(&c->upvalue[i]);
        break;
      }
      case V_USERDATA: {
        Userdata *u = (Userdata *)o;
        mark_if(u->metatable);
        for (int i = 0; i < u->nuvalue; i++) mark_value(&u->uv[i]);
        break;
      }
      case V_PROTO: traverse_proto((Proto *)o); break;
      case V_THREAD: traverse_thread((Thread *)o); break;
    }
  }
}

/* Open upvalues of threads that are not reached: what a reached closure sees through them must live. */
static void mark_upvalues_of_dead_threads(void) {
  Thread **p = &G->twups, *th;
  while ((th = *p) != NULL) {
    if (!is_white(th) && th->openupval != NULL) {
      p = &th->twups;
      continue;
    }
    *p = th->twups;
    th->twups = th; /* out of the list */
    for (UpVal *uv = th->openupval; uv; uv = uv->u.open.next)
      if (!is_white(uv)) mark_value(uv->v);
  }
}

static void converge_ephemerons(void) {
  int changed, backwards = 0;
  do {
    GCObject *list = G->ephemeron, *o;
    G->ephemeron = NULL;
    changed = 0;
    while ((o = list) != NULL) {
      Table *t = (Table *)o;
      list = t->gclist;
      set_black(t);
      if (traverse_ephemeron(t, backwards)) {
        propagate_all();
        changed = 1;
      }
    }
    backwards = !backwards;
  } while (changed);
}

/* The collector takes an entry out of a weak table: a write like any other to who watches. */
static const TValue gone = {{NULL}, V_EMPTY, 0, 0};

static void clear_node(Table *t, Node *n) {
  const TValue key = {n->key, n->key_tag, 0, 0}, value = {n->v, n->tag, 0, 0};
  record_table(G->running, t, &key, &value, &gone);
  n->tag = V_EMPTY;
}

static void clear_slot(Table *t, uint32_t index) {
  const TValue key = {{.i = (Integer)index + 1}, V_INT, 0, 0};
  record_table(G->running, t, &key, &t->array[index], &gone);
  set_empty(&t->array[index]);
}

static void clear_by_keys(GCObject *list) {
  for (; list; list = ((Table *)list)->gclist) {
    Table *t = (Table *)list;
    for (Node *n = t->nodes; n < node_limit(t); n++) {
      if (!is_empty(node_value(n)) && key_cleared(n)) clear_node(t, n);
      if (is_empty(node_value(n))) clear_dead_key(n);
    }
  }
}

static void clear_by_values(GCObject *list, GCObject *end) {
  for (; list != end; list = ((Table *)list)->gclist) {
    Table *t = (Table *)list;
    for (uint32_t i = 0; i < t->array_size; i++)
      if (value_cleared(&t->array[i])) clear_slot(t, i);
    for (Node *n = t->nodes; n < node_limit(t); n++) {
      if (!is_empty(node_value(n)) && value_cleared(node_value(n))) clear_node(t, n);
      if (is_empty(node_value(n))) clear_dead_key(n);
    }
  }
}

/* ---- finalizers ---- */

static void separate_dead(int all) {
  GCObject **p = &G->finobj, *o;
  GCObject **last = &G->tobefnz;
  while (*last) last = &(*last)->next;
  while ((o = *p) != NULL) {
    if (!(is_white(o) || all)) {
      p = &o->next;
      continue;
    }
    *p = o->next;
    o->next = *last;
    *last = o;
    last = &o->next;
  }
}

void gc_check_finalizer(Thread *L, GCObject *o, Table *metatable) {
  (void)L;
  if ((o->marked & FINALIZED) || meta_fast(metatable, TM_GC) == NULL || (G->gcstop & GC_STOP_CLOSING)) return;
  GCObject **p = &G->allgc;
  while (*p != o) p = &(*p)->next;
  *p = o->next;
  o->next = G->finobj;
  G->finobj = o;
  o->marked |= FINALIZED;
}

static void call_finalizer(Thread *L, void *unused) {
  (void)unused;
  call_value_noyield(L, L->top - 2, 0);
}

static void warn_error(Thread *L, const char *where) {
  const TValue *error = L->top - 1;
  const char *message = is_string(error) ? string_of(error)->bytes : "error object is not a string";
  warning(L, "error in ", 1);
  warning(L, where, 1);
  warning(L, " (", 1);
  warning(L, message, 1);
  warning(L, ")", 0);
}

static void run_finalizer(Thread *L) {
  GCObject *o = G->tobefnz;
  G->tobefnz = o->next;
  o->next = G->allgc;
  G->allgc = o;
  o->marked &= (uint8_t)~FINALIZED;
  TValue v;
  set_gc(&v, o, o->tag);
  const TValue *tm = meta_of(L, &v, TM_GC);
  if (is_nil(tm)) return;
  uint8_t old_allowhook = L->allowhook, old_stop = G->gcstop;
  G->gcstop |= GC_STOP_BUSY; /* no collection during a finalizer */
  L->allowhook = 0;
  set_value(L->top, tm);
  set_value(L->top + 1, &v);
  L->top += 2;
  L->ci->callstatus |= CALL_FINALIZER;
  int status = protected_call(L, call_finalizer, NULL, stack_offset(L, L->top - 2), 0);
  L->ci->callstatus &= (uint16_t)~CALL_FINALIZER;
  L->allowhook = old_allowhook;
  G->gcstop = old_stop;
  if (unlikely(status != STATUS_OK)) {
    warn_error(L, "__gc");
    L->top--;
  }
}

static void run_finalizers(Thread *L) {
  while (G->tobefnz) run_finalizer(L);
}

/* ---- a collection ---- */

static void mark_roots(void) {
  G->gray = G->grayagain = G->weak = G->ephemeron = G->allweak = NULL;
  mark_if(G->main_thread);
  mark_if(G->running);
  mark_value(&G->registry);
  for (int i = 0; i < TYPE_COUNT; i++) mark_if(G->type_metatables[i]);
  for (GCObject *o = G->tobefnz; o; o = o->next) mark_if(o);
  mark_if(G->fault_message);
  mark_if(G->fault_traceback);
}

static void mark_all(Thread *L) {
  mark_roots();
  mark_if(L);
  propagate_all();
  mark_upvalues_of_dead_threads();
  propagate_all();
  converge_ephemerons();
  /* everything strongly reachable is marked: clear before finalizers can resurrect */
  clear_by_values(G->weak, NULL);
  clear_by_values(G->allweak, NULL);
  GCObject *old_weak = G->weak, *old_allweak = G->allweak;
  separate_dead(0);
  for (GCObject *o = G->tobefnz; o; o = o->next) mark_if(o);
  propagate_all();
  converge_ephemerons();
  clear_by_keys(G->ephemeron);
  clear_by_keys(G->allweak);
  clear_by_values(G->weak, old_weak); /* tables reached only through resurrected objects */
  clear_by_values(G->allweak, old_allweak);
}

static void sweep_list(GCObject **p, uint8_t dead, uint8_t live) {
  GCObject *o;
  while ((o = *p) != NULL) {
    if (o->marked & dead) {
      *p = o->next;
      object_free(o);
    } else {
      o->marked = (uint8_t)((o->marked & ~(WHITES | BLACK)) | live);
      p = &o->next;
    }
  }
}

void gc_set_debt(int64_t debt) {
  int64_t total = total_bytes();
  G->total_bytes = total - debt;
  G->gc_debt = debt;
}

/* How large the heap may grow, in per cent of what a collection left. In generational mode the reference collects young
 * objects at each growth by the minor multiplier and all at the major one: the heap stays that much below the sum. */
static int64_t growth_wanted(void) {
  if (G->gckind == COLLECTOR_INCREMENTAL) return G->gcpause * 4;
  int64_t growth = G->genmajormul * 4 - G->genminormul;
  return 100 + (growth > MIN_GROWTH ? growth : MIN_GROWTH);
}

void gc_set_pause(void) {
  int64_t estimate = G->gc_estimate / 100, pause = growth_wanted();
  if (estimate == 0) estimate = 1;
  int64_t threshold = pause < INT64_MAX / estimate ? estimate * pause : INT64_MAX;
  int64_t debt = total_bytes() - threshold;
  gc_set_debt(debt > 0 ? 0 : debt);
}

void gc_full(Thread *L, int emergency) {
  uint8_t old_emergency = G->gcemergency, old_stopem = G->gcstopem;
  G->gcemergency = (uint8_t)emergency;
  gc_note_peak();
  G->gcstopem = 1; /* not re-entered from its own allocations */
  mark_all(L);
  uint8_t dead = current_white();
  G->currentwhite ^= WHITES;
  sweep_list(&G->allgc, dead, current_white());
  sweep_list(&G->finobj, dead, current_white());
  for (GCObject *o = G->tobefnz; o; o = o->next) set_white(o);
  if (!emergency && G->strings.used < G->strings.size / 4 && G->strings.size > 128)
    string_table_resize(L, G->strings.size / 2);
  G->collections++;
  record_flag(STEP_COLLECTION);
  G->gc_estimate = total_bytes();
  gc_set_pause();
  if (!emergency) arena_trim();
  G->gcstopem = old_stopem;
  G->gcemergency = old_emergency;
  if (!emergency) run_finalizers(L);
}

void gc_step(Thread *L) {
  if (G->gcstop)
    gc_set_debt(-20000); /* look again after some allocation */
  else
    gc_full(L, 0);
}

void gc_close(Thread *L) {
  G->gcstop = GC_STOP_CLOSING;
  separate_dead(1);
  run_finalizers(L);
}

/* ---- barriers: only a black object can be in the way, so only while marking is under way ---- */

void gc_barrier_(Thread *L, GCObject *from, GCObject *to) {
  (void)L;
  (void)from;
  mark_object(to);
}

void gc_barrier_back_(Thread *L, GCObject *from) {
  (void)L;
  link_into(&G->grayagain, from);
}

void gc_threads(void (*visit)(Thread *)) {
  GCObject *lists[] = {G->allgc, G->finobj, G->tobefnz};
  for (int i = 0; i < 3; i++)
    for (GCObject *o = lists[i]; o; o = o->next)
      if (o->tag == V_THREAD) visit((Thread *)o);
}
