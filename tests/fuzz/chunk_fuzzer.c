/* A fuzzing harness for the Lua machine: binary chunk -> undump -> verify -> run, within a budget.
 *
 * libFuzzer's entry points (LLVMFuzzer…); standalone.c drives the same functions without libFuzzer. One process, no fork:
 * the machine goes back to its fresh image before each input. An input is one byte of options and a binary chunk. The
 * mutator knows where instructions and constants lie, since bytes changed blindly are mostly refused by the verifier. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "core.h"
#include "inspect.h"
#include "opcodes_gen.h"
#include "state.h"

#define MEMORY_LIMIT (3UL << 20)
#define OUTPUT_LIMIT (1UL << 16)
#define TICKS 1500
#define WORK 200000
#define RUNS 24 /* exits of any kind until the input is given up */
#define MAX_PLACES 4096
#define STEPS 512
#define WRITES 2048
#define TEXT (1 << 17)

enum { OPTION_RECORD = 1, OPTION_STRESS = 2, OPTION_INSPECT = 4, OPTION_PIECES = 8 };

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* ---- the machine and its fresh image ---- */

static struct {
  Machine *machine;
  void *control, *heap;
  size_t heap_bytes;
  char *dirty_end; /* heap bytes from the image's end to here may differ from zero */
  TraceBatch batch;
} fuzz;

static void *column(size_t count, size_t item) {
  void *memory = calloc(count, item);
  if (!memory) abort();
  return memory;
}

static void columns_new(TraceBatch *b) {
  b->where = column(STEPS, 4), b->base = column(STEPS, 4), b->thread = column(STEPS, 4), b->flags = column(STEPS, 4);
  b->depth = column(STEPS, 2), b->writes = column(STEPS, 2);
  b->w_key = column(WRITES, 8), b->w_old = column(WRITES, 8), b->w_new = column(WRITES, 8);
  b->w_owner = column(WRITES, 4);
  b->w_kind = column(WRITES, 1), b->w_key_tag = column(WRITES, 1);
  b->w_old_tag = column(WRITES, 1), b->w_new_tag = column(WRITES, 1);
  b->text = column(TEXT, 1);
  b->step_capacity = STEPS, b->write_capacity = WRITES, b->text_capacity = TEXT;
}

static void *copy_of(const void *from, size_t size) { return memcpy(column(size, 1), from, size); }

static void prepare(void) {
  if (fuzz.machine) return;
  fuzz.machine = machine_new(MEMORY_LIMIT, OUTPUT_LIMIT);
  if (!fuzz.machine) abort();
  machine_argument(fuzz.machine, 0, "fuzz", 4);
  machine_argument(fuzz.machine, 1, "7", 1);
  machine_argument(fuzz.machine, 2, "text", 4);
  arena_forget_poison();
  fuzz.control = copy_of((void *)ARENA_BASE, sizeof(Control));
  fuzz.heap_bytes = (size_t)(arena_heap_end() - (char *)HEAP_BASE);
  fuzz.heap = copy_of((void *)HEAP_BASE, fuzz.heap_bytes);
  fuzz.dirty_end = arena_heap_end();
  columns_new(&fuzz.batch);
}

/* As machine_restore_begin … end, but cheap: without the kernel. */
static void restore(void) {
  char *fresh_end = (char *)HEAP_BASE + fuzz.heap_bytes;
  if (arena_heap_end() > fuzz.dirty_end) fuzz.dirty_end = arena_heap_end();
  UNPOISON((void *)NATIVE_BASE, NATIVE_SIZE);
  UNPOISON((void *)HEAP_BASE, (size_t)(fuzz.dirty_end - (char *)HEAP_BASE));
  /* SAFETY: the machine's own memory, of which nothing is in use between two runs. */
  memset(fresh_end, 0, (size_t)(fuzz.dirty_end - fresh_end));
  memcpy((void *)HEAP_BASE, fuzz.heap, fuzz.heap_bytes);
  memcpy((void *)ARENA_BASE, fuzz.control, sizeof(Control));
  fuzz.dirty_end = fresh_end;
  inspect_forget(fuzz.machine); /* what was worked out about the functions of the last input */
  machine_restore_end(fuzz.machine);
}

/* ---- one input ---- */

static void answer(Machine *m, int reason) {
  if (reason == EXIT_COMPILE) machine_answer_compile(m, "no compiler here", 16, 1);
  if (reason != EXIT_JOURNAL) return;
  size_t size;
  const char *channel = machine_request(m, 0, &size);
  const char *entry = channel[0] == 's' && channel[1] == 'e' ? "12 34" : channel[0] == 's' ? "4.5 word\n" : "86400";
  machine_answer_journal(m, entry, strlen(entry));
}

