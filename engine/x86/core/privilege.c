/* Rings: descriptors with their checks, gates through which privilege rises, and the ways back. SDM vol. 3, chapters 5
 * (protection), 6 (interrupts) and 7 (the TSS, of which only the stacks and the I/O map are used: task switches by hardware
 * are refused); vol. 2 for each instruction.
 *
 * The vCPU or emulator below never leaves ring 0: what depends on the ring is decided here and in protected.c.
 */
#include "core.h"

#include <string.h>

enum { TYPE_LDT = 2, TYPE_TASK_GATE = 5, TYPE_CALL_16 = 4, TYPE_TSS = 9, TYPE_TSS_BUSY = 11, TYPE_CALL = 12 };
enum { IS_SEGMENT = 0x10, IS_PRESENT = 0x80, IS_CODE = 8, IS_CONFORMING = 4, IS_ALLOWED = 2 }; /* of `attributes` */
#define FLAG_NT 0x4000ull
#define FLAG_IOPL 0x3000ull
#define FLAG_VM 0x20000ull
#define LONG_MODE(m) ((m)->st.efer & EFER_LMA ? 1 : 0)

typedef struct Descriptor {
  uint64_t low, high, at; /* `high`: the second half of a system descriptor in long mode */
  uint16_t selector, attributes;
  int level;
} Descriptor;

int ring(const Machine *m) { return is_protected(m) ? m->st.seg[CS].selector & 3 : 0; }

static int refuse(Machine *m, int vector, uint32_t error) {
  m->error = error;
  return vector;
}

static int is_canonical(uint64_t address) { return (uint64_t)((int64_t)(address << 16) >> 16) == address; }

/* Fetches what a selector points at. 0, or #GP (or `vector`, #TS on the way to a stack) about it. */
static int find(Machine *m, uint16_t selector, int vector, Descriptor *d) {
  uint64_t base = selector & 4 ? m->st.ldt.base : m->st.gdt_base;
  uint32_t limit = selector & 4 ? m->st.ldt.limit : m->st.gdt_limit;
  *d = (Descriptor){.selector = selector, .at = base + (selector & ~7u)};
  if (!(selector & ~3u)) return refuse(m, vector, 0);
  if ((selector & 4 && !(m->st.ldt.attributes & IS_PRESENT)) || (selector | 7u) > limit) return refuse(m, vector, selector & ~3u);
  int found = read_linear(m, d->at, &d->low, 8);
  if (found) return found;
  d->attributes = (uint16_t)(d->low >> 40 & 0xf0ff);
  d->level = d->attributes >> 5 & 3;
  if (LONG_MODE(m) && !(d->attributes & IS_SEGMENT)) {
    if ((selector | 7u) + 8 > limit) return refuse(m, vector, selector & ~3u);
    return read_linear(m, d->at + 8, &d->high, 8);
  }
  return 0;
}

static int mark_accessed(Machine *m, const Descriptor *d) {
  uint8_t type = (uint8_t)(d->attributes | 1);
  return d->attributes & 1 ? 0 : write_linear(m, d->at + 5, &type, 1);
}

/* Puts a descriptor into a segment register's cache, with `level` as the selector's. */
static int fill(Machine *m, int number, const Descriptor *d, int level) {
  Segment *s = number == LDT_NUMBER ? &m->st.ldt : number == TR_NUMBER ? &m->st.tr : &m->st.seg[number];
  uint32_t limit = (uint32_t)((d->low & 0xffff) | (d->low >> 32 & 0xf0000));
  int vector = d->attributes & IS_SEGMENT ? mark_accessed(m, d) : 0;
  if (vector) return vector;
  s->selector = (uint16_t)((d->selector & ~3u) | (uint32_t)level);
  s->attributes = d->attributes | (d->attributes & IS_SEGMENT ? 1 : 0);
  s->limit = d->attributes & ATTRIBUTE_G ? limit << 12 | 0xfff : limit;
  s->base = (d->low >> 16 & 0xffffff) | (d->low >> 32 & 0xff000000) | (d->high & 0xffffffff) << 32;
  if (number == CS && LONG_MODE(m) && d->attributes & ATTRIBUTE_L) s->base = 0;
  m->dirty |= DIRTY_SEGMENTS;
  return 0;
}

