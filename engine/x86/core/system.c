/* The instructions that change what mode the CPU is in, and protected mode's segment and far instructions: executed by
 * us on every CPU, so that the descriptor caches and the control registers are known and the same everywhere. */
#include "core.h"

#include <string.h>

#define CR0_KNOWN 0xe005003full
#define CR4_KNOWN 0x7ffull
#define RAISED(vector) (STEP_RAISED | (vector))

static uint64_t operand_linear(const Machine *m, const Row *row) {
  return linear_of(m, row->operands[0].segment, operand_offset(m, &row->operands[0]));
}

static int set_cr0(Machine *m, uint64_t value) {
  int paging = value & CR0_PG ? 1 : 0, was = m->st.cr0 & CR0_PG ? 1 : 0;
  m->error = 0;
  if (paging && !(value & CR0_PE)) return RAISED(13);
  if (paging && !was && m->st.efer & EFER_LME) {
    if (!(m->st.cr4 & CR4_PAE) || m->st.seg[CS].attributes & ATTRIBUTE_L) return RAISED(13);
    m->st.efer |= EFER_LMA;
  }
  if (!paging) {
    if (was && code_bits(m) == 64) return RAISED(13);
    m->st.efer &= ~EFER_LMA;
  }
  m->st.cr0 = (value & CR0_KNOWN) | 0x10;
  return STEP_DONE;
}

static int to_control(Machine *m, uint32_t number, uint64_t value) {
  m->dirty |= DIRTY_SEGMENTS | DIRTY_MEMORY;
  m->error = 0;
  switch (number) {
  case 0: return set_cr0(m, value);
  case 2: m->st.cr2 = value; return STEP_DONE;
  case 3: m->st.cr3 = value; return STEP_DONE;
  case 4:
    if (value & ~CR4_KNOWN || (m->st.efer & EFER_LMA && !(value & CR4_PAE))) return RAISED(13);
    m->st.cr4 = value;
    return STEP_DONE;
  default: return value ? RAISED(13) : STEP_DONE;
  }
}

static int table_register(Machine *m, const Row *row) {
  uint8_t image[10] = {0};
  int is_gdt = row->kind == KIND_LGDT || row->kind == KIND_SGDT, is_long = code_bits(m) == 64, vector;
  uint64_t base = is_gdt ? m->st.gdt_base : m->st.idt_base;
  uint32_t limit = is_gdt ? m->st.gdt_limit : m->st.idt_limit, size = is_long ? 10 : 6;
  if (row->kind == KIND_SGDT || row->kind == KIND_SIDT) {
    memcpy(image, &limit, 2);
    memcpy(image + 2, &base, size - 2);
    vector = write_linear(m, operand_linear(m, row), image, size);
    return vector ? RAISED(vector) : STEP_DONE;
  }
  if ((vector = read_linear(m, operand_linear(m, row), image, size))) return RAISED(vector);
  base = limit = 0;
  memcpy(&limit, image, 2);
  memcpy(&base, image + 2, is_long ? 8 : row->data); /* three bytes with a 16-bit operand */
  *(is_gdt ? &m->st.gdt_base : &m->st.idt_base) = base;
  *(is_gdt ? &m->st.gdt_limit : &m->st.idt_limit) = limit;
  m->dirty |= DIRTY_SEGMENTS;
  return STEP_DONE;
}

static void set_register(Machine *m, uint32_t number, uint64_t value, uint32_t size) {
  m->dirty |= DIRTY_REGS;
  if (size == 2) value = (m->st.gpr[number] & ~0xffffull) | (value & 0xffff);
  m->st.gpr[number] = size == 4 ? (uint32_t)value : value;
}

/* Row data of the segment instructions: segment | register << 8 | size << 16; a memory operand comes before a register. */
static int segment_move(Machine *m, const Row *row) {
  uint32_t number = row->data & 0xff, other = row->data >> 8 & 0xff, size = row->data >> 16;
  uint64_t value = m->st.seg[number].selector, rsp = m->st.gpr[RSP];
  int vector = 0;
  if (row->kind == KIND_READ_SEG) {
    if (row->operand_count) vector = write_linear(m, operand_linear(m, row), &value, 2);
    else set_register(m, other, value, size);
  } else if (row->kind == KIND_PUSH_SEG) {
    vector = push_value(m, value, size);
  } else {
    value = 0;
    if (row->kind == KIND_POP_SEG) vector = pop_value(m, &value, size);
    else if (row->operand_count) vector = read_linear(m, operand_linear(m, row), &value, 2);
    else value = m->st.gpr[other];
    if (!vector) vector = load_segment(m, (int)number, (uint16_t)value);
    if (vector) m->st.gpr[RSP] = rsp;
  }
  return vector ? RAISED(vector) : STEP_DONE;
}

/* Far jumps and calls: row data = size of the offset, target = selector << 32 | offset, or memory operand 0. */
static int far_transfer(Machine *m, const Row *row, uint64_t next) {
  uint32_t size = row->data;
  uint64_t offset = row->target & 0xffffffff, selector = row->target >> 32, rsp = m->st.gpr[RSP];
  Segment cs = m->st.seg[CS];
  int vector = 0;
  if (row->operand_count) {
    uint8_t image[10] = {0};
    offset = selector = 0;
    if ((vector = read_linear(m, operand_linear(m, row), image, size + 2))) return RAISED(vector);
    memcpy(&offset, image, size);
    memcpy(&selector, image + size, 2);
  }
  if ((vector = load_segment(m, CS, (uint16_t)selector))) {
    m->st.seg[CS] = cs;
    return RAISED(vector);
  }
  if (row->kind == KIND_FAR_CALL) {
    vector = push_value(m, cs.selector, size);
    if (!vector) vector = push_value(m, next, size);
  }
  if (vector || (code_bits(m) != 64 && offset > m->st.seg[CS].limit)) {
    if (!vector) m->error = 0;
    m->st.seg[CS] = cs;
    m->st.gpr[RSP] = rsp;
    return RAISED(vector ? vector : 13);
  }
  m->st.rip = offset;
  return STEP_DONE;
}

