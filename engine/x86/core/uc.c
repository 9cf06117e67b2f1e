/* The software backend: Unicorn, recorded by hooks in C. Unicorn's own header documents the calls.
 *
 * The code hook runs before every instruction: it closes the step before it and opens the next one. When the next
 * instruction is not a plain one, it stops the engine, and exec.c goes on. Unicorn leaves interrupt delivery and real
 * mode's segment limits to its user; exec.c does the former on every CPU, and is_simple the latter.
 *
 * Unicorn's interface depends on the width that an engine was opened with, so there is one for real mode, one for
 * protected and one for long mode, opened when they are needed; all have the same RAM, and one of them is in use.
 */
#include "core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicorn/unicorn.h>

#define NOWHERE (1ull << 40) /* the address at which Unicorn would stop: no instruction lies there */
#define TABLE_ADDRESS 0xffff0000ull /* descriptors of ours, through which segments get into an engine */
#define PHYSICAL_END (1ull << 52)   /* no entry of a page table leads further; from the end of RAM on nothing is there */

enum { STRETCH, SINGLE };
enum { JUMPED_AWAY = -1 }; /* the instruction is done, and where it led there is no page */

enum { REAL, PROTECTED, LONG, WIDTHS };

typedef struct Uc {
  uc_engine *uc;     /* the one in use, and its state as opened, without any exception behind it */
  uc_context *fresh;
  uc_engine *engines[WIDTHS];
  uc_context *as_opened[WIDTHS];
  uint64_t table[SEGMENTS + 1]; /* what an engine reads at TABLE_ADDRESS while segments are loaded into it */
  int is_loading;
  int width;
  TraceBatch *trace;
  uint64_t until, address; /* linear address of the instruction in progress */
  uint32_t sp; /* before a call */
  int how, entered, ended, vector;
} Uc;

static const int GENERAL[16] = {UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX, UC_X86_REG_RSP, UC_X86_REG_RBP,
                                UC_X86_REG_RSI, UC_X86_REG_RDI, UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
                                UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15};
static const int GENERAL_32[9] = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,   UC_X86_REG_ESP,
                                  UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI, UC_X86_REG_EFLAGS};
static const int SEGMENT_REGISTERS[SEGMENTS] = {UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS,
                                                UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS};

static int fail(Machine *m, const char *what, uc_err error) {
  snprintf(m->message, sizeof m->message, "%s: %s", what, uc_strerror(error));
  return RUN_FAILED;
}

static void take_regs(Machine *m) {
  Uc *u = m->cpu_data;
  uint32_t v[9] = {0};
  void *at[9] = {v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7, v + 8};
  if (u->width == LONG) {
    for (int i = 0; i < 16; i++) uc_reg_read(u->uc, GENERAL[i], &m->st.gpr[i]);
    uc_reg_read(u->uc, UC_X86_REG_EFLAGS, &v[8]);
    m->st.rflags = (v[8] & FLAGS_VISIBLE & ~(uint32_t)FLAG_TF) | 2 | (m->st.rflags & FLAG_TF);
    return;
  }
  uc_reg_read_batch(u->uc, GENERAL_32, at, 9);
  for (int i = 0; i < 8; i++) m->st.gpr[i] = v[i];
  m->st.rflags = (v[8] & FLAGS_VISIBLE & ~(uint32_t)FLAG_TF) | 2 | (m->st.rflags & FLAG_TF);
}

static void take_segments(Machine *m) {
  Uc *u = m->cpu_data;
  for (int i = 0; i < SEGMENTS; i++) {
    uint16_t selector = 0;
    uc_reg_read(u->uc, SEGMENT_REGISTERS[i], &selector);
    m->st.seg[i].selector = selector;
    m->st.seg[i].base = (uint64_t)selector << 4;
  }
}