/* A stack segment for ring `level`; complaints are #GP, or #TS on the way through a gate. */
static int load_stack(Machine *m, uint16_t selector, int level, int vector) {
  Descriptor d;
  int found = find(m, selector, vector, &d);
  if (found) return found;
  int is_good = d.attributes & IS_SEGMENT && !(d.attributes & IS_CODE) && d.attributes & IS_ALLOWED;
  if (!is_good || (selector & 3) != level || d.level != level) return refuse(m, vector, selector & ~3u);
  if (!(d.attributes & IS_PRESENT)) return refuse(m, 12, selector & ~3u);
  return fill(m, SS, &d, level);
}

/* mov, pop and the like to DS, ES, FS, GS and SS. 0, or the exception. */
int load_segment(Machine *m, int number, uint16_t selector) {
  Descriptor d;
  int level = ring(m);
  m->dirty |= DIRTY_SEGMENTS;
  if (!(selector & ~3u)) {
    if (number == SS && (code_bits(m) != 64 || level == 3 || (selector & 3) != level)) return refuse(m, 13, 0);
    uint64_t base = LONG_MODE(m) && (number == FS || number == GS) ? 0 : m->st.seg[number].base;
    m->st.seg[number] = (Segment){.selector = selector, .base = code_bits(m) == 64 ? base : 0};
    return 0;
  }
  if (number == SS) return load_stack(m, selector, level, 13);
  int vector = find(m, selector, 13, &d);
  if (vector) return vector;
  int is_code = d.attributes & IS_CODE, is_conforming = is_code && d.attributes & IS_CONFORMING;
  int is_good = d.attributes & IS_SEGMENT && (!is_code || d.attributes & IS_ALLOWED);
  if (!is_good || (!is_conforming && ((selector & 3) > d.level || level > d.level))) return refuse(m, 13, selector & ~3u);
  if (!(d.attributes & IS_PRESENT)) return refuse(m, 11, selector & ~3u);
  return fill(m, number, &d, selector & 3);
}

static int check_code(Machine *m, const Descriptor *d) {
  int is_code = d->attributes & IS_SEGMENT && d->attributes & IS_CODE;
  if (!is_code || (LONG_MODE(m) && d->attributes & ATTRIBUTE_L && d->attributes & ATTRIBUTE_D)) return refuse(m, 13, d->selector & ~3u);
  return d->attributes & IS_PRESENT ? 0 : refuse(m, 11, d->selector & ~3u);
}

/* The stack that the TSS has for ring `level`, or in long mode for an entry `ist` of the interrupt stack table. */
static int stack_of_tss(Machine *m, int level, uint32_t ist, uint16_t *ss, uint64_t *rsp) {
  uint32_t error = m->st.tr.selector & ~3u;
  uint32_t at = LONG_MODE(m) ? (ist ? 0x24 + 8 * (ist - 1) : 4 + 8 * (uint32_t)level) : 4 + 8 * (uint32_t)level, size = LONG_MODE(m) ? 8 : 6;
  uint8_t image[8] = {0};
  if (!(m->st.tr.attributes & IS_PRESENT) || at + size - 1 > m->st.tr.limit) return refuse(m, 10, error);
  int vector = read_linear(m, m->st.tr.base + at, image, size);
  *rsp = 0;
  *ss = (uint16_t)level; /* the null selector of that ring */
  memcpy(rsp, image, LONG_MODE(m) ? 8 : 4);
  if (!LONG_MODE(m)) memcpy(ss, image + 4, 2);
  return vector;
}

