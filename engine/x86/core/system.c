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

/* An exception of privilege.c as the step's end; or what this machine does not do, with a word about it. */
static int ended(Machine *m, int found) {
  if (found != TASK_SWITCH && found != VIRTUAL_8086) return found ? RAISED(found) : STEP_DONE;
  m->missing = (uint32_t)found;
  return RUN_MISSING;
}

/* Far jumps and calls: row data = size of the offset, target = selector << 32 | offset, or memory operand 0. */
static int jump_or_call(Machine *m, const Row *row, uint64_t next) {
  uint64_t offset = row->target & 0xffffffff, selector = row->target >> 32;
  if (row->operand_count) {
    uint8_t image[10] = {0};
    int vector = read_linear(m, operand_linear(m, row), image, row->data + 2);
    if (vector) return RAISED(vector);
    offset = selector = 0;
    memcpy(&offset, image, row->data);
    memcpy(&selector, image + row->data, 2);
  }
  return ended(m, far_transfer(m, (uint16_t)selector, offset, row->kind == KIND_FAR_CALL, row->data, next));
}

/* lds, les, lfs, lgs, lss: row data as segment_move's; the operand is an offset and a selector. */
static int load_pointer(Machine *m, const Row *row) {
  uint32_t number = row->data & 0xff, other = row->data >> 8 & 0xff, size = row->data >> 16;
  uint8_t image[10] = {0};
  uint64_t offset = 0;
  uint16_t selector;
  int vector = read_linear(m, operand_linear(m, row), image, size + 2);
  memcpy(&offset, image, size);
  memcpy(&selector, image + size, 2);
  if (!vector) vector = load_segment(m, (int)number, selector);
  if (vector) return RAISED(vector);
  set_register(m, other, offset, size);
  return STEP_DONE;
}

static int selector_operand(Machine *m, const Row *row, uint16_t *selector) {
  *selector = (uint16_t)m->st.gpr[row->data & 0xf];
  return row->operand_count ? read_linear(m, operand_linear(m, row), selector, 2) : 0;
}

/* ltr, lldt, str, sldt: data = register | size << 8 (of a register that is written). */
static int task_and_ldt(Machine *m, const Row *row) {
  uint16_t selector = row->kind == KIND_STR ? m->st.tr.selector : m->st.ldt.selector;
  int vector = 0;
  if (row->kind == KIND_STR || row->kind == KIND_SLDT) {
    if (row->operand_count) vector = write_linear(m, operand_linear(m, row), &selector, 2);
    else set_register(m, row->data & 0xff, selector, row->data >> 8);
  } else {
    vector = selector_operand(m, row, &selector);
    if (!vector) vector = load_table(m, selector, row->kind == KIND_LTR);
  }
  return vector ? RAISED(vector) : STEP_DONE;
}

/* lar, lsl, verr, verw: data = selector's register | destination << 8 | its size << 16 | LOOK_x << 24. */
static int look_at(Machine *m, const Row *row) {
  uint16_t selector;
  uint64_t value = 0;
  int vector = selector_operand(m, row, &selector), what = (int)(row->data >> 24);
  if (vector) return RAISED(vector);
  int is_seen = look_at_selector(m, what, selector, &value);
  m->st.rflags = is_seen ? m->st.rflags | FLAG_ZF : m->st.rflags & ~(uint64_t)FLAG_ZF;
  if (is_seen && what <= LOOK_LIMIT) set_register(m, row->data >> 8 & 0xff, value, row->data >> 16 & 0xff);
  m->dirty |= DIRTY_REGS;
  return STEP_DONE;
}

static int swap_gs(Machine *m) {
  uint64_t base = m->st.seg[GS].base;
  m->st.seg[GS].base = m->st.kernel_gs;
  m->st.kernel_gs = base;
  m->dirty |= DIRTY_SEGMENTS;
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

/* The model-specific registers that there are (SDM vol. 4). */
static uint64_t *register_of(Machine *m, uint32_t number) {
  switch (number) {
  case 0xc0000080: return &m->st.efer;
  case 0xc0000081: return &m->st.star;
  case 0xc0000082: return &m->st.lstar;
  case 0xc0000084: return &m->st.fmask;
  case 0xc0000100: return &m->st.seg[FS].base;
  case 0xc0000101: return &m->st.seg[GS].base;
  case 0xc0000102: return &m->st.kernel_gs;
  default: return NULL;
  }
}

static int model_specific(Machine *m, const Row *row) {
  uint32_t number = (uint32_t)m->st.gpr[RCX];
  uint64_t *at = register_of(m, number);
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
    if (value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) return RAISED(13);
    if (m->st.cr0 & CR0_PG && (value ^ m->st.efer) & EFER_LME) return RAISED(13);
    value = (value & (EFER_SCE | EFER_LME | EFER_NXE)) | (m->st.efer & EFER_LMA);
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
  case KIND_FAR_CALL: return jump_or_call(m, row, next);
  case KIND_FAR_RETURN: return ended(m, far_return(m, 0, row->data & 0xff, row->data >> 8));
  case KIND_PROTECTED_IRET: return ended(m, far_return(m, 1, row->data, 0));
  case KIND_FAST_CALL: return fast_call(m, next);
  case KIND_FAST_RETURN: return fast_return(m, row->data);
  case KIND_SWAPGS: return swap_gs(m);
  case KIND_LOAD_POINTER: return load_pointer(m, row);
  case KIND_LTR:
  case KIND_LLDT:
  case KIND_STR:
  case KIND_SLDT: return task_and_ldt(m, row);
  case KIND_LOOK: return look_at(m, row);
  case KIND_RDMSR:
  case KIND_WRMSR: return model_specific(m, row);
  default: return segment_move(m, row);
  }
}