static uint64_t descriptor_of(const Segment *s) {
  uint64_t limit = s->attributes & ATTRIBUTE_G ? s->limit >> 12 : s->limit, attributes = s->attributes;
  attributes &= ~0x60ull; /* an engine is in ring 0; what ring 3 may not do is refused before */
  if (!(attributes & 0x80)) attributes = 0xc093, limit = 0xfffff; /* null: protected.c lets nobody use it */
  return (limit & 0xffff) | (s->base & 0xffffff) << 16 | (attributes & 0xf0ff) << 40 | (limit & 0xf0000) << 32 | (s->base & 0xff000000) << 32;
}

/* Control registers and segments go into an engine that is as it was opened: flat, protected, without paging. The
 * selectors in it are ours; the guest's are only ever read by system.c. */
static void push_protected(Machine *m, Uc *u) {
  note_call(m, CALL_UC_CONTEXT_RESTORE, uc_context_restore(u->uc, u->fresh), 0, ARGUMENTS(0));
  uc_x86_mmr table = {.base = TABLE_ADDRESS, .limit = 8 * SEGMENTS + 7};
  for (int i = 0; i < SEGMENTS; i++) u->table[i + 1] = descriptor_of(&m->st.seg[i]);
  u->is_loading = 1;
  uc_reg_write(u->uc, UC_X86_REG_GDTR, &table);
  for (int i = 0; i < SEGMENTS; i++) {
    uint16_t selector = (uint16_t)(8 * (i + 1));
    if (u->width == LONG && code_bits(m) == 64 && i == CS) continue; /* it is as opened */
    uc_reg_write(u->uc, SEGMENT_REGISTERS[i], &selector);
  }
  u->is_loading = 0;
  if (u->width == LONG) {
    uc_reg_write(u->uc, UC_X86_REG_FS_BASE, &m->st.seg[FS].base);
    uc_reg_write(u->uc, UC_X86_REG_GS_BASE, &m->st.seg[GS].base);
  }
  uc_reg_write(u->uc, UC_X86_REG_CR4, &m->st.cr4);
  uc_reg_write(u->uc, UC_X86_REG_CR3, &m->st.cr3);
  uc_reg_write(u->uc, UC_X86_REG_CR0, &m->st.cr0);
  if (u->width == LONG) {
    uc_x86_msr efer = {.rid = 0xc0000080, .value = m->st.efer};
    uc_reg_write(u->uc, UC_X86_REG_MSR, &efer);
  }
  uc_ctl_flush_tlb(u->uc);
}

static void push_real(Machine *m, Uc *u) {
  uint64_t cr0 = m->st.cr0, cr4 = m->st.cr4;
  uc_reg_write(u->uc, UC_X86_REG_CR0, &cr0);
  uc_reg_write(u->uc, UC_X86_REG_CR4, &cr4);
  for (int i = 0; i < SEGMENTS; i++) uc_reg_write(u->uc, SEGMENT_REGISTERS[i], &m->st.seg[i].selector);
}

/* FXSAVE keeps ST(0) first and one tag bit a register (1 = in use); Unicorn has physical registers and two tag bits. */
static void push_fpu(Machine *m, Uc *u) {
  const uint8_t *x = m->st.fpu;
  uint16_t control, status, tags = 0;
  uint32_t mxcsr;
  memcpy(&control, x, 2);
  memcpy(&status, x + 2, 2);
  memcpy(&mxcsr, x + 24, 4);
  int top = status >> 11 & 7;
  for (int i = 0; i < 8; i++) {
    if (!(x[4] >> i & 1)) tags |= (uint16_t)(3 << 2 * i);
    uc_reg_write(u->uc, UC_X86_REG_FP0 + i, x + 32 + 16 * ((i - top) & 7));
  }
  for (int i = 0; i < (u->width == LONG ? 16 : 8); i++) uc_reg_write(u->uc, UC_X86_REG_XMM0 + i, x + 160 + 16 * i);
  uc_reg_write(u->uc, UC_X86_REG_FPCW, &control);
  uc_reg_write(u->uc, UC_X86_REG_FPSW, &status);
  uc_reg_write(u->uc, UC_X86_REG_FPTAG, &tags);
  uc_reg_write(u->uc, UC_X86_REG_MXCSR, &mxcsr);
}