/* Moves to the stack of ring `level` (or an IST's) and pushes there. CS is the new one already. 0, or the exception. */
static int push_on_new_stack(Machine *m, int level, uint32_t ist, int switches, const uint64_t *frame, uint32_t count, uint32_t size) {
  uint64_t rsp = m->st.gpr[RSP];
  uint16_t ss = 0;
  int vector = 0;
  if (switches || ist) {
    if ((vector = stack_of_tss(m, level, ist, &ss, &rsp))) return vector;
    if (LONG_MODE(m) && !is_canonical(rsp)) return refuse(m, 12, 0);
    if (LONG_MODE(m) && switches) m->st.seg[SS] = (Segment){.selector = ss};
    if (!LONG_MODE(m) && (vector = load_stack(m, ss, level, 10))) return vector;
  }
  m->st.gpr[RSP] = LONG_MODE(m) && size == 8 ? rsp & ~15ull : rsp;
  m->dirty |= DIRTY_REGS | DIRTY_SEGMENTS;
  for (uint32_t i = 0; i < count && !vector; i++) vector = push_value(m, frame[i], size);
  return vector;
}

/* One attempt to go through a gate of the IDT. 0, the next exception, or TASK_SWITCH. */
static int enter_gate(Machine *m, unsigned vector, uint64_t return_rip, int with_error, uint32_t error) {
  int is_long = LONG_MODE(m), level = ring(m);
  uint32_t entry_size = is_long ? 16 : 8, complaint = vector * 8 + 2;
  uint64_t gate[2] = {0, 0}, frame[6];
  if (vector * entry_size + entry_size - 1 > m->st.idt_limit) return refuse(m, 13, complaint);
  int found = read_linear(m, m->st.idt_base + vector * entry_size, gate, entry_size);
  if (found) return found;
  uint32_t type = gate[0] >> 40 & 0x1f, is_small = !is_long && type < 8, count = 0, ist = is_long ? gate[0] >> 32 & 7 : 0;
  if (type == TYPE_TASK_GATE && !is_long) return TASK_SWITCH;
  if ((type & 7) != 6 && (type & 7) != 7) return refuse(m, 13, complaint);
  if (type & 0x10 || (is_long && type < 8)) return refuse(m, 13, complaint);
  if (m->is_software && (int)(gate[0] >> 45 & 3) < level) return refuse(m, 13, complaint);
  if (!(gate[0] >> 47 & 1)) return refuse(m, 11, complaint);
  Descriptor code;
  if ((found = find(m, (uint16_t)(gate[0] >> 16), 13, &code)) || (found = check_code(m, &code))) return found;
  if (code.level > level || (is_long && !(code.attributes & ATTRIBUTE_L))) return refuse(m, 13, code.selector & ~3u);
  int inner = code.attributes & IS_CONFORMING ? level : code.level, switches = inner < level;
  uint32_t size = is_long ? 8 : is_small ? 2 : 4;
  if (is_long || switches) {
    frame[count++] = m->st.seg[SS].selector;
    frame[count++] = m->st.gpr[RSP];
  }
  frame[count++] = m->st.rflags;
  frame[count++] = m->st.seg[CS].selector;
  frame[count++] = return_rip;
  if (with_error) frame[count++] = error;
  if ((found = fill(m, CS, &code, inner)) || (found = push_on_new_stack(m, inner, ist, switches, frame, count, size))) return found;
  m->st.rip = (gate[0] & 0xffff) | (is_small ? 0 : gate[0] >> 32 & 0xffff0000) | (is_long ? gate[1] << 32 : 0);
  m->st.rflags &= ~(FLAG_TF | FLAG_NT | FLAG_VM | (type & 1 ? 0ull : FLAG_IF));
  return 0;
}

static int has_error_code(unsigned vector) { return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17; }

/* 0: contributory and page faults after such ones make a double fault (SDM vol. 3, table 6-5). */
static int makes_double(unsigned first, unsigned second) {
  int hard = second == 0 || (second >= 10 && second <= 13);
  return first == 14 ? hard || second == 14 : (first == 0 || (first >= 10 && first <= 13)) && hard;
}

static void note_attempt(Machine *m, unsigned vector, int64_t error) {
  if (m->attempt_count == MAX_ATTEMPTS) return;
  m->attempts[m->attempt_count].vector = vector;
  m->attempts[m->attempt_count++].error = error;
}