/* retf (data = size | bytes to drop << 8) and iret (data = size) to ring 0. */
static int far_return(Machine *m, const Row *row) {
  uint32_t size = row->data & 0xff;
  uint64_t rip = 0, selector = 0, flags = m->st.rflags, rsp = m->st.gpr[RSP], new_rsp = 0, ss = 0;
  Segment old_cs = m->st.seg[CS], old_ss = m->st.seg[SS];
  int is_iret = row->kind == KIND_PROTECTED_IRET, with_stack = is_iret && code_bits(m) == 64;
  int vector = pop_value(m, &rip, size);
  if (!vector) vector = pop_value(m, &selector, size);
  if (!vector && is_iret) vector = pop_value(m, &flags, size);
  if (!vector && with_stack) vector = pop_value(m, &new_rsp, size);
  if (!vector && with_stack) vector = pop_value(m, &ss, size);
  if (!vector) vector = load_segment(m, CS, (uint16_t)selector);
  if (!vector && with_stack) vector = load_segment(m, SS, (uint16_t)ss);
  if (vector) {
    m->st.gpr[RSP] = rsp;
    m->st.seg[CS] = old_cs;
    m->st.seg[SS] = old_ss;
    return RAISED(vector);
  }
  if (with_stack) m->st.gpr[RSP] = new_rsp;
  else if (!is_iret) m->st.gpr[RSP] += row->data >> 8;
  m->st.rip = rip & ip_mask(m);
  uint64_t mask = size == 2 ? FLAGS_VISIBLE & 0xffff : FLAGS_VISIBLE;
  if (is_iret) m->st.rflags = (m->st.rflags & ~mask) | (flags & mask) | 2;
  return STEP_DONE;
}

static int machine_status(Machine *m, const Row *row) {
  uint64_t value = m->st.cr0;
  int vector = 0;
  if (row->kind == KIND_CLTS) return to_control(m, 0, m->st.cr0 & ~8ull);
  if (row->kind == KIND_SMSW) {
    if (row->operand_count) vector = write_linear(m, operand_linear(m, row), &value, 2);
    else set_register(m, row->data & 0xff, value, row->data >> 8);
    return vector ? RAISED(vector) : STEP_DONE;
  }
  value = m->st.gpr[row->data & 0xff];
  if (row->operand_count) vector = read_linear(m, operand_linear(m, row), &value, 2);
  if (vector) return RAISED(vector);
  return to_control(m, 0, (m->st.cr0 & ~0xeull) | (value & 0xf)); /* PE can be set, not cleared */
}

static int model_specific(Machine *m, const Row *row) {
  uint32_t number = (uint32_t)m->st.gpr[RCX];
  uint64_t *at = number == 0xc0000080 ? &m->st.efer : number == 0xc0000100 ? &m->st.seg[FS].base : number == 0xc0000101 ? &m->st.seg[GS].base : NULL;
  uint64_t value = m->st.gpr[RDX] << 32 | (m->st.gpr[RAX] & 0xffffffff), clock = m->st.tick + m->st.idle;
  m->error = 0;
  if (number == 0x10 && row->kind == KIND_RDMSR) at = &clock;
  if (!at) return RAISED(13);
  if (row->kind == KIND_RDMSR) {
    set_register(m, RAX, (uint32_t)*at, 4);
    set_register(m, RDX, *at >> 32, 4);
    return STEP_DONE;
  }
  if (at == &m->st.efer) {
    if (value & ~(EFER_LME | EFER_LMA)) return RAISED(13);
    if (m->st.cr0 & CR0_PG && (value ^ m->st.efer) & EFER_LME) return RAISED(13);
    value = (value & EFER_LME) | (m->st.efer & EFER_LMA);
  }
  *at = value;
  m->dirty |= DIRTY_SEGMENTS;
  return STEP_DONE;
}

/* Executes a row that is ours because it is about the mode. `next` is the offset after it. STEP_x. */
int system_instruction(Machine *m, const Row *row, uint64_t next) {
  switch (row->kind) {
  case KIND_TO_CR: return to_control(m, row->data >> 8, m->st.gpr[row->data & 0xff] & (code_bits(m) == 64 ? ~0ull : 0xffffffff));
  case KIND_FROM_CR: {
    const uint64_t values[] = {m->st.cr0, 0, m->st.cr2, m->st.cr3, m->st.cr4};
    uint32_t number = row->data >> 8;
    set_register(m, row->data & 0xff, number < 5 ? values[number] : 0, code_bits(m) == 64 ? 8 : 4);
    return STEP_DONE;
  }
  case KIND_LGDT:
  case KIND_LIDT:
  case KIND_SGDT:
  case KIND_SIDT: return table_register(m, row);
  case KIND_SMSW:
  case KIND_LMSW:
  case KIND_CLTS: return machine_status(m, row);
  case KIND_FAR_JUMP:
  case KIND_FAR_CALL: return far_transfer(m, row, next);
  case KIND_FAR_RETURN:
  case KIND_PROTECTED_IRET: return far_return(m, row);
  case KIND_RDMSR:
  case KIND_WRMSR: return model_specific(m, row);
  default: return segment_move(m, row);
  }
}