static void take_fpu(Machine *m, Uc *u) {
  uint8_t *x = m->st.fpu;
  uint16_t control = 0, status = 0, tags = 0;
  uint32_t mxcsr = 0;
  memset(x, 0, 160); /* xmm8 to xmm15 are kept while the CPU is in a mode that does not reach them */
  uc_reg_read(u->uc, UC_X86_REG_FPCW, &control);
  uc_reg_read(u->uc, UC_X86_REG_FPSW, &status);
  uc_reg_read(u->uc, UC_X86_REG_FPTAG, &tags);
  uc_reg_read(u->uc, UC_X86_REG_MXCSR, &mxcsr);
  control = (control & 0x1f3f) | 0x40; /* as processors have it */
  int top = status >> 11 & 7;
  for (int i = 0; i < 8; i++) {
    if ((tags >> 2 * i & 3) != 3) x[4] |= (uint8_t)(1 << i);
    uc_reg_read(u->uc, UC_X86_REG_FP0 + i, x + 32 + 16 * ((i - top) & 7));
  }
  for (int i = 0; i < (u->width == LONG ? 16 : 8); i++) uc_reg_read(u->uc, UC_X86_REG_XMM0 + i, x + 160 + 16 * i);
  memcpy(x, &control, 2);
  memcpy(x + 2, &status, 2);
  memcpy(x + 24, &mxcsr, 4);
  if (m->user64) canonical_fpu(&m->st);
}

static uc_err open_engine(Machine *m, Uc *u, int width);

/* Uses the engine for the mode that the machine is in now. -1 when it cannot be opened. */
static int choose(Machine *m, Uc *u) {
  int width = !is_protected(m) ? REAL : m->st.efer & EFER_LMA ? LONG : PROTECTED;
  if (width == u->width) return 0;
  if (!(m->dirty & DIRTY_FPU)) take_fpu(m, u);
  if (!u->engines[width]) {
    uc_err error = open_engine(m, u, width);
    if (error) {
      fail(m, "opening Unicorn", error);
      return -1;
    }
  }
  u->width = width;
  u->uc = u->engines[width];
  u->fresh = u->as_opened[width];
  m->dirty = DIRTY_ALL;
  return 0;
}

/* Gives the engine what changed in `st`; RIP goes with uc_emu_start. */
static void push(Machine *m, Uc *u) {
  if (m->dirty & DIRTY_MEMORY) {
    uc_ctl_flush_tb(u->uc);
    note_call(m, CALL_UC_FLUSH, uc_ctl_flush_tlb(u->uc), 0, ARGUMENTS(0));
  }
  if (m->dirty & DIRTY_SEGMENTS)
    note_call(m, CALL_UC_SEGMENTS, 0, 0, ARGUMENTS(m->st.cr0, m->st.cr3, m->st.cr4, m->st.efer, m->st.seg[CS].selector, m->st.seg[CS].base));
  if (m->dirty & DIRTY_SEGMENTS && u->width == REAL) push_real(m, u);
  if (m->dirty & DIRTY_SEGMENTS && u->width != REAL) {
    if (!(m->dirty & DIRTY_FPU)) take_fpu(m, u);
    push_protected(m, u);
    m->dirty = DIRTY_ALL;
  }
  if (m->dirty & DIRTY_REGS) {
    int count = u->width == LONG ? 16 : 8;
    note_call(m, CALL_UC_REGISTERS, 0, 0,
              ARGUMENTS(m->st.rip, m->st.rflags, m->st.gpr[RAX], m->st.gpr[RCX], m->st.gpr[RDX], m->st.gpr[RSP]));
    for (int i = 0; i < count; i++) uc_reg_write(u->uc, u->width == LONG ? GENERAL[i] : GENERAL_32[i], &m->st.gpr[i]);
  }
  /* Always: a stopped engine keeps flags in two places, and some instructions then take a stale one. */
  uint32_t flags = (uint32_t)m->st.rflags & ~(uint32_t)FLAG_TF;
  uc_reg_write(u->uc, UC_X86_REG_EFLAGS, &flags);
  if (m->dirty & DIRTY_FPU) {
    note_call(m, CALL_UC_FPU, 0, 0, ARGUMENTS(0));
    push_fpu(m, u);
  }
  m->dirty = 0;
}