/* Delivers `vector` through the IDT; as step_raise in exec.c. */
int protected_raise(Machine *m, unsigned vector, uint64_t return_rip, int is_fault) {
  uint32_t error = is_fault ? m->error : 0;
  int with_error = is_fault && has_error_code(vector);
  m->raised_error = with_error ? (int64_t)error : -1;
  m->attempt_count = 0;
  for (;;) {
    Segment cs = m->st.seg[CS], ss = m->st.seg[SS];
    uint64_t rsp = m->st.gpr[RSP];
    note_attempt(m, vector, m->raised_error);
    if (with_error && vector == 14) m->st.cr2 = m->fault_address;
    int next = enter_gate(m, vector, return_rip, with_error, error);
    if (!next) {
      m->st.depth++;
      m->dirty |= DIRTY_REGS | DIRTY_SEGMENTS;
      return 0;
    }
    m->st.seg[CS] = cs;
    m->st.seg[SS] = ss;
    m->st.gpr[RSP] = rsp;
    if (next == TASK_SWITCH) return TASK_SWITCH;
    if (!m->is_software && next >= 10 && next <= 13) m->error |= 1; /* EXT: not by an instruction that asked for it */
    if (vector == 8) {
      note_attempt(m, (unsigned)next, (int64_t)m->error);
      return RUN_SHUTDOWN;
    }
    int is_double = is_fault && makes_double(vector, (unsigned)next);
    if (is_double) note_attempt(m, (unsigned)next, has_error_code((unsigned)next) ? (int64_t)m->error : -1);
    vector = is_double ? 8 : (unsigned)next;
    error = is_double ? 0 : m->error;
    with_error = is_fault = 1;
    m->is_software = 0;
    m->step_flags |= STEP_ERROR;
    m->exception = (int)vector;
    m->raised_error = (int64_t)error;
    return_rip = m->before.rip;
  }
}

/* The target of a far jump or call that is no gate. */
static int enter_code(Machine *m, const Descriptor *d, uint64_t offset) {
  int level = ring(m), vector = check_code(m, d);
  if (vector) return vector;
  int is_conforming = d->attributes & IS_CONFORMING;
  if (is_conforming ? d->level > level : (d->selector & 3) > level || d->level != level) return refuse(m, 13, d->selector & ~3u);
  int bits = LONG_MODE(m) && d->attributes & ATTRIBUTE_L ? 64 : d->attributes & ATTRIBUTE_D ? 32 : 16;
  uint32_t limit = (uint32_t)((d->low & 0xffff) | (d->low >> 32 & 0xf0000));
  if (d->attributes & ATTRIBUTE_G) limit = limit << 12 | 0xfff;
  if (bits == 64 ? !is_canonical(offset) : (uint32_t)offset > limit) return refuse(m, 13, 0);
  vector = fill(m, CS, d, level);
  if (!vector) m->st.rip = bits == 64 ? offset : (uint32_t)offset;
  return vector;
}

/* Through a call gate: as its target says, into an inner ring with parameters copied, or along. */
static int enter_call_gate(Machine *m, const Descriptor *gate, int is_call, uint64_t next) {
  int level = ring(m), is_small = (gate->attributes & 15) == TYPE_CALL_16, vector;
  uint64_t offset = (gate->low & 0xffff) | (is_small ? 0 : gate->low >> 32 & 0xffff0000) | (LONG_MODE(m) ? gate->high << 32 : 0);
  uint32_t parameters = LONG_MODE(m) ? 0 : gate->low >> 32 & 31, size = LONG_MODE(m) ? 8 : is_small ? 2 : 4, count = 0;
  uint64_t frame[36], old_rsp = m->st.gpr[RSP], mask = stack_mask(m);
  Descriptor d;
  if (gate->level < level || gate->level < (gate->selector & 3)) return refuse(m, 13, gate->selector & ~3u);
  if (!(gate->attributes & IS_PRESENT)) return refuse(m, 11, gate->selector & ~3u);
  if ((vector = find(m, (uint16_t)(gate->low >> 16), 13, &d)) || (vector = check_code(m, &d))) return vector;
  int is_conforming = d.attributes & IS_CONFORMING, is_inner = is_call && !is_conforming && d.level < level;
  if (d.level > level || (!is_call && !is_conforming && d.level != level)) return refuse(m, 13, d.selector & ~3u);
  if (LONG_MODE(m) && !(d.attributes & ATTRIBUTE_L)) return refuse(m, 13, d.selector & ~3u);
  if (is_inner) {
    frame[count++] = m->st.seg[SS].selector;
    frame[count++] = old_rsp;
    for (uint32_t i = parameters; i-- > 0;) {
      uint64_t value = 0;
      if ((vector = read_linear(m, linear_of(m, SS, (old_rsp + i * size) & mask), &value, size))) return vector;
      frame[count++] = value;
    }
  }
  if (is_call) {
    frame[count++] = m->st.seg[CS].selector;
    frame[count++] = next;
  }
  int inner = is_inner ? d.level : level;
  if ((vector = fill(m, CS, &d, inner))) return vector;
  if (is_inner) vector = push_on_new_stack(m, inner, 0, 1, frame, count, size);
  for (uint32_t i = 0; !is_inner && i < count && !vector; i++) vector = push_value(m, frame[i], size);
  if (!vector) m->st.rip = offset;
  return vector;
}

