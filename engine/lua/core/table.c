/* Tables; see table.h.
 *
 * A key's main position is given by its hash. A key that finds its main position taken by a key that is itself out of
 * place moves that one to a free node; otherwise the newcomer takes the free node and is chained. When no free node is
 * left, the sizes of both parts are computed anew from the integer keys in use: the array part gets the largest n (a
 * power of two) such that more than half of 1..n is in use.
 */
#include "table.h"

#include <math.h>
#include <string.h>

#include "call.h"
#include "gc.h"
#include "vm.h"

#define MAX_ARRAY_BITS 31
#define MAX_HASH_BITS 30

/* What a lookup of a missing key answers. Never in the heap; tables without hash part share G->dummy, never written. */
static const TValue absent_value = {{NULL}, V_ABSENT, 0, 0};

#define node_at(t, i) (&(t)->nodes[i])
#define mask_of(t) (table_nodes(t) - 1)
#define hash_by_mask(t, h) node_at(t, (h)&mask_of(t))
#define hash_by_mod(t, h) node_at(t, (h) % (mask_of(t) | 1))

static Node *position_of_int(const Table *t, Integer i) {
  Unsigned u = (Unsigned)i;
  if (u <= INT32_MAX) return hash_by_mod(t, (uint32_t)u);
  return hash_by_mod(t, u);
}

/* A float's fraction scaled to an int, plus its exponent. */
static uint32_t hash_float(Number n) {
  int exponent;
  n = frexp(n, &exponent) * -(Number)INT32_MIN;
  if (!(n >= -9223372036854775808.0 && n < 9223372036854775808.0)) return 0; /* inf or NaN */
  uint32_t u = (uint32_t)exponent + (uint32_t)(int64_t)n;
  return u <= INT32_MAX ? u : ~u;
}

static Node *position_of(const Table *t, int tag, Value v) {
  switch (tag) {
    case V_INT: return position_of_int(t, v.i);
    case V_FLT: return hash_by_mod(t, hash_float(v.n));
    case V_SHORT: return hash_by_mask(t, ((TString *)v.gc)->hash);
    case V_LONG: return hash_by_mask(t, string_hash_long((TString *)v.gc));
    case V_FALSE: return hash_by_mask(t, 0);
    case V_TRUE: return hash_by_mask(t, 1);
    case V_NATIVE: return hash_by_mod(t, (uint32_t)v.native);
    default: return hash_by_mod(t, (uint32_t)(arena_offset(v.p) >> 4)); /* by identity; addresses repeat in every run */
  }
}

static int node_key_equals(const Node *n, const TValue *key, int dead_too) {
  if (n->key_tag != key->tag) {
    /* a dead key has lost its tag; only the address is left to compare */
    return dead_too && n->key_tag == V_DEAD && is_collectable(key) && n->key.gc == gc_of(key);
  }
  switch (key->tag) {
    case V_NIL: case V_FALSE: case V_TRUE: return 1;
    case V_INT: return n->key.i == int_of(key);
    case V_FLT: return n->key.n == flt_of(key);
    case V_LONG: return string_long_equal((TString *)n->key.gc, string_of(key));
    default: return n->key.bits == key->v.bits;
  }
}

static const TValue *get_generic(Table *t, const TValue *key, int dead_too) {
  Node *n = position_of(t, key->tag, key->v);
  for (;;) {
    if (node_key_equals(n, key, dead_too)) return node_value(n);
    if (n->next == 0) return &absent_value;
    n += n->next;
  }
}

const TValue *table_get_hash_int(Table *t, Integer key) {
  Node *n = position_of_int(t, key);
  for (;;) {
    if (n->key_tag == V_INT && n->key.i == key) return node_value(n);
    if (n->next == 0) return &absent_value;
    n += n->next;
  }
}

const TValue *table_get_short(Table *t, TString *key) {
  Node *n = hash_by_mask(t, key->hash);
  for (;;) {
    if (n->key.gc == as_gc(key) && n->key_tag == V_SHORT) return node_value(n);
    if (n->next == 0) return &absent_value;
    n += n->next;
  }
}

const TValue *table_get_string(Table *t, TString *key) {
  if (key->tag == V_SHORT) return table_get_short(t, key);
  TValue k;
  set_string(&k, key);
  return get_generic(t, &k, 0);
}