/* In a stretch: the instruction before has ended at `address`. */
static int close_step(Machine *m, Uc *u, uint64_t address) {
  if (u->trace) take_regs(m);
  if (m->row->traits & TRAIT_SEGMENTS) take_segments(m);
  m->st.rip = address - m->st.seg[CS].base;
  return finish_plain(m, STEP_DONE, u->trace);
}

static uint32_t stack_pointer(Uc *u) {
  uint32_t sp = 0;
  uc_reg_read(u->uc, UC_X86_REG_ESP, &sp);
  return sp;
}

/* The hook was called again at the address of the step in progress. That is no new step when it is a further iteration
 * of a rep, or when the engine starts the instruction again because it is about to write into the code around it. An
 * instruction that does not jump cannot come right after itself; a call that leads to itself has moved the stack. */
static int is_same_step(Machine *m, Uc *u) {
  if (m->row->traits & TRAIT_REP) return 1;
  if (m->row->traits & TRAIT_CALL) return stack_pointer(u) == u->sp;
  if (m->row->traits & TRAIT_JUMP) return 0;
  m->input_used = m->output_count = 0;
  return 1;
}

static void on_code(uc_engine *uc, uint64_t address, uint32_t size, void *user) {
  (void)size;
  Machine *m = user;
  Uc *u = m->cpu_data;
  if (u->ended || u->vector >= 0) {
    uc_emu_stop(uc);
    return;
  }
  if (m->row && address == u->address && (!u->entered || is_same_step(m, u))) {
    u->entered = 1;
    return;
  }
  if (u->how == SINGLE) {
    uc_emu_stop(uc);
    return;
  }
  if (m->row && (u->ended = close_step(m, u, address))) {
    uc_emu_stop(uc);
    return;
  }
  const Row *row;
  u->ended = gate(m, u->until, u->trace, &row);
  if (!u->ended && row->traits & TRAIT_CHECK && !u->trace) take_regs(m);
  if (u->ended || !is_simple(m, row)) {
    uc_emu_stop(uc);
    return;
  }
  step_begin(m, row, u->trace != NULL);
  if (row->traits & TRAIT_CALL) u->sp = stack_pointer(u);
  u->address = address;
  u->entered = 1;
}

static void on_exception(uc_engine *uc, uint32_t vector, void *user) {
  Machine *m = user;
  Uc *u = m->cpu_data;
  if (u->vector < 0) u->vector = (int)vector;
  uc_emu_stop(uc);
}

static bool on_invalid(uc_engine *uc, void *user) {
  (void)uc;
  Machine *m = user;
  Uc *u = m->cpu_data;
  u->vector = 6;
  return false;
}

static uint32_t on_in(uc_engine *uc, uint32_t port, int size, void *user) {
  (void)uc;
  (void)port;
  (void)size;
  return take_input(user);
}

static void on_out(uc_engine *uc, uint32_t port, int size, uint32_t value, void *user) {
  (void)uc;
  (void)port;
  give_output(user, size == 4 ? value : value & ((1u << 8 * size) - 1));
}

