/* Plain instructions that some CPU under us refuses or gets wrong, and that are simple: executed by us on every CPU, so that
 * nobody has to know about it. The manual: SDM vol. 2, NEG and TEST. */
#include "core.h"

#include <string.h>

#define ARITHMETIC 0x8d5u /* CF PF AF ZF SF OF */

static uint64_t mask_of_size(uint32_t size) { return size == 8 ? ~0ull : (1ull << 8 * size) - 1; }

static uint64_t result_flags(uint64_t value, uint32_t size) {
  uint64_t flags = value & mask_of_size(size) ? 0 : FLAG_ZF;
  if (value >> (8 * size - 1) & 1) flags |= FLAG_SF;
  return flags | (__builtin_parity((unsigned)value & 0xff) ? 0 : FLAG_PF);
}

static void set_flags(Machine *m, uint64_t flags) {
  m->st.rflags = (m->st.rflags & ~(uint64_t)ARITHMETIC) | flags;
  m->dirty |= DIRTY_REGS;
}

static uint64_t operand_linear(const Machine *m, const Row *row) {
  return linear_of(m, row->operands[0].segment, operand_offset(m, &row->operands[0]));
}

static int negate(Machine *m, const Row *row) {
  uint64_t value = 0, mask = mask_of_size(row->data), negated;
  int vector = read_linear(m, operand_linear(m, row), &value, row->data);
  if (vector) return STEP_RAISED | vector;
  negated = (0 - value) & mask;
  if ((vector = write_linear(m, operand_linear(m, row), &negated, row->data))) return STEP_RAISED | vector;
  set_flags(m, result_flags(negated, row->data) | (value ? FLAG_CF : 0) | (value & 15 ? FLAG_AF : 0) |
                   (value && negated == value ? FLAG_OF : 0));
  return STEP_DONE;
}

static int test(Machine *m, const Row *row) {
  uint32_t size = row->data & 0xff, number = row->data >> 8;
  uint64_t value = 0;
  if (number == NO_REGISTER) {
    int vector = read_linear(m, operand_linear(m, row), &value, size);
    if (vector) return STEP_RAISED | vector;
  } else {
    value = number & 0x80 ? m->st.gpr[number & 0x7f] >> 8 : m->st.gpr[number];
  }
  set_flags(m, result_flags(value & row->target & mask_of_size(size), size)); /* AF, undefined, becomes 0 */
  return STEP_DONE;
}

/* STEP_x. */
int simple_instruction(Machine *m, const Row *row) {
  switch (row->kind) {
  case KIND_NEGATE: return negate(m, row);
  case KIND_TEST: return test(m, row);
  default: return STEP_DONE;
  }
}