const TValue *table_get(Table *t, const TValue *key) {
  switch (key->tag) {
    case V_SHORT: return table_get_short(t, string_of(key));
    case V_INT: return table_get_int(t, int_of(key));
    case V_NIL: return &absent_value;
    case V_FLT: {
      Integer i;
      if (float_to_integer(flt_of(key), &i, 0)) return table_get_int(t, i);
      return get_generic(t, key, 0);
    }
    default: return get_generic(t, key, 0);
  }
}

/* ---- sizes ---- */

static unsigned ceil_log2(uint32_t x) { return x <= 1 ? 0 : 32 - (unsigned)__builtin_clz(x - 1); }

static void nodes_new(Thread *L, Table *t, uint32_t size) {
  if (size == 0) {
    t->nodes = (Node *)&G->dummy;
    t->log2_nodes = 0;
    t->free_node = NULL;
    return;
  }
  unsigned bits = ceil_log2(size);
  if (bits > MAX_HASH_BITS) error_run(L, "table overflow");
  size = 1u << bits;
  Node *nodes = mem_array(L, size, Node);
  for (uint32_t i = 0; i < size; i++) {
    nodes[i].tag = V_EMPTY;
    nodes[i].key_tag = V_NIL;
    nodes[i].next = 0;
  }
  t->nodes = nodes;
  t->log2_nodes = (uint8_t)bits;
  t->free_node = nodes + size;
}

Table *table_new(Thread *L) {
  Table *t = (Table *)gc_new(L, V_TABLE, sizeof(Table));
  t->id = G->next_id++;
  t->absent_events = 0xFF;
  t->log2_nodes = 0;
  t->array_size = 0;
  t->border_hint = 0;
  t->array = NULL;
  t->nodes = (Node *)&G->dummy;
  t->free_node = NULL;
  t->metatable = NULL;
  t->gclist = NULL;
  return t;
}

size_t table_bytes(const Table *t) {
  return sizeof(Table) + sizeof(TValue) * t->array_size + (table_has_dummy(t) ? 0 : sizeof(Node) * table_nodes(t));
}

void table_free(Table *t) {
  if (!table_has_dummy(t)) mem_free_array(t->nodes, table_nodes(t));
  if (t->array) mem_free_array(t->array, t->array_size);
  mem_free(t, sizeof(Table));
}

static void insert_new(Thread *L, Table *t, const TValue *key, const TValue *value);

/* Move the pairs of an old hash part into `t`, last node first. */
static void reinsert(Thread *L, Table *t, Node *nodes, uint32_t size) {
  for (uint32_t j = size; j-- > 0;) {
    Node *n = &nodes[j];
    if (is_empty(node_value(n))) continue;
    TValue key;
    key.v = n->key;
    key.tag = n->key_tag;
    table_set(L, t, &key, node_value(n));
  }
}

void table_resize(Thread *L, Table *t, uint32_t array_size, uint32_t hash_size) {
  Node *old_nodes = t->nodes;
  uint32_t old_node_count = table_nodes(t);
  int had_nodes = !table_has_dummy(t);
  uint32_t old_array = t->array_size;
  Table fresh; /* only its hash part is used */
  if (array_size > INT32_MAX) mem_too_big(L);
  nodes_new(L, &fresh, hash_size); /* the first of two allocations: a failure leaves `t` as it was */
  int has_fresh = !table_has_dummy(&fresh);
  if (array_size < old_array) {
    /* what falls off the array part goes to the new hash part, while the array still holds it */
    t->array_size = array_size;
    t->nodes = fresh.nodes, t->log2_nodes = fresh.log2_nodes, t->free_node = fresh.free_node;
    for (uint32_t i = array_size; i < old_array; i++) {
      if (is_empty(&t->array[i])) continue;
      TValue key;
      set_int(&key, (Integer)i + 1);
      insert_new(L, t, &key, &t->array[i]);
    }
    fresh.free_node = t->free_node;
    t->nodes = old_nodes;
    t->log2_nodes = (uint8_t)ceil_log2(old_node_count);
    t->free_node = had_nodes ? old_nodes + old_node_count : NULL;
    t->array_size = old_array;
  }
  if (array_size != old_array) {
    TValue *array = NULL;
    if (array_size == 0)
      mem_free_array(t->array, old_array);
    else
      array = mem_try_resize(L, t->array, sizeof(TValue) * old_array, sizeof(TValue) * array_size);
    if (unlikely(array == NULL && array_size > 0)) {
      if (has_fresh) mem_free_array(fresh.nodes, table_nodes(&fresh));
      throw_status(L, STATUS_MEMORY);
    }
    t->array = array;
    t->array_size = array_size;
    for (uint32_t i = old_array; i < array_size; i++) set_empty(&array[i]);
  }
  t->border_hint = 0;
  t->nodes = fresh.nodes;
  t->log2_nodes = fresh.log2_nodes;
  t->free_node = fresh.free_node;
  if (had_nodes) {
    reinsert(L, t, old_nodes, old_node_count);
    mem_free_array(old_nodes, old_node_count);
  }
}

