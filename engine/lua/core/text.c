/* Strings: short ones are interned, so that equality is identity; long ones are hashed when they first become a key. */
#include <string.h>

#include "gc.h"
#include "call.h"

#define SEED_SHIFT_LEFT 5
#define SEED_SHIFT_RIGHT 2

uint32_t string_hash(const char *bytes, size_t length, uint32_t seed) {
  uint32_t h = seed ^ (uint32_t)length;
  while (length > 0) {
    h ^= (h << SEED_SHIFT_LEFT) + (h >> SEED_SHIFT_RIGHT) + (uint8_t)bytes[length - 1];
    length--;
  }
  return h;
}

uint32_t string_hash_long(TString *s) {
  if (!s->extra) {
    s->hash = string_hash(s->bytes, s->u.lnglen, s->hash);
    s->extra = 1;
  }
  return s->hash;
}

int string_long_equal(const TString *a, const TString *b) {
  return a == b || (a->u.lnglen == b->u.lnglen && memcmp(a->bytes, b->bytes, a->u.lnglen) == 0);
}

/* Byte order. (The C locale's strcoll is byte order too; embedded zeros compare like any byte.) */
int string_compare(const TString *a, const TString *b) {
  size_t la = string_length(a), lb = string_length(b);
  int order = memcmp(a->bytes, b->bytes, la < lb ? la : lb);
  return order ? order : (la > lb) - (la < lb);
}

static TString *string_make(Thread *L, int tag, size_t length, uint32_t hash) {
  TString *s = (TString *)gc_new(L, tag, string_bytes(length));
  s->hash = hash;
  s->extra = 0;
  s->bytes[length] = '\0';
  return s;
}

TString *string_long(Thread *L, size_t length) {
  if (unlikely(length >= (size_t)INT64_MAX - sizeof(TString) - 1)) mem_too_big(L);
  TString *s = string_make(L, V_LONG, length, G->seed);
  s->shortlen = 0xFF;
  s->u.lnglen = length;
  return s;
}

void string_table_resize(Thread *L, uint32_t size) {
  StringTable *table = &G->strings;
  uint32_t old = table->size;
  if (size < old) { /* empty the chains that go away before the block shrinks */
    for (uint32_t i = size; i < old; i++) {
      TString *s = table->chains[i];
      table->chains[i] = NULL;
      while (s) {
        TString *next = s->u.hnext;
        uint32_t chain = s->hash & (size - 1);
        s->u.hnext = table->chains[chain];
        table->chains[chain] = s;
        s = next;
      }
    }
  }
  TString **chains = mem_try_resize(L, table->chains, sizeof(TString *) * old, sizeof(TString *) * size);
  if (!chains) return; /* a crowded table still works (a block never fails to shrink) */
  table->chains = chains;
  table->size = size;
  if (size > old) {
    memset(chains + old, 0, sizeof(TString *) * (size - old));
    for (uint32_t i = 0; i < old; i++) {
      TString *s = chains[i];
      chains[i] = NULL;
      while (s) {
        TString *next = s->u.hnext;
        uint32_t chain = s->hash & (size - 1);
        s->u.hnext = chains[chain];
        chains[chain] = s;
        s = next;
      }
    }
  }
}

void string_table_remove(TString *s) {
  TString **p = &G->strings.chains[s->hash & (G->strings.size - 1)];
  while (*p != s) p = &(*p)->u.hnext;
  *p = s->u.hnext;
  G->strings.used--;
}

static TString *string_intern(Thread *L, const char *bytes, size_t length) {
  StringTable *table = &G->strings;
  uint32_t hash = string_hash(bytes, length, G->seed);
  for (TString *s = table->chains[hash & (table->size - 1)]; s; s = s->u.hnext)
    if (s->shortlen == length && memcmp(bytes, s->bytes, length) == 0) {
      if (is_white(s) && !(s->marked & current_white())) s->marked ^= WHITES; /* dead but not yet swept */
      return s;
    }
  if (table->used >= table->size && table->size <= UINT32_MAX / 4) string_table_resize(L, table->size * 2);
  TString *s = string_make(L, V_SHORT, length, hash); /* may collect: chains may have changed, the table has not moved */
  s->shortlen = (uint8_t)length;
  memcpy(s->bytes, bytes, length);
  TString **chain = &table->chains[hash & (table->size - 1)];
  s->u.hnext = *chain;
  *chain = s;
  table->used++;
  return s;
}

TString *string_new(Thread *L, const char *bytes, size_t length) {
  if (length <= SHORT_MAX) return string_intern(L, bytes, length);
  TString *s = string_long(L, length);
  memcpy(s->bytes, bytes, length);
  return s;
}

TString *string_from(Thread *L, const char *text) { return string_new(L, text, strlen(text)); }