/* Far jumps and calls. 0, the exception, or TASK_SWITCH; then nothing has changed. */
int far_transfer(Machine *m, uint16_t selector, uint64_t offset, int is_call, uint32_t size, uint64_t next) {
  CpuState *st = &m->st;
  Segment cs = st->seg[CS], ss = st->seg[SS];
  uint64_t rsp = st->gpr[RSP], rip = st->rip;
  Descriptor d;
  int vector = find(m, selector, 13, &d);
  if (!vector && d.attributes & IS_SEGMENT) {
    vector = enter_code(m, &d, offset);
    if (!vector && is_call) vector = push_value(m, cs.selector, size);
    if (!vector && is_call) vector = push_value(m, next, size);
  } else if (!vector) {
    int type = d.attributes & 15, is_task = type == TYPE_TASK_GATE || (type & 13) == TYPE_TSS || type == 1 || type == 3;
    if (type == TYPE_CALL || (type == TYPE_CALL_16 && !LONG_MODE(m))) vector = enter_call_gate(m, &d, is_call, next);
    else vector = is_task && !LONG_MODE(m) ? TASK_SWITCH : refuse(m, 13, selector & ~3u);
  }
  if (!vector) return 0;
  st->seg[CS] = cs;
  st->seg[SS] = ss;
  st->gpr[RSP] = rsp;
  st->rip = rip;
  return vector;
}

/* Back in an outer ring a data segment of an inner one must not stay usable. */
static void drop_inner_segments(Machine *m) {
  static const int data[] = {ES, DS, FS, GS};
  for (int i = 0; i < 4; i++) {
    Segment *s = &m->st.seg[data[i]];
    int is_conforming = s->attributes & IS_CODE && s->attributes & IS_CONFORMING;
    if (s->attributes & IS_PRESENT && !is_conforming && (s->attributes >> 5 & 3) < ring(m)) *s = (Segment){.selector = 0};
  }
}

/* The code segment that retf or iret returns to. */
static int return_code(Machine *m, uint16_t selector, int level) {
  Descriptor d;
  int vector = find(m, selector, 13, &d);
  if (vector) return vector;
  int is_conforming = d.attributes & IS_CONFORMING, to = selector & 3;
  if (to < level || (is_conforming ? d.level > to : d.level != to)) return refuse(m, 13, selector & ~3u);
  if ((vector = check_code(m, &d))) return vector;
  return fill(m, CS, &d, to);
}

static int return_stack(Machine *m, uint16_t selector, int level) {
  if (!(selector & ~3u) && code_bits(m) == 64 && level < 3 && (selector & 3) == level) {
    m->st.seg[SS] = (Segment){.selector = selector};
    return 0;
  }
  return load_stack(m, selector, level, 13);
}