static uint64_t on_hole_read(uc_engine *uc, uint64_t offset, unsigned size, void *user) {
  (void)uc;
  Machine *m = user;
  Uc *u = m->cpu_data;
  uint64_t address = m->ram_size + offset, value = 0;
  if (u->is_loading && address - TABLE_ADDRESS <= sizeof u->table - size) {
    memcpy(&value, (const uint8_t *)u->table + (address - TABLE_ADDRESS), size);
    return value;
  }
  note_unbacked(m, address, size, 0, ~0ull);
  return ~0ull;
}

static void on_hole_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user) {
  (void)uc;
  Machine *m = user;
  note_unbacked(m, m->ram_size + offset, size, 1, value);
}

static void on_audit(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value, void *user) {
  (void)uc;
  (void)type;
  (void)value;
  Machine *m = user;
  if (m->row && m->recording && !step_covers(m, address, (uint32_t)size)) {
    m->audit_failures++;
    m->audit_address = address;
  }
}

/* Runs the engine. 0 when it stopped between instructions; else how the instruction in progress ended. */
static int engine(Machine *m, Uc *u) {
  if (choose(m, u)) return RUN_FAILED;
  push(m, u);
  u->ended = 0;
  u->vector = -1;
  uint64_t begun = m->st.tick, start = u->width == REAL ? m->st.seg[CS].base + m->st.rip : m->st.rip;
  uc_err error = uc_emu_start(u->uc, start, NOWHERE, 0, 0);
  uint64_t vector = u->vector >= 0 ? (uint64_t)u->vector + 1 : 0;
  note_call(m, CALL_UC_START, error, (uint32_t)u->how, ARGUMENTS(start, NOWHERE, begun, vector));
  take_regs(m);
  if (u->vector >= 0 || error == UC_ERR_READ_UNMAPPED || error == UC_ERR_WRITE_UNMAPPED) {
    /* Unicorn still remembers the exception that it did not deliver, and would make the next one a double fault. */
    if (!(m->row->traits & TRAIT_REP)) m->st.rflags = m->before.rflags; /* Unicorn's own are not exact at a fault */
    uint64_t ip = 0;
    uc_reg_read(u->uc, u->width == LONG ? UC_X86_REG_RIP : UC_X86_REG_EIP, &ip);
    take_fpu(m, u);
    note_call(m, CALL_UC_CONTEXT_RESTORE, uc_context_restore(u->uc, u->fresh), 0, ARGUMENTS(0));
    if (u->width != REAL && m->row->traits & TRAIT_JUMP && ip != m->before.rip) {
      m->st.rip = ip & ip_mask(m);
      m->dirty = DIRTY_ALL;
      return JUMPED_AWAY;
    }
    m->st.rip = m->before.rip;
    m->dirty |= DIRTY_REGS | DIRTY_SEGMENTS | DIRTY_FPU;
    m->fault_address = m->st.cr2;
    return STEP_RAISED | (u->vector >= 0 ? u->vector & 0xff : 13);
  }
  if (error && error != UC_ERR_FETCH_UNMAPPED && error != UC_ERR_FETCH_PROT) return fail(m, "uc_emu_start", error);
  return 0;
}

static void take_position(Machine *m, Uc *u) {
  uint64_t ip = 0;
  if (u->width == REAL) take_segments(m);
  uc_reg_read(u->uc, u->width == LONG ? UC_X86_REG_RIP : UC_X86_REG_EIP, &ip);
  m->st.rip = ip & ip_mask(m);
}

/* Some versions come back from an instruction that they do not know without a word, and without having moved. */
static int has_not_moved(const Machine *m) {
  return !(m->row->traits & (TRAIT_REP | TRAIT_JUMP)) && m->st.rip == m->before.rip;
}

/* What Unicorn leaves otherwise than processors do: an MMX register that is written gets all ones for sign and exponent (SDM
 * vol. 1, 9.5.1); x87's control word keeps no reserved bits (take_fpu drops them); emms makes register 0 the top; fcomi clears OF, SF and AF; and cmpxchg
 * leaves the upper half of a register alone that it does not write. `gpr`: before the step. */
