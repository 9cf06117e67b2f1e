/* A forward must-analysis: a register counts before pc if it was assigned on every way there. See assigned.h. */
#include "assigned.h"

#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "opcodes_gen.h"

#define ROW_WORDS 4

static const uint8_t MODES[] = {OPCODE_MODES};

typedef struct Row {
  uint64_t bits[ROW_WORDS];
} Row;

static void add(Row *row, int first, int last) {
  for (int r = first; r <= last && r < 256; r++) row->bits[r >> 6] |= 1ull << (r & 63);
}

/* Registers `first` and above lose their value. */
static void drop(Row *row, int first) {
  for (int word = 0; word < ROW_WORDS; word++) {
    int low = first - 64 * word;
    if (low <= 0) row->bits[word] = 0;
    else if (low < 64) row->bits[word] &= (1ull << low) - 1;
  }
}

/* Meet `from` into row pc of the analysis; answers whether that changed. */
static int meet(Assigned *a, int pc, const Row *from, uint8_t open) {
  if (pc >= a->count) return 0;
  uint64_t *row = a->rows + (size_t)pc * (size_t)a->words;
  int changed = 0;
  for (int word = 0; word < a->words; word++) {
    uint64_t both = row[word] & from->bits[word];
    changed |= both != row[word];
    row[word] = both;
  }
  a->open[pc] = open;
  return changed;
}

/* What the instruction does to the row on the way to the next one: its writes, and what it makes unsure. */
static uint8_t apply(const Proto *p, int pc, Row *row) {
  Instruction i = p->code[pc];
  int ra = GETARG_A(i);
  switch (GET_OPCODE(i)) {
    case OP_LOADNIL: add(row, ra, ra + GETARG_B(i)); break;
    case OP_SELF: add(row, ra, ra + 1); break;
    case OP_NEWTABLE:
    case OP_CLOSURE:
    case OP_CONCAT: /* these may collect, with the stack above A counted as dead */
      drop(row, ra + 1);
      add(row, ra, ra);
      break;
    case OP_CLOSE: drop(row, ra); break;
    case OP_MMBIN:
    case OP_MMBINI:
    case OP_MMBINK: add(row, GETARG_A(p->code[pc - 1]), GETARG_A(p->code[pc - 1])); break;
    case OP_FORPREP: add(row, ra, ra + 3); break;
    case OP_TFORCALL:
      drop(row, ra + 4);
      add(row, ra + 4, ra + 3 + GETARG_C(i));
      break;
    case OP_TAILCALL: /* goes on behind it only if a native yielded */
      drop(row, ra);
      return (uint8_t)ra;
    case OP_CALL:
    case OP_VARARG: /* both take the place from A on for themselves */
      drop(row, ra);
      add(row, ra, ra + GETARG_C(i) - 2);
      return GETARG_C(i) == 0 ? (uint8_t)ra : NO_OPEN;
    case OP_FORLOOP: /* sets its four registers only on the way back, see `flow` */
    case OP_TFORLOOP:
    case OP_TESTSET:
    case OP_VARARGPREP: break;
    default:
      if (MODES[GET_OPCODE(i)] & OPMODE_SETS_A) add(row, ra, ra);
  }
  return NO_OPEN;
}