static void look(Machine *m) {
  size_t size;
  uint32_t objects = 0;
  (void)objects;
  inspect_functions(m, 0, &size);
  inspect_view(m, NULL, 0, -1, machine_where(m), &size);
  for (uint32_t id = 1; id < 8; id++) {
    inspect_table(m, NULL, 0, id, 0, 16, &size);
    inspect_function(m, NULL, 0, G->next_id - id, &size);
    inspect_upvalue(m, NULL, 0, G->next_id - id, &size);
    inspect_thread(m, NULL, 0, G->next_id - id, 0, &size);
  }
  inspect_forget(m);
}

static void run(Machine *m, unsigned options) {
  uint64_t ticks = options & OPTION_PIECES ? TICKS / 10 : TICKS;
  machine_set_work_budget(m, WORK);
  machine_set_stress(m, options & OPTION_STRESS && options & OPTION_PIECES);
  uint64_t end = TICKS;
  for (int exits = 0; exits < RUNS && machine_tick(m) < end; exits++) {
    TraceBatch *batch = options & OPTION_RECORD ? &fuzz.batch : NULL;
    fuzz.batch.step_count = fuzz.batch.write_count = fuzz.batch.text_bytes = 0;
    int reason = machine_run(m, ticks, 0, batch);
    if (reason == EXIT_HALT || reason == EXIT_FAULT || reason == EXIT_LIMIT || reason == EXIT_WORK) break;
    if (reason == EXIT_OUTPUT) machine_output_clear(m);
    answer(m, reason);
  }
  if (options & OPTION_INSPECT) look(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  prepare();
  if (size < 1) return -1;
  restore();
  if (machine_load(fuzz.machine, (const char *)data + 1, size - 1, "=fuzz")) return 0;
  run(fuzz.machine, data[0]);
  return 0;
}

/* ---- where things lie in a chunk ---- */

typedef enum PlaceKind { PLACE_CODE, PLACE_NUMBER, PLACE_TEXT, PLACE_BYTE } PlaceKind;
typedef struct Place {
  PlaceKind kind;
  uint32_t at, size;
} Place;
typedef struct Map {
  const uint8_t *data;
  size_t size, at;
  int count, broken;
  Place places[MAX_PLACES];
} Map;

static void map_add(Map *m, PlaceKind kind, size_t size) {
  if (size > m->size - m->at) {
    m->broken = 1;
    return;
  }
  if (m->count < MAX_PLACES && size) m->places[m->count++] = (Place){kind, (uint32_t)m->at, (uint32_t)size};
  m->at += size;
}

static size_t map_size(Map *m) {
  size_t x = 0;
  while (m->at < m->size && x < (1u << 24)) {
    uint8_t b = m->data[m->at++];
    x = x << 7 | (b & 0x7F);
    if (b & 0x80) return x;
  }
  m->broken = 1;
  return 0;
}

static void map_text(Map *m) {
  size_t size = map_size(m);
  if (size) map_add(m, PLACE_TEXT, size - 1);
}

static void map_constants(Map *m) {
  size_t n = map_size(m);
  for (size_t i = 0; i < n && !m->broken && m->at < m->size; i++) {
    uint8_t tag = m->data[m->at];
    map_add(m, PLACE_BYTE, 1);
    if (tag == V_FLT || tag == V_INT) map_add(m, PLACE_NUMBER, 8);
    if (tag == (V_SHORT & ~COLLECTABLE) || tag == (V_LONG & ~COLLECTABLE)) map_text(m);
  }
}

static void map_function(Map *m, int depth) {
  if (depth > 50) m->broken = 1;
  if (m->broken) return;
  map_text(m);
  map_size(m), map_size(m);
  for (int i = 0; i < 3; i++) map_add(m, PLACE_BYTE, 1);
  size_t n = map_size(m);
  map_add(m, PLACE_CODE, n * 4);
  map_constants(m);
  n = map_size(m);
  for (size_t i = 0; i < n * 3 && !m->broken; i++) map_add(m, PLACE_BYTE, 1);
  n = map_size(m);
  for (size_t i = 0; i < n && !m->broken; i++) map_function(m, depth + 1);
  n = map_size(m);
  map_add(m, PLACE_BYTE, n);
  n = map_size(m);
  for (size_t i = 0; i < n && !m->broken; i++) map_size(m), map_size(m);
  n = map_size(m);
  for (size_t i = 0; i < n && !m->broken; i++) map_text(m), map_size(m), map_size(m);
  n = map_size(m);
  for (size_t i = 0; i < n && !m->broken; i++) map_text(m);
}

/* ---- mutation ---- */

typedef struct Random {
  uint64_t state;
} Random;

static uint32_t draw(Random *r, uint32_t limit) {
  r->state ^= r->state << 13;
  r->state ^= r->state >> 7;
  r->state ^= r->state << 17;
  return (uint32_t)((r->state >> 16) % limit);
}

static void put_field(Instruction *i, int position, int bits, uint32_t value) {
  uint32_t mask = ((1u << bits) - 1) << position;
  *i = (*i & ~mask) | (value << position & mask);
}

static void mutate_instruction(Random *r, uint8_t *code, uint32_t count) {
  uint8_t *at = code + (size_t)draw(r, count) * 4;
  Instruction i, other;
  memcpy(&i, at, 4);
  memcpy(&other, code + (size_t)draw(r, count) * 4, 4);
  uint32_t small = draw(r, 4) ? draw(r, 12) : draw(r, 256);
  switch (draw(r, 9)) {
    case 0: put_field(&i, POS_A, SIZE_A, small); break;
    case 1: put_field(&i, POS_B, SIZE_B, small); break;
    case 2: put_field(&i, POS_C, SIZE_C, small); break;
    case 3: i ^= 1u << POS_k; break;
    case 4: put_field(&i, POS_OP, SIZE_OP, draw(r, NUM_OPCODES)); break;
    case 5: put_field(&i, POS_OP, SIZE_OP, (i & 0x7F) + (draw(r, 2) ? 1u : 127u)); break;
    case 6: put_field(&i, POS_sJ, SIZE_sJ, OFFSET_sJ + draw(r, 24) - 12); break;
    case 7: put_field(&i, POS_Bx, SIZE_Bx, small); break;
    default: i = other;
  }
  memcpy(at, &i, 4);
}

static void mutate_number(Random *r, uint8_t *at) {
  static const uint64_t values[] = {0, 1, ~0ull, 1ull << 63, (1ull << 63) - 1, 1ull << 31, 1ull << 32, 255, 1ull << 53,
                                    0x7FF0000000000000, 0xFFF0000000000000, 0x7FF8000000000000, 0x3FF0000000000000,
                                    0x43E0000000000000, 0xC3E0000000000000, 200, 1000000, 0x7FFFFFFF, 0x4059000000000000};
  uint64_t value = values[draw(r, sizeof values / sizeof *values)] + draw(r, 3) - 1;
  if (draw(r, 3) == 0) value = draw(r, 70) - 5ull;
  memcpy(at, &value, 8);
}

static void mutate_text(Random *r, uint8_t *at, uint32_t size) {
  static const char bytes[] = "%*+-?.[]()^$abfdsxwzlqiIjnN<>!=0123456789 \0\xff\x80\xc3\n";
  for (uint32_t n = 1 + draw(r, 3); n > 0; n--) at[draw(r, size)] = (uint8_t)bytes[draw(r, sizeof bytes - 1)];
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  Random r = {(uint64_t)seed * 0x9E3779B97F4A7C15u + 1};
  static Map map;
  map.data = data, map.size = size, map.at = 1 + 31 + 1, map.count = 0, map.broken = size < map.at;
  map_function(&map, 0);
  if (map.count == 0 || draw(&r, 12) == 0) return LLVMFuzzerMutate(data, size, max_size);
  if (draw(&r, 6) == 0) data[0] = (uint8_t)draw(&r, 16);
  for (uint32_t n = 1 + draw(&r, 3); n > 0; n--) {
    const Place *place = &map.places[draw(&r, (uint32_t)map.count)];
    if (draw(&r, 3) && place->kind == PLACE_BYTE) { /* rather something that runs */
      n++;
      continue;
    }
    switch (place->kind) {
      case PLACE_CODE:
        for (uint32_t k = 1 + draw(&r, 2); k > 0; k--) mutate_instruction(&r, data + place->at, place->size / 4);
        break;
      case PLACE_NUMBER: mutate_number(&r, data + place->at); break;
      case PLACE_TEXT: mutate_text(&r, data + place->at, place->size); break;
      case PLACE_BYTE: data[place->at + draw(&r, place->size)] = (uint8_t)(draw(&r, 2) ? draw(&r, 24) : draw(&r, 256)); break;
    }
  }
  return size;
}
