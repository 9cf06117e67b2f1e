/* Tables: an array part for 1..n and a hash part with Brent's variation of chained scatter tables. */
#ifndef LUA_TABLE_H
#define LUA_TABLE_H

#include "state.h"

#define table_nodes(t) (1u << (t)->log2_nodes)
#define table_has_dummy(t) ((t)->free_node == NULL)
#define node_value(n) ((TValue *)(n))

Table *table_new(Thread *L);
void table_free(Table *t);
size_t table_bytes(const Table *t);
void table_resize(Thread *L, Table *t, uint32_t array_size, uint32_t hash_size);
/* The slot of a key; a slot tagged V_ABSENT (not writable) when the key has none. */
const TValue *table_get(Table *t, const TValue *key);
const TValue *table_get_hash_int(Table *t, Integer key); /* not in the array part */
const TValue *table_get_short(Table *t, TString *key);
const TValue *table_get_string(Table *t, TString *key);
/* Raw writes; errors for nil and NaN keys. The caller has the barrier, and records. */
void table_set(Thread *L, Table *t, const TValue *key, const TValue *value);
void table_set_int(Thread *L, Table *t, Integer key, const TValue *value);
/* `slot` is what a getter answered for `key`. */
void table_finish_set(Thread *L, Table *t, const TValue *key, const TValue *slot, const TValue *value);
int table_next(Thread *L, Table *t, StkId key); /* key and key + 1 get the next pair; 0 at the end */
Unsigned table_length(Table *t);
void table_clear_dead_keys(Node *n);

static inline const TValue *table_get_int(Table *t, Integer key) {
  if (likely((Unsigned)key - 1u < t->array_size)) return &t->array[key - 1];
  return table_get_hash_int(t, key);
}

/* As table_get_short: a key that lies where its hash says is found without a call. */
static inline const TValue *table_get_short_inline(Table *t, TString *key) {
  const Node *n = &t->nodes[key->hash & (table_nodes(t) - 1)];
  if (likely(n->key.gc == as_gc(key) && n->key_tag == V_SHORT)) return node_value(n);
  return table_get_short(t, key);
}

#define table_forget_absent_events(t) ((t)->absent_events = 0)

#endif
