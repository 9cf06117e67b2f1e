/* The analyses of assigned.h that are in use, kept in host memory: they are worked out when first asked for. */
#ifndef LUA_ANALYSES_H
#define LUA_ANALYSES_H
#include "assigned.h"

/* The analysis of `p`, a function of the machine `host`. NULL when memory is short. Valid until the next call of
 * analyses_forget, or until another 511 functions were asked for. */
const Assigned *analyses_get(const void *host, const Proto *p);

/* Forget what is known about a machine's functions: it was restored (a function's number may come to mean another one)
 * or is gone. */
void analyses_forget(const void *host);
#endif
