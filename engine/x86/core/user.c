/* Mode user64: ring 3 under the guest kernel. Its tables lie in guest memory (core.h, GUEST_x) and a KVM vCPU really uses
 * them; what its handlers do is the host's work. A system call is one step whose effect the host has computed before,
 * an exception ends the program in front of the instruction that raised it, as an uncaught signal does.
 */
#include "core.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRIES = 512, PRESENT = 1, LARGE = 0x80 };
#define ADDRESS_MASK 0x000ffffffffff000ull
#define NO_PAGE (~0ull)

/* Fills `frames` from the tables: which linear page leads to each frame of RAM. Every frame is mapped once at most. */
static void read_map(Machine *m, uint64_t table, int level, uint64_t linear) {
  for (uint64_t i = 0; i < ENTRIES; i++) {
    uint64_t entry, at = table + 8 * i;
    if (at + 8 > m->ram_size) return;
    memcpy(&entry, m->ram + at, 8);
    if (!(entry & PRESENT)) continue;
    uint64_t here = linear | i << (12 + 9 * (level - 1)), next = entry & ADDRESS_MASK;
    if (level == 4 && i >= ENTRIES / 2) here |= 0xffff000000000000ull;
    if (level > 1) read_map(m, next, level - 1, here);
    else if (next < m->ram_size) m->frames[next >> 12] = here;
  }
}

void user_forget_map(Machine *m) {
  free(m->frames);
  m->frames = NULL;
}

/* The address under which the program knows a byte of RAM: what traces and last writers name in user64. */
uint64_t shown_address(Machine *m, uint64_t physical) {
  if (!m->user64) return physical;
  if (!m->frames) {
    size_t count = m->ram_size >> 12;
    m->frames = malloc(count * sizeof *m->frames);
    if (!m->frames) return physical;
    for (size_t i = 0; i < count; i++) m->frames[i] = NO_PAGE;
    read_map(m, m->st.cr3 & ADDRESS_MASK, 4, 0);
  }
  uint64_t page = m->frames[physical >> 12];
  return page == NO_PAGE ? physical : page | (physical & 0xfff);
}

/* What the kernel's handlers do with an exception of ring 3: the program ends. RIP is where the CPU would have pushed it:
 * at the instruction that faulted, or after one that traps. */
int user_raise(Machine *m, unsigned vector, uint64_t return_rip, int is_fault) {
  int with_error = is_fault && (vector == 8 || (vector >= 10 && vector <= 14) || vector == 17);
  m->raised_error = with_error ? (int64_t)m->error : -1;
  if (is_fault && vector == 14) m->st.cr2 = m->fault_address;
  m->step_flags |= STEP_FAULT;
  m->st.rip = return_rip;
  m->st.halted = 1;
  m->dirty |= DIRTY_REGS | DIRTY_SEGMENTS;
  return RUN_EXCEPTION;
}

/* `syscall` leaves its own address behind and the flags as they were (SDM vol. 2, SYSCALL); `int 0x80` keeps all. */
int user_system_call(Machine *m, const Row *row, uint64_t next) {
  uint64_t flags = m->st.rflags;
  serve(m);
  if (!row->data) {
    m->st.gpr[RCX] = next;
    m->st.gpr[11] = flags;
  }
  if (m->service.sets_fs) {
    m->st.seg[FS].base = m->service.fs_base;
    m->dirty |= DIRTY_SEGMENTS;
  }
  if (m->service.maps) {
    m->dirty |= DIRTY_MEMORY;
    user_forget_map(m);
  }
  return STEP_DONE;
}

static int is_canonical(uint64_t address) { return (uint64_t)((int64_t)(address << 16) >> 16) == address; }

/* rdfsbase, wrfsbase and those of GS: row data = register | segment << 8 | writes << 16 | size << 24. */
int user_base(Machine *m, const Row *row) {
  uint64_t *base = &m->st.seg[row->data >> 8 & 0xff].base, *reg = &m->st.gpr[row->data & 0xff];
  uint64_t mask = row->data >> 24 == 8 ? ~0ull : 0xffffffff;
  if (!(row->data >> 16 & 0xff)) {
    *reg = *base & mask;
    return STEP_DONE;
  }
  if (!is_canonical(*reg & mask)) {
    m->error = 0;
    return STEP_RAISED | 13;
  }
  *base = *reg & mask;
  m->dirty |= DIRTY_SEGMENTS;
  return STEP_DONE;
}

