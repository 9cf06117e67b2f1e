/* What the two halves of the recorder share: the step in progress, and how an entry of a batch is written. Not for others.
 */
#ifndef LUA_RECORD_PARTS_H
#define LUA_RECORD_PARTS_H

#include "assigned.h"
#include "record.h"

#define MAX_OLD 200
#define TEXT_BYTES 60
#define STRINGS 32

/* What the step in progress needs. Lives in Control.recorder, so it travels with the state; the host addresses in it
 * are refreshed when a run begins (record_resume). */
typedef struct Step {
  uint8_t active;
  uint8_t op;
  uint8_t old_count;
  uint8_t hook_due;        /* a hook function may come next, between two steps of the frame it looks at */
  uint8_t paused;          /* the machine has left the VM in the middle of this step */
  uint16_t caller_status;  /* RETURN: the caller's callstatus: does a hook or a finalizer return? */
  uint32_t index;          /* entry in the batch */
  uint32_t first_write;
  uint32_t depth;
  uint32_t where, base, thread_id; /* of a paused step: what it ran may be collected by the time it goes on */
  uint64_t tick;
  Thread *thread;
  CallInfo *ci, *caller;
  const Instruction *pc;
  const Proto *proto;
  ptrdiff_t old_first;     /* slot of old[0] */
  const Proto *analysed;   /* whose analysis `assigned` is; NULL after a resume */
  const Assigned *assigned;
  uint64_t begun_collections;
  uint64_t collections;    /* strings below are valid until the next collection */
  uint64_t old[MAX_OLD];
  uint8_t old_tag[MAX_OLD];
  const TString *string[STRINGS];
  uint32_t string_at[STRINGS];
} Step;
_Static_assert(sizeof(Step) <= sizeof(CTL->recorder), "a step does not fit into the control block");

/* The compiler must not know that the address is a constant: one register serves all accesses better. */
static inline __attribute__((always_inline)) Step *the_step(void) {
  Step *step = (Step *)CTL->recorder;
  __asm__("" : "+r"(step));
  return step;
}
#define STEP the_step()

/* The ValueTag of a value, by its own tag. */
extern const uint8_t RECORD_TAGS[0x80];
#define tag_of(v) RECORD_TAGS[(v)->tag & 0x7F]

/* The payload of a value that is an object: its identity, or where in the batch's text a string's first bytes are. */
uint64_t record_object_payload(TraceBatch *batch, const TValue *v);

static inline uint64_t payload(TraceBatch *batch, const TValue *v) {
  if (v->tag == V_INT || v->tag == V_FLT || v->tag == V_NATIVE) return v->v.bits;
  return is_collectable(v) ? record_object_payload(batch, v) : 0;
}

/* The next write entry, or -1 when there is no room: the step is then marked. */
static inline int32_t new_write(TraceBatch *batch) {
  if (unlikely(batch->write_count >= batch->write_capacity || batch->write_count - STEP->first_write >= UINT16_MAX)) {
    CTL->step_flags |= STEP_TRUNCATED;
    return -1;
  }
  return (int32_t)batch->write_count++;
}

static inline void put_slot(TraceBatch *batch, uint32_t thread, uint64_t slot, uint64_t old, uint8_t old_tag,
                            const TValue *value) {
  int32_t w = new_write(batch);
  if (unlikely(w < 0)) return;
  batch->w_kind[w] = WRITE_SLOT;
  batch->w_owner[w] = thread;
  batch->w_key_tag[w] = TAG_INTEGER;
  batch->w_key[w] = slot;
  batch->w_old_tag[w] = old_tag;
  batch->w_old[w] = old;
  batch->w_new_tag[w] = tag_of(value);
  batch->w_new[w] = payload(batch, value);
}

/* Instructions begun so far; the checked loop counts one just before it calls record_step_begin. */
static inline uint64_t current_tick(void) { return CTL->tick_end - (uint64_t)CTL->left[LOOP_CHECKED]; }

/* A step that was interrupted by a stop goes on: in its entry if that is still the last one of the batch, else, in an
 * empty batch, in a second entry with the same tick. Answers 0 if neither can be. */
int record_take_up(Step *step, TraceBatch *batch);

#endif
