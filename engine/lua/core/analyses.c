/* A direct-mapped cache. Host state, not the machine's: it only holds what can be worked out again. */
#include "analyses.h"

#include <stdlib.h>

#define ENTRIES 512

static struct {
  const void *host;
  Assigned *assigned;
} cache[ENTRIES];

const Assigned *analyses_get(const void *host, const Proto *p) {
  size_t at = (p->id * 31u + (uint32_t)((uintptr_t)host >> 6)) % ENTRIES;
  Assigned *known = cache[at].assigned;
  if (known && cache[at].host == host && known->id == p->id && known->code == p->code && known->count == p->sizecode)
    return known;
  free(known);
  cache[at].host = host;
  cache[at].assigned = assigned_make(p);
  return cache[at].assigned;
}

void analyses_forget(const void *host) {
  for (size_t at = 0; at < ENTRIES; at++) {
    if (cache[at].host != host) continue;
    free(cache[at].assigned);
    cache[at].assigned = NULL;
    cache[at].host = NULL;
  }
}
