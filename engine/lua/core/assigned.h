/* Which registers of a function hold a value of the present activation before each of its instructions.
 *
 * A stack slot keeps whatever was last put there, also after its frame is gone. A view or a trace that showed such a
 * leftover as the content of a register would lie; so registers count only from their first write in this activation
 * until something else may use their slot (a call at or below them, the collector clearing the dead part of a stack).
 */
#ifndef LUA_ASSIGNED_H
#define LUA_ASSIGNED_H
#include "object.h"

typedef struct Assigned {
  const Instruction *code; /* whose analysis this is; not dereferenced */
  uint32_t id;             /* Proto.id */
  int count;               /* instructions */
  int words;               /* 64-bit words in a row */
  uint8_t *open;           /* per instruction: register from which on everything up to the top counts, or NO_OPEN */
  uint8_t *fresh;          /* per instruction: 1 if register A has no value yet */
  uint64_t rows[];         /* count * words: bit r of row pc: register r has a value */
} Assigned;

#define NO_OPEN 255 /* no instruction leaves results from register 255 on: at most 255 registers, 0 to 254 */

/* The analysis of `p` in host memory, NULL when that is short. Linear in practice; `free` releases it. */
Assigned *assigned_make(const Proto *p);

static inline int assigned_has(const Assigned *a, int pc, int reg) {
  return (int)(a->rows[(size_t)pc * (size_t)a->words + (size_t)(reg >> 6)] >> (reg & 63)) & 1;
}
#endif