static void return_flags(Machine *m, uint64_t flags, uint32_t size, int level) {
  uint64_t mask = (size == 2 ? FLAGS_VISIBLE & 0xffff : FLAGS_VISIBLE) | FLAG_TF;
  if (level > 0) mask &= ~FLAG_IOPL;
  if (level > (int)(m->st.rflags >> 12 & 3)) mask &= ~(uint64_t)FLAG_IF;
  m->st.rflags = (m->st.rflags & ~mask) | (flags & mask) | 2;
}

/* retf and iret. 0, the exception, or TASK_SWITCH; then nothing has changed. */
int far_return(Machine *m, int is_iret, uint32_t size, uint32_t dropped) {
  CpuState *st = &m->st;
  uint64_t rip = 0, selector = 0, flags = st->rflags, rsp = st->gpr[RSP], new_rsp = 0, ss = 0;
  Segment old_cs = st->seg[CS], old_ss = st->seg[SS];
  int level = ring(m), is_64 = code_bits(m) == 64;
  if (is_iret && flags & FLAG_NT) return is_64 || LONG_MODE(m) ? refuse(m, 13, 0) : TASK_SWITCH;
  int vector = pop_value(m, &rip, size);
  if (!vector) vector = pop_value(m, &selector, size);
  if (!vector && is_iret) vector = pop_value(m, &flags, size);
  int is_outer = (int)(selector & 3) > level, with_stack = is_outer || (is_iret && is_64);
  if (!vector && is_iret && flags & FLAG_VM && !LONG_MODE(m) && level == 0 && size == 4) vector = VIRTUAL_8086;
  if (!vector && !is_iret) st->gpr[RSP] += dropped;
  if (!vector && with_stack) vector = pop_value(m, &new_rsp, size);
  if (!vector && with_stack) vector = pop_value(m, &ss, size);
  if (!vector) vector = return_code(m, (uint16_t)selector, level);
  if (!vector && with_stack) vector = return_stack(m, (uint16_t)ss, (int)(selector & 3));
  if (!vector && (code_bits(m) == 64 ? !is_canonical(rip) : (uint32_t)rip > st->seg[CS].limit)) vector = refuse(m, 13, 0);
  if (vector) {
    st->gpr[RSP] = rsp;
    st->seg[CS] = old_cs;
    st->seg[SS] = old_ss;
    return vector;
  }
  if (with_stack) st->gpr[RSP] = new_rsp + (is_iret ? 0 : dropped);
  if (with_stack && code_bits(m) != 64) st->gpr[RSP] &= 0xffffffff;
  if (is_outer) drop_inner_segments(m);
  st->rip = rip & ip_mask(m);
  if (is_iret) return_flags(m, flags, size, level);
  m->dirty |= DIRTY_REGS | DIRTY_SEGMENTS;
  return 0;
}

static void flat(Segment *s, uint16_t selector, uint16_t attributes) {
  *s = (Segment){.selector = selector, .limit = 0xffffffff, .attributes = attributes};
}

/* syscall and sysret of 64-bit code: flat segments, whatever the tables say. STEP_x. */
int fast_call(Machine *m, uint64_t next) {
  CpuState *st = &m->st;
  if (!(st->efer & EFER_SCE)) return STEP_RAISED | 6;
  uint16_t selector = (uint16_t)(st->star >> 32 & 0xfffc);
  st->gpr[RCX] = next;
  st->gpr[11] = st->rflags;
  st->rip = st->lstar;
  st->rflags = (st->rflags & ~st->fmask & FLAGS_VISIBLE) | 2;
  flat(&st->seg[CS], selector, 0xa09b);
  flat(&st->seg[SS], (uint16_t)(selector + 8), 0xc093);
  m->dirty |= DIRTY_REGS | DIRTY_SEGMENTS;
  return STEP_DONE;
}

