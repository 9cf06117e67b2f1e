/* What the files that write a machine's parts as JSON share; not for others. */
#ifndef LUA_INSPECT_PARTS_H
#define LUA_INSPECT_PARTS_H

#include "jsontext.h"
#include "state.h"

/* The object with this serial number and tag, by walking the collector's list; NULL if it is not there. */
GCObject *inspect_find(uint8_t tag, uint32_t id);
/* The instruction of a Lua frame that a view shows, and the lowest slot above its own registers then. */
int inspect_shown_pc(const Thread *L, const CallInfo *ci);
StkId inspect_visible_end(const Thread *L, const CallInfo *ci, int pc);

#endif