/* counts[i] = number of keys k with 2^(i-1) < k <= 2^i. */
static uint32_t count_int_key(Integer key, uint32_t *counts) {
  if ((Unsigned)key - 1u >= (1u << (MAX_ARRAY_BITS - 1))) return 0;
  counts[ceil_log2((uint32_t)key)]++;
  return 1;
}

static uint32_t count_array(const Table *t, uint32_t *counts) {
  uint32_t total = 0, i = 1;
  uint64_t limit = 1;
  for (unsigned bits = 0; bits <= MAX_ARRAY_BITS; bits++, limit *= 2) {
    uint32_t in_slice = 0;
    uint64_t last = limit;
    if (last > t->array_size) {
      last = t->array_size;
      if (i > last) break;
    }
    for (; i <= last; i++)
      if (!is_empty(&t->array[i - 1])) in_slice++;
    counts[bits] += in_slice;
    total += in_slice;
  }
  return total;
}

/* The best size of the array part; `*in_array` = how many of the `*in_array` integer keys will be there. */
static uint32_t best_array_size(const uint32_t *counts, uint32_t *in_array) {
  uint32_t below = 0, fits = 0, size = 0;
  uint64_t power = 1;
  for (unsigned i = 0; power > 0 && i <= MAX_ARRAY_BITS && *in_array > power / 2; i++, power *= 2) {
    below += counts[i];
    if (below > power / 2) {
      size = (uint32_t)power;
      fits = below;
    }
  }
  *in_array = fits;
  return size;
}

static void rehash(Thread *L, Table *t, const TValue *extra_key) {
  uint32_t counts[MAX_ARRAY_BITS + 1];
  memset(counts, 0, sizeof counts);
  uint32_t in_array = count_array(t, counts);
  uint32_t total = in_array;
  for (uint32_t i = table_nodes(t); i-- > 0;) {
    const Node *n = node_at(t, i);
    if (is_empty(node_value(n))) continue;
    if (n->key_tag == V_INT) in_array += count_int_key(n->key.i, counts);
    total++;
  }
  if (is_integer(extra_key)) in_array += count_int_key(int_of(extra_key), counts);
  total++;
  uint32_t size = best_array_size(counts, &in_array);
  table_resize(L, t, size, total - in_array);
}

/* ---- writing ---- */

static Node *take_free_node(Table *t) {
  if (!table_has_dummy(t))
    while (t->free_node > t->nodes) {
      t->free_node--;
      if (t->free_node->key_tag == V_NIL) return t->free_node;
    }
  return NULL;
}

/* The key has no slot in `t` and is valid (neither nil nor NaN, no float with an integer's value). */
static void insert_new(Thread *L, Table *t, const TValue *key, const TValue *value) {
  if (is_nil(value)) return; /* storing nil under a new key is nothing */
  Node *main = position_of(t, key->tag, key->v);
  if (!is_empty(node_value(main)) || table_has_dummy(t)) {
    Node *free = take_free_node(t);
    if (free == NULL) {
      rehash(L, t, key);
      table_set(L, t, key, value); /* into the array part, perhaps */
      return;
    }
    Node *other = position_of(t, main->key_tag, main->key);
    if (other != main) { /* the squatter moves to the free node */
      while (other + other->next != main) other += other->next;
      other->next = (int32_t)(free - other);
      free->v = main->v, free->tag = main->tag;
      free->key = main->key, free->key_tag = main->key_tag;
      if (main->next != 0) {
        free->next = (int32_t)(main - free) + main->next;
        main->next = 0;
      } else
        free->next = 0;
      main->tag = V_EMPTY;
    } else { /* it is at home: the new key goes to the free node, second in the chain */
      free->next = main->next != 0 ? (int32_t)((main + main->next) - free) : 0;
      main->next = (int32_t)(free - main);
      main = free;
    }
  }
  main->key = key->v;
  main->key_tag = key->tag;
  gc_barrier_back(L, t, key);
  set_value(node_value(main), value);
}