/* Carry row pc on to every instruction that may come next; answers whether an earlier row changed. */
static int flow(const Proto *p, Assigned *a, int pc) {
  Instruction i = p->code[pc];
  Row before = {{0}};
  memcpy(before.bits, a->rows + (size_t)pc * (size_t)a->words, sizeof(uint64_t) * (size_t)a->words);
  Row row = before;
  uint8_t open = apply(p, pc, &row);
  int ra = GETARG_A(i);
  OpCode op = GET_OPCODE(i);
  uint8_t mode = MODES[op];
  if (mode & OPMODE_TEST) { /* the jump behind it is part of it */
    int target = pc + 2 + GETARG_sJ(p->code[pc + 1]);
    if (op == OP_TESTSET) add(&row, ra, ra);
    meet(a, pc + 2, &before, NO_OPEN);
    return meet(a, target, &row, NO_OPEN) && target <= pc;
  }
  switch (op) {
    case OP_JMP: {
      int target = pc + 1 + GETARG_sJ(i);
      return meet(a, target, &row, NO_OPEN) && target <= pc;
    }
    case OP_RETURN:
    case OP_RETURN0:
    case OP_RETURN1: return 0;
    case OP_LFALSESKIP:
    case OP_LOADKX:
    case OP_NEWTABLE: meet(a, pc + 2, &row, NO_OPEN); return 0;
    case OP_SETLIST: meet(a, pc + (GETARG_k(i) ? 2 : 1), &row, NO_OPEN); return 0;
    case OP_FORPREP:
      meet(a, pc + GETARG_Bx(i) + 2, &before, NO_OPEN);
      meet(a, pc + 1, &row, NO_OPEN);
      return 0;
    case OP_TFORPREP: meet(a, pc + GETARG_Bx(i) + 1, &row, NO_OPEN); return 0;
    case OP_FORLOOP:
    case OP_TFORLOOP: {
      meet(a, pc + 1, &before, NO_OPEN);
      if (op == OP_FORLOOP) add(&row, ra, ra + 3);
      return meet(a, pc + 1 - GETARG_Bx(i), &row, NO_OPEN);
    }
    default:
      if (pc + 1 < a->count && (MODES[GET_OPCODE(p->code[pc + 1])] & OPMODE_FALLBACK)) {
        meet(a, pc + 2, &row, NO_OPEN);
        meet(a, pc + 1, &before, NO_OPEN);
        return 0;
      }
      meet(a, pc + 1, &row, open);
      return 0;
  }
}

Assigned *assigned_make(const Proto *p) {
  size_t count = (size_t)p->sizecode;
  int words = (p->maxstacksize + 63) / 64;
  if (words == 0) words = 1;
  Assigned *a = malloc(sizeof(Assigned) + count * (size_t)words * sizeof(uint64_t) + 2 * count);
  if (a == NULL) return NULL;
  a->code = p->code;
  a->id = p->id;
  a->count = p->sizecode;
  a->words = words;
  a->open = (uint8_t *)(a->rows + count * (size_t)words);
  a->fresh = a->open + count;
  memset(a->rows, 0xFF, count * (size_t)words * sizeof(uint64_t));
  memset(a->open, NO_OPEN, count);
  Row entry = {{0}};
  add(&entry, 0, p->numparams - 1);
  if (count) meet(a, 0, &entry, NO_OPEN);
  int again = 1;
  while (again) { /* a jump back may take registers away from rows already seen; rows only shrink, so this ends */
    again = 0;
    for (int pc = 0; pc < a->count; pc++) again |= flow(p, a, pc);
  }
  for (int pc = 0; pc < a->count; pc++) {
    int reg = GETARG_A(p->code[pc]);
    a->fresh[pc] = reg < 64 * words && !assigned_has(a, pc, reg);
  }
  return a;
}

int function_registers(const uint32_t *code, int count, int params, int slots, uint64_t *rows, uint8_t *open) {
  Proto p;
  memset(&p, 0, sizeof p);
  /* SAFETY: the analysis only reads the code; the caller keeps `count` instructions and as many rows alive. */
  p.code = (Instruction *)(uintptr_t)code;
  p.sizecode = count;
  p.numparams = (uint8_t)params;
  p.maxstacksize = (uint8_t)slots;
  Assigned *a = assigned_make(&p);
  if (a == NULL) return 0;
  for (int pc = 0; pc < count; pc++) {
    for (int word = 0; word < ROW_WORDS; word++) {
      rows[pc * ROW_WORDS + word] = word < a->words ? a->rows[(size_t)pc * (size_t)a->words + (size_t)word] : 0;
    }
    open[pc] = a->open[pc];
  }
  free(a);
  return 1;
}
