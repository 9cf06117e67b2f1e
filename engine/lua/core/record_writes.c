/* The recorder's other half: values as the trace has them, and the writes that the kernel reports when they happen. See
 * record.c for whose writes they are.
 */
#include "record_parts.h"

#include <string.h>

#include "watch.h"

/* ---- values ---- */

const uint8_t RECORD_TAGS[0x80] = {
    [V_NIL] = TAG_NIL,         [V_EMPTY] = TAG_ABSENT,     [V_ABSENT] = TAG_ABSENT,    [V_FALSE] = TAG_FALSE,
    [V_TRUE] = TAG_TRUE,       [V_LIGHT] = TAG_USERDATA,   [V_INT] = TAG_INTEGER,      [V_FLT] = TAG_FLOAT,
    [V_NATIVE] = TAG_NATIVE,   [V_SHORT] = TAG_STRING,     [V_LONG] = TAG_STRING,      [V_TABLE] = TAG_TABLE,
    [V_LCLOSURE] = TAG_FUNCTION, [V_NCLOSURE] = TAG_NATIVE, [V_USERDATA] = TAG_USERDATA, [V_THREAD] = TAG_THREAD,
    [V_DEAD] = TAG_NIL,
};

/* The string's first bytes in the batch's text, once for several values in a row that are the same string. */
static uint64_t string_payload(TraceBatch *batch, const TString *s) {
  Step *step = STEP;
  size_t length = string_length(s);
  uint64_t high = (uint64_t)(length < UINT32_MAX ? length : UINT32_MAX) << 32;
  unsigned slot = (unsigned)((uintptr_t)s >> 5) % STRINGS;
  if (unlikely(step->collections != G->collections)) {
    memset(step->string, 0, sizeof step->string);
    step->collections = G->collections;
  }
  if (step->string[slot] == s) return high | step->string_at[slot];
  uint32_t count = length < TEXT_BYTES ? (uint32_t)length : TEXT_BYTES;
  uint32_t at = batch->text_bytes;
  if (at + 1 + count > batch->text_capacity) { /* only a step that wrote more than any margin gets here */
    CTL->step_flags |= STEP_TRUNCATED;
    return high; /* offset 0: some other string's bytes; TRUNCATED says so */
  }
  batch->text[at] = (uint8_t)count;
  memcpy(batch->text + at + 1, s->bytes, count);
  batch->text_bytes = at + 1 + count;
  step->string[slot] = s;
  step->string_at[slot] = at;
  return high | at;
}

uint64_t record_object_payload(TraceBatch *batch, const TValue *v) {
  switch (v->tag) {
    case V_SHORT:
    case V_LONG: return string_payload(batch, string_of(v));
    case V_TABLE: return table_of(v)->id;
    case V_LCLOSURE: return lclosure_of(v)->id;
    case V_NCLOSURE: return nclosure_of(v)->native;
    case V_USERDATA: return userdata_of(v)->id;
    case V_THREAD: return thread_of(v)->id;
    default: return 0;
  }
}

/* ---- writes ---- */

/* A write that the kernel reports: never before the first step of a batch, which would have nobody to belong to. */
static TraceBatch *open_batch(void) {
  Step *step = STEP;
  TraceBatch *batch = CTL->trace;
  if (!step->active || batch == NULL || (step->paused && !record_take_up(step, batch))) return NULL;
  return batch;
}

static void put_value(TraceBatch *batch, int kind, uint32_t owner, const TValue *key, const TValue *old,
                      const TValue *value) {
  int32_t w = new_write(batch);
  if (w < 0) return;
  batch->w_kind[w] = (uint8_t)kind;
  batch->w_owner[w] = owner;
  batch->w_key_tag[w] = tag_of(key);
  batch->w_key[w] = payload(batch, key);
  batch->w_old_tag[w] = tag_of(old);
  batch->w_old[w] = payload(batch, old);
  batch->w_new_tag[w] = tag_of(value);
  batch->w_new[w] = payload(batch, value);
}

void record_table_write(Thread *L, Table *t, const TValue *key, const TValue *old, const TValue *new_value) {
  (void)L;
  if (is_nil(key) || (is_float(key) && flt_of(key) != flt_of(key))) return; /* the error comes next */
  if (watching()) return watch_object(WRITE_FIELD, t->id, key);
  TraceBatch *batch = open_batch();
  if (batch) put_value(batch, WRITE_FIELD, t->id, key, old, new_value);
}

/* Its number in the running closure, -1 if it is none of its own. */
static Integer upvalue_index(const Thread *L, const UpVal *uv) {
  if (!ci_is_lua(L->ci)) return -1;
  const LClosure *closure = ci_closure(L->ci);
  for (int i = 0; i < closure->nupvalues; i++) {
    if (closure->upvals[i] == uv) return i;
  }
  return -1;
}

void record_upvalue_write(Thread *L, UpVal *uv, const TValue *new_value) {
  if (watching()) {
    watch_object(WRITE_UPVALUE, uv->id, NULL);
    if (upval_is_open(uv)) watch_slots(uv->u.open.thread, uv->v, 1);
    return;
  }
  TraceBatch *batch = open_batch();
  if (!batch) return;
  TValue key;
  set_int(&key, upvalue_index(L, uv));
  put_value(batch, WRITE_UPVALUE, uv->id, &key, uv->v, new_value);
  if (upval_is_open(uv)) record_slot_write(uv->u.open.thread, uv->v, new_value);
}

void record_slot_write(Thread *of, StkId slot, const TValue *new_value) {
  if (watching()) return watch_slots(of, slot, 1);
  TraceBatch *batch = open_batch();
  if (!batch) return;
  uint8_t old_tag = tag_of(slot);
  put_slot(batch, of->id, (uint64_t)(slot - of->stack), payload(batch, slot), old_tag, new_value);
}

void record_metatable_write(Thread *L, GCObject *object, Table *old, Table *new_value) {
  (void)L;
  uint32_t owner = object->tag == V_TABLE ? ((Table *)object)->id : ((Userdata *)object)->id;
  if (watching()) return watch_object(WRITE_METATABLE, owner, NULL);
  TraceBatch *batch = open_batch();
  if (!batch) return;
  TValue key, before, after;
  set_nil(&key);
  set_nil(&before);
  set_nil(&after);
  if (old) set_tbl(&before, old);
  if (new_value) set_tbl(&after, new_value);
  put_value(batch, WRITE_METATABLE, owner, &key, &before, &after);
}

void record_upvalue_closed(Thread *L, UpVal *uv) {
  if (watching()) return watch_object(WRITE_UPVALUE, uv->id, NULL);
  TraceBatch *batch = open_batch();
  CTL->step_flags |= STEP_UPVALUE_CLOSE;
  if (!batch) return;
  TValue key, none;
  set_int(&key, upvalue_index(L, uv));
  none.tag = V_ABSENT;
  put_value(batch, WRITE_UPVALUE, uv->id, &key, &none, uv->v);
}