static void set_absent(Thread *L, Table *t, const TValue *key, const TValue *value) {
  TValue as_int;
  if (unlikely(is_nil(key))) error_run(L, "table index is nil");
  if (is_float(key)) {
    Number n = flt_of(key);
    Integer i;
    if (float_to_integer(n, &i, 0)) {
      set_int(&as_int, i);
      key = &as_int;
    } else if (unlikely(n != n))
      error_run(L, "table index is NaN");
  }
  insert_new(L, t, key, value);
}

void table_finish_set(Thread *L, Table *t, const TValue *key, const TValue *slot, const TValue *value) {
  if (is_absent(slot))
    set_absent(L, t, key, value);
  else
    set_value((TValue *)slot, value);
}

void table_set(Thread *L, Table *t, const TValue *key, const TValue *value) {
  table_finish_set(L, t, key, table_get(t, key), value);
}

void table_set_int(Thread *L, Table *t, Integer key, const TValue *value) {
  const TValue *slot = table_get_int(t, key);
  if (!is_absent(slot)) {
    set_value((TValue *)slot, value);
    return;
  }
  TValue k;
  set_int(&k, key);
  insert_new(L, t, &k, value);
}

/* ---- traversal ---- */

static uint32_t index_of(Thread *L, Table *t, const TValue *key) {
  if (is_nil(key)) return 0;
  if (is_integer(key) && (Unsigned)int_of(key) - 1u < t->array_size) return (uint32_t)int_of(key);
  const TValue *slot = get_generic(t, key, 1);
  if (unlikely(is_absent(slot))) error_run(L, "invalid key to 'next'");
  return (uint32_t)((Node *)slot - t->nodes) + 1 + t->array_size;
}

int table_next(Thread *L, Table *t, StkId key) {
  uint32_t i = index_of(L, t, key);
  for (; i < t->array_size; i++)
    if (!is_empty(&t->array[i])) {
      set_int(key, (Integer)i + 1);
      set_value(key + 1, &t->array[i]);
      return 1;
    }
  for (i -= t->array_size; i < table_nodes(t); i++) {
    Node *n = node_at(t, i);
    if (is_empty(node_value(n))) continue;
    key->v = n->key;
    key->tag = n->key_tag;
    set_value(key + 1, node_value(n));
    return 1;
  }
  return 0;
}

/* ---- length ---- */

static uint32_t border_in_array(const TValue *array, uint32_t i, uint32_t j) { /* array[i-1] in use or i == 0; array[j-1] empty */
  while (j - i > 1) {
    uint32_t m = (i + j) / 2;
    if (is_empty(&array[m - 1]))
      j = m;
    else
      i = m;
  }
  return i;
}

/* j + 1.. in the hash part: double until a hole, then halve. */
static Unsigned border_in_hash(Table *t, Unsigned j) {
  Unsigned i;
  if (j == 0) j++;
  do {
    i = j;
    if (j <= (Unsigned)INT64_MAX / 2)
      j *= 2;
    else {
      j = INT64_MAX;
      if (is_empty(table_get_int(t, (Integer)j))) break;
      return j;
    }
  } while (!is_empty(table_get_int(t, (Integer)j)));
  while (j - i > 1) {
    Unsigned m = (i + j) / 2;
    if (is_empty(table_get_int(t, (Integer)m)))
      j = m;
    else
      i = m;
  }
  return i;
}

/* A border near the last one found, as PUC finds it: its array limit is our `border_hint`. */
Unsigned table_length(Table *t) {
  uint32_t size = t->array_size;
  uint32_t hint = t->border_hint ? t->border_hint : size;
  if (hint > 0 && is_empty(&t->array[hint - 1])) { /* a border lies before */
    if (hint >= 2 && !is_empty(&t->array[hint - 2])) {
      if (hint - 1 > size / 2) t->border_hint = hint - 1;
      return hint - 1;
    }
    uint32_t border = border_in_array(t->array, 0, hint);
    if (border > size / 2) t->border_hint = border;
    return border;
  }
  if (hint < size) { /* the slots above the hint */
    if (is_empty(&t->array[hint])) return hint;
    hint = size;
    if (is_empty(&t->array[size - 1])) {
      uint32_t border = border_in_array(t->array, t->border_hint, size);
      t->border_hint = border;
      return border;
    }
  }
  if (table_has_dummy(t) || is_empty(table_get_hash_int(t, (Integer)size + 1))) return size;
  return border_in_hash(t, size);
}