/* Whether an operand that must lie at a multiple of its size does not: #GP, which an emulator does not raise. */
int misaligned(const Machine *m, const Row *row) {
  for (int i = 0; i < row->operand_count; i++) {
    const MemoryOperand *op = &row->operands[i];
    uint32_t unit = op->size > 64 ? 16 : op->size; /* fxsave asks for 16 */
    if (op->access & ACCESS_ALIGNED && linear_of(m, op->segment, operand_offset(m, op)) % unit) return 1;
  }
  return 0;
}

/* What CPUs report differently about floating point is no part of the state: the sticky exception bits of both status
 * words, and C1. The instructions that would show them do not run on KVM (decoder.py). */
void canonical_fpu(CpuState *st) {
  st->fpu[2] = 0;
  st->fpu[3] &= 0x7d; /* not C1, not busy */
  st->fpu[24] &= 0xc0;
}

/* The flags of a subtraction (SDM vol. 1, 3.4.3.1), as cmps and scas leave them. */
static void compare(Machine *m, uint64_t a, uint64_t b, uint32_t size) {
  uint32_t bits = 8 * size;
  uint64_t mask = bits == 64 ? ~0ull : (1ull << bits) - 1, top = 1ull << (bits - 1), result = (a - b) & mask;
  uint64_t flags = m->st.rflags & ~(uint64_t)(FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF);
  if (a < b) flags |= FLAG_CF;
  if (!(__builtin_popcountll(result & 0xff) & 1)) flags |= FLAG_PF;
  if ((a ^ b ^ result) & 0x10) flags |= FLAG_AF;
  if (!result) flags |= FLAG_ZF;
  if (result & top) flags |= FLAG_SF;
  if ((a ^ b) & (a ^ result) & top) flags |= FLAG_OF;
  m->st.rflags = flags;
}

/* One element at a linear address, which is mapped: protected_room has looked. */
static uint64_t element(Machine *m, uint64_t linear, uint32_t size, const uint64_t *value) {
  uint64_t found = 0;
  for (uint32_t done = 0; done < size;) {
    uint64_t physical;
    uint32_t here = (uint32_t)(0x1000 - ((linear + done) & 0xfff));
    if (here > size - done) here = size - done;
    if (!translate(m, linear + done, 0, &physical, NULL) && physical + here <= m->ram_size) {
      if (value) memcpy(m->ram + physical, (const uint8_t *)value + done, here);
      else memcpy((uint8_t *)&found + done, m->ram + physical, here);
    }
    done += here;
  }
  return found;
}

static void advance(Machine *m, const Row *row, uint32_t number, int64_t by) {
  uint64_t now = m->st.gpr[number] + (uint64_t)by;
  m->st.gpr[number] = row->address_bits == 32 ? (uint32_t)now : now;
}

/* A rep string instruction, all of it: a vCPU that is single-stepped would stop at every element. */
int user_string(Machine *m, const Row *row) {
  uint8_t what = row->bytes[row->length - 1] & 0xfe;
  int is_repne = 0, compares = what == 0xa6 || what == 0xae;
  for (int i = 0; i < row->length - 1; i++) is_repne = row->bytes[i] == 0xf2 ? 1 : row->bytes[i] == 0xf3 ? 0 : is_repne;
  uint32_t size = row->operands[0].size;
  uint64_t mask = size == 8 ? ~0ull : (1ull << 8 * size) - 1;
  int64_t by = m->st.rflags & FLAG_DF ? -(int64_t)size : (int64_t)size;
  const MemoryOperand *source = NULL, *target = NULL;
  for (int i = 0; i < row->operand_count; i++) {
    if (row->operands[i].base == RSI) source = &row->operands[i];
    else target = &row->operands[i];
  }
  while (rep_count(row, &m->st)) {
    uint64_t value = m->st.gpr[RAX] & mask;
    if (source) value = element(m, linear_of(m, source->segment, operand_offset(m, source)), size, NULL);
    uint64_t at = target ? linear_of(m, target->segment, operand_offset(m, target)) : 0;
    if (compares) compare(m, value, element(m, at, size, NULL), size);
    else if (target) element(m, at, size, &value);
    else m->st.gpr[RAX] = size == 4 ? value : (m->st.gpr[RAX] & ~mask) | value;
    if (source) advance(m, row, RSI, by);
    if (target) advance(m, row, RDI, by);
    advance(m, row, RCX, -1);
    if (compares && (m->st.rflags & FLAG_ZF ? 1 : 0) == is_repne) break;
  }
  m->st.rip += row->length;
  m->dirty |= DIRTY_REGS;
  return STEP_DONE;
}