static void mend(Machine *m, Uc *u, const uint64_t *gpr) {
  const Row *row = m->row;
  if (row->mend & (MEND_CONTROL | MEND_TOP | 0xff)) {
    take_fpu(m, u);
    uint32_t top = m->st.fpu[3] >> 3 & 7;
    if (row->mend & MEND_TOP) {
      uint8_t stack[128];
      memcpy(stack, m->st.fpu + 32, sizeof stack);
      for (uint32_t i = 0; i < 8; i++) memcpy(m->st.fpu + 32 + 16 * i, stack + 16 * ((i - top) & 7), 16);
      m->st.fpu[3] &= 0xc7;
    }
    for (uint32_t i = 0; i < 8; i++) {
      if (row->mend >> i & 1) memset(m->st.fpu + 32 + 16 * ((i - top) & 7) + 8, 0xff, 2);
    }
    m->dirty |= DIRTY_FPU;
  }
  if (row->mend & MEND_COMPARE) m->st.rflags &= ~(uint64_t)(FLAG_OF | FLAG_SF | FLAG_AF);
  if (row->mend & MEND_EXCHANGE) {
    uint32_t kept = m->st.rflags & FLAG_ZF ? RAX : row->data;
    if (kept < 16) m->st.gpr[kept] = (gpr[kept] & ~0xffffffffull) | (uint32_t)m->st.gpr[kept];
  }
  m->dirty |= DIRTY_REGS;
}

static int uc_step(Machine *m, const Row *row) {
  Uc *u = m->cpu_data;
  if (row->kind == KIND_HLT) {
    m->st.rip = (m->st.rip + row->length) & ip_mask(m);
    return STEP_DONE;
  }
  uint64_t gpr[16];
  memcpy(gpr, m->st.gpr, sizeof gpr);
  u->how = SINGLE;
  u->entered = 0;
  u->trace = NULL;
  u->address = linear_of(m, CS, m->st.rip);
  int ended = engine(m, u);
  if (ended == JUMPED_AWAY) return STEP_DONE;
  if (ended) return ended;
  take_position(m, u);
  if (has_not_moved(m)) return STEP_RAISED | 6;
  if (row->mend) mend(m, u, gpr);
  return STEP_DONE;
}

/* Executes plain rows until something else comes. 0 when exec.c has to look at the next row itself. */
static int uc_run_plain(Machine *m, uint64_t until, TraceBatch *trace) {
  Uc *u = m->cpu_data;
  u->how = STRETCH;
  u->until = until;
  u->trace = trace;
  u->entered = 0;
  m->row = NULL;
  int ended = engine(m, u);
  if (ended == RUN_FAILED) return ended;
  if (ended) return finish_plain(m, ended, trace);
  if (!m->row) return u->ended;
  take_position(m, u); /* it went where nothing can be fetched */
  return finish_plain(m, has_not_moved(m) ? STEP_RAISED | 6 : STEP_DONE, trace);
}

static void uc_poke(Machine *m, uint64_t address, const void *bytes, uint32_t size) {
  Uc *u = m->cpu_data;
  uc_mem_write(u->uc, address, bytes, size); /* not memcpy: translated code may lie there */
}

static void uc_pull(Machine *m) {
  if (!(m->dirty & DIRTY_FPU)) take_fpu(m, m->cpu_data);
}

static void uc_enter(Machine *m, int entering) {
  (void)m;
  (void)entering;
}

static void uc_destroy(Machine *m) {
  Uc *u = m->cpu_data;
  for (int i = 0; i < WIDTHS; i++) {
    if (u->as_opened[i]) uc_context_free(u->as_opened[i]);
    if (u->engines[i]) uc_close(u->engines[i]);
  }
  free(u);
  m->cpu_data = NULL;
}