int fast_return(Machine *m, uint32_t size) {
  CpuState *st = &m->st;
  if (!(st->efer & EFER_SCE)) return STEP_RAISED | 6;
  if (ring(m) || !is_canonical(st->gpr[RCX])) return STEP_RAISED | refuse(m, 13, 0);
  uint16_t selector = (uint16_t)(st->star >> 48);
  st->rip = size == 8 ? st->gpr[RCX] : (uint32_t)st->gpr[RCX];
  st->rflags = (st->gpr[11] & FLAGS_VISIBLE) | 2;
  flat(&st->seg[CS], (uint16_t)((selector + (size == 8 ? 16 : 0)) | 3), size == 8 ? 0xa0fb : 0xc0fb);
  flat(&st->seg[SS], (uint16_t)((selector + 8) | 3), 0xc0f3);
  m->dirty |= DIRTY_REGS | DIRTY_SEGMENTS;
  return STEP_DONE;
}

/* ltr and lldt. 0, or the exception. */
int load_table(Machine *m, uint16_t selector, int is_task) {
  Descriptor d;
  if (!is_task && !(selector & ~3u)) {
    m->st.ldt = (Segment){.selector = selector};
    return 0;
  }
  if (selector & 4) return refuse(m, 13, selector & ~3u);
  int vector = find(m, selector, 13, &d), type = d.attributes & 15;
  if (vector) return vector;
  if (d.attributes & IS_SEGMENT || type != (is_task ? TYPE_TSS : TYPE_LDT)) return refuse(m, 13, selector & ~3u);
  if (!(d.attributes & IS_PRESENT)) return refuse(m, 11, selector & ~3u);
  if (is_task) {
    uint8_t busy = (uint8_t)(d.attributes | 2);
    if ((vector = write_linear(m, d.at + 5, &busy, 1))) return vector;
    d.attributes |= 2;
  }
  return fill(m, is_task ? TR_NUMBER : LDT_NUMBER, &d, selector & 3);
}

/* Whether ports may be used: by the rings up to IOPL, and by others as the TSS's map says. 0, or the exception. */
int port_fault(Machine *m, uint32_t port, uint32_t size) {
  if (ring(m) <= (int)(m->st.rflags >> 12 & 3)) return 0;
  uint16_t base = 0, map = 0xffff;
  uint32_t at;
  if (!(m->st.tr.attributes & IS_PRESENT) || m->st.tr.limit < 0x67) return refuse(m, 13, 0);
  int vector = read_linear(m, m->st.tr.base + 0x66, &base, 2);
  if (vector) return vector;
  at = base + port / 8;
  if (at + 1 > m->st.tr.limit) return refuse(m, 13, 0);
  if ((vector = read_linear(m, m->st.tr.base + at, &map, 2))) return vector;
  return map >> port % 8 & ((1u << size) - 1) ? refuse(m, 13, 0) : 0;
}

/* lar, lsl, verr and verw: what a selector would allow, told by ZF. `value` is what lar or lsl would load. */
int look_at_selector(Machine *m, int what, uint16_t selector, uint64_t *value) {
  static const uint32_t seen_by_lar = 1 << 2 | 1 << 9 | 1 << 11 | 1 << 12, old_types = 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5;
  Descriptor d;
  uint32_t error = m->error;
  if (find(m, selector, 13, &d)) {
    m->error = error;
    return 0;
  }
  int is_code = d.attributes & IS_CODE, is_segment = d.attributes & IS_SEGMENT, type = d.attributes & 15;
  int is_conforming = is_segment && is_code && d.attributes & IS_CONFORMING;
  if (!is_conforming && (ring(m) > d.level || (selector & 3) > d.level)) return 0;
  if (what == LOOK_READ) return is_segment && (!is_code || d.attributes & IS_ALLOWED);
  if (what == LOOK_WRITE) return is_segment && !is_code && d.attributes & IS_ALLOWED;
  uint32_t types = seen_by_lar | (LONG_MODE(m) ? 0 : old_types);
  if (what == LOOK_LIMIT) types &= ~(1u << 4 | 1u << 5 | 1u << 12);
  if (!is_segment && !(types >> type & 1)) return 0;
  uint32_t limit = (uint32_t)((d.low & 0xffff) | (d.low >> 32 & 0xf0000));
  *value = what == LOOK_LIMIT ? (d.attributes & ATTRIBUTE_G ? limit << 12 | 0xfff : limit) : d.low >> 32 & 0xf0ff00;
  return 1;
}