static const Cpu UC_CPU = {
    .name = "unicorn",
    .keeps_limits = 0,
    .step = uc_step,
    .run_plain = uc_run_plain,
    .poke = uc_poke,
    .pull = uc_pull,
    .enter = uc_enter,
    .destroy = uc_destroy,
};

/* SAFETY: Unicorn keeps the pointers to `m` and to its RAM; uc_close comes before both are freed. The hooks' types
 * differ, which uc_hook_add takes as void *: a function pointer fits into one on every system that Unicorn runs on. */
static uc_err open_engine(Machine *m, Uc *u, int width) {
  static const uc_mode modes[WIDTHS] = {UC_MODE_16, UC_MODE_32, UC_MODE_64};
  uc_engine *uc;
  uc_hook hook;
  uc_err error = uc_open(UC_ARCH_X86, modes[width], &uc);
  if (note_setup(m, CALL_UC_OPEN, error, ARGUMENTS(UC_ARCH_X86, modes[width]))) return error;
  u->engines[width] = uc;
  /* The default, 1 GiB, is really used by a program that changes its code all the time. */
  note_setup(m, CALL_UC_CONTROL, uc_ctl_set_tcg_buffer_size(uc, 16u << 20), ARGUMENTS(0, 16u << 20));
  /* knows popcnt, lzcnt, tzcnt, movbe */
  note_setup(m, CALL_UC_CONTROL, uc_ctl_set_cpu_model(uc, UC_CPU_X86_HASWELL), ARGUMENTS(1, UC_CPU_X86_HASWELL));
  error = uc_mem_map_ptr(uc, 0, m->ram_size, UC_PROT_ALL, m->ram);
  if (note_setup(m, CALL_UC_MAP, error, ARGUMENTS(0, m->ram_size, UC_PROT_ALL))) return error;
  uint64_t hole = (width == LONG ? PHYSICAL_END : 1ull << 32) - m->ram_size;
  error = uc_mmio_map(uc, m->ram_size, hole, on_hole_read, m, on_hole_write, m);
  if (note_setup(m, CALL_UC_MMIO, error, ARGUMENTS(m->ram_size, hole))) return error;
  const struct { int type, instruction; void *callback; } hooks[] = {
      {UC_HOOK_CODE, 0, (void *)on_code},
      {UC_HOOK_INTR, 0, (void *)on_exception},
      {UC_HOOK_INSN_INVALID, 0, (void *)on_invalid},
      {UC_HOOK_INSN, UC_X86_INS_IN, (void *)on_in},
      {UC_HOOK_INSN, UC_X86_INS_OUT, (void *)on_out},
      {UC_HOOK_MEM_WRITE, 0, (void *)on_audit},
  };
  size_t count = sizeof hooks / sizeof *hooks - (m->audit ? 0 : 1);
  for (size_t i = 0; i < count && !error; i++) {
    error = uc_hook_add(uc, &hook, hooks[i].type, hooks[i].callback, m, 1, 0, hooks[i].instruction);
    note_setup(m, CALL_UC_HOOK, error, ARGUMENTS((uint64_t)hooks[i].type, (uint64_t)hooks[i].instruction));
  }
  if (error || (error = uc_context_alloc(uc, &u->as_opened[width]))) return error;
  error = uc_context_save(uc, u->as_opened[width]);
  note_setup(m, CALL_UC_CONTEXT_SAVE, error, ARGUMENTS(0));
  return error;
}

int uc_attach(Machine *m) {
  Uc *u = calloc(1, sizeof *u);
  if (!u) return -1;
  m->cpu_data = u;
  uc_err error = open_engine(m, u, REAL);
  if (error) {
    fail(m, "opening Unicorn", error);
    uc_destroy(m);
    return -1;
  }
  u->uc = u->engines[REAL];
  u->fresh = u->as_opened[REAL];
  m->cpu = &UC_CPU;
  return 0;
}
