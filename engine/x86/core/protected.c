/* Protected and long mode: segments, page tables, gates. What an instruction may touch is looked up here before a CPU
 * executes it, so a fault has its error code and address on every host, and a CPU never meets one of them.
 * SDM vol. 3: chapters 3 (segments), 4 (paging). Descriptors and gates: privilege.c.
 */
#include "core.h"

#include <string.h>

enum { PRESENT = 1, WRITABLE = 2, USER = 4, ACCESSED = 0x20, DIRTY = 0x40, LARGE = 0x80 };
#define NO_EXECUTE (1ull << 63)
#define ADDRESS_MASK 0x000ffffffffff000ull

int is_protected(const Machine *m) { return m->st.cr0 & CR0_PE ? 1 : 0; }

int code_bits(const Machine *m) {
  if (!is_protected(m)) return 16;
  uint16_t attributes = m->st.seg[CS].attributes;
  if (m->st.efer & EFER_LMA && attributes & ATTRIBUTE_L) return 64;
  return attributes & ATTRIBUTE_D ? 32 : 16;
}

static uint64_t mask_of(int bits) { return bits == 64 ? ~0ull : (1ull << bits) - 1; }

uint64_t ip_mask(const Machine *m) { return mask_of(code_bits(m)); }

uint64_t stack_mask(const Machine *m) {
  if (!is_protected(m)) return 0xffff;
  if (code_bits(m) == 64) return ~0ull;
  return m->st.seg[SS].attributes & ATTRIBUTE_D ? 0xffffffff : 0xffff;
}

/* The linear address of an offset. */
uint64_t linear_of(const Machine *m, int segment, uint64_t offset) {
  if (code_bits(m) == 64) return segment == FS || segment == GS ? m->st.seg[segment].base + offset : offset;
  uint64_t linear = m->st.seg[segment].base + offset;
  return is_protected(m) ? linear & 0xffffffff : linear;
}

static int page_fault(Machine *m, uint64_t linear, int how, int is_present) {
  m->error = (is_present ? 1 : 0) | (how & WALK_WRITE ? 2 : 0) | (how & WALK_USER ? 4 : 0);
  if (how & WALK_FETCH && m->st.efer & EFER_NXE) m->error |= 16;
  m->fault_address = linear;
  return 14;
}

static void mark(Machine *m, uint64_t at, uint64_t entry, uint64_t bits, uint32_t size) {
  uint64_t marked = entry | bits;
  if (marked == entry) return;
  step_note_write(m, at, size, 0);
  m->cpu->poke(m, at, &marked, size);
}

/* Walks the page tables. 0, or the exception; with WALK_MARK the entries get their accessed and dirty bits, as the CPU
 * would set them. `path` (NULL: not wanted) takes the entries on the way. */
int translate(Machine *m, uint64_t linear, int how, uint64_t *physical, Walk *path) {
  *physical = linear;
  if (path) path->levels = 0;
  if (!(m->st.cr0 & CR0_PG)) return 0;
  int is_long = m->st.efer & EFER_LMA ? 1 : 0, levels = is_long ? 4 : m->st.cr4 & CR4_PAE ? 3 : 2;
  uint32_t bits = levels == 2 ? 10 : 9, size = levels == 2 ? 4 : 8;
  if (is_long && (uint64_t)((int64_t)(linear << 16) >> 16) != linear) {
    m->error = 0;
    return 13;
  }
  uint64_t table = m->st.cr3 & (levels == 3 ? 0xffffffe0 : ADDRESS_MASK), at[4], entries[4];
  int writable = 1, user = 1, executable = 1, level = levels, count = 0;
  for (;; level--) {
    uint32_t shift = 12 + bits * (uint32_t)(level - 1);
    uint64_t entry = 0, index = linear >> shift & ((1u << bits) - 1);
    at[count] = table + (levels == 3 && level == 3 ? index & 3 : index) * size;
    if (at[count] + size <= m->ram_size) memcpy(&entry, m->ram + at[count], size);
    entries[count] = entry;
    if (path) {
      path->at[count] = at[count];
      path->entry[count] = entry;
      path->levels = (uint32_t)count + 1;
    }
    if (!(entry & PRESENT)) return page_fault(m, linear, how, 0);
    if (!(levels == 3 && level == 3) && !(entry & WRITABLE)) writable = 0;
    if (!(levels == 3 && level == 3) && !(entry & USER)) user = 0;
    if (entry & NO_EXECUTE && m->st.efer & EFER_NXE) executable = 0;
    count++;
    int can_be_large = level == 2 ? levels > 2 || m->st.cr4 & CR4_PSE : level == 3 && levels == 4;
    if (level == 1 || (can_be_large && entry & LARGE)) {
      uint64_t inside = (1ull << shift) - 1;
      *physical = (entry & ADDRESS_MASK & ~inside) | (linear & inside);
      break;
    }
    table = entry & ADDRESS_MASK;
  }
  if (how & WALK_WRITE && !writable && (m->st.cr0 & CR0_WP || how & WALK_USER)) return page_fault(m, linear, how, 1);
  if ((how & WALK_USER && !user) || (how & WALK_FETCH && !executable)) return page_fault(m, linear, how, 1);
  if (how & WALK_MARK) {
    for (int i = 0; i < count; i++) {
      if (levels == 3 && i == 0) continue;
      mark(m, at[i], entries[i], ACCESSED | (i == count - 1 && how & WALK_WRITE ? DIRTY : 0), size);
    }
  }
  return 0;
}

/* Whose access it is: the pages of ring 3 and those of the kernel. */
static int as_now(const Machine *m) { return (m->st.seg[CS].selector & 3) == 3 ? WALK_USER : 0; }

/* Looks at a range of linear addresses, page by page. */
static int look(Machine *m, uint64_t linear, uint64_t size, int how) {
  uint64_t physical;
  for (uint64_t done = 0; done < size;) {
    int vector = translate(m, linear + done, how, &physical, NULL);
    if (vector) return vector;
    done += 0x1000 - ((linear + done) & 0xfff);
  }
  return 0;
}

/* Reads or writes guest memory at a linear address. 0, or the exception; then nothing was written. */
int read_linear(Machine *m, uint64_t linear, void *bytes, uint32_t size) {
  int vector = look(m, linear, size, WALK_MARK);
  uint8_t *to = bytes;
  for (uint32_t i = 0; i < size && !vector; i++) {
    uint64_t physical;
    vector = translate(m, linear + i, 0, &physical, NULL);
    to[i] = physical < m->ram_size ? m->ram[physical] : 0xff;
  }
  return vector;
}

int write_linear(Machine *m, uint64_t linear, const void *bytes, uint32_t size) {
  int vector = look(m, linear, size, WALK_WRITE | WALK_MARK);
  const uint8_t *from = bytes;
  for (uint32_t done = 0; done < size && !vector;) {
    uint64_t physical;
    uint32_t here = (uint32_t)(0x1000 - ((linear + done) & 0xfff));
    if (here > size - done) here = size - done;
    vector = translate(m, linear + done, WALK_WRITE, &physical, NULL);
    if (physical + here <= m->ram_size) {
      step_note_write(m, physical, here, 0);
      m->cpu->poke(m, physical, from + done, here);
    } else {
      note_unbacked(m, physical, here, 1, 0);
    }
    done += here;
  }
  return vector;
}

static int refuse(Machine *m, int vector, uint32_t error) {
  m->error = error;
  return vector;
}

/* The exception of an access through a segment; 0 if it is allowed. */
static int operand_fault(Machine *m, int segment, uint64_t offset, uint64_t size, int is_write) {
  const Segment *s = &m->st.seg[segment];
  if (code_bits(m) != 64) {
    int is_code = s->attributes & 8, vector = segment == SS ? 12 : 13;
    int is_allowed = is_write ? !is_code && s->attributes & 2 : !is_code || s->attributes & 2;
    if (!(s->attributes & 0x80) || !is_allowed) return refuse(m, vector, 0);
    int grows_down = !is_code && s->attributes & 4;
    uint64_t top = s->attributes & ATTRIBUTE_D ? 0xffffffff : 0xffff;
    if (grows_down ? offset <= s->limit || offset + size - 1 > top : offset + size - 1 > s->limit) return refuse(m, vector, 0);
  }
  return look(m, linear_of(m, segment, offset), size, (is_write ? WALK_WRITE : 0) | WALK_MARK | as_now(m));
}

/* How many elements of a rep string instruction can be done before one faults; `vector` is the exception then. */
uint64_t protected_room(Machine *m, const Row *row, int *vector) {
  uint64_t count = rep_count(row, &m->st), room = count > MAX_REPETITIONS ? MAX_REPETITIONS + 1ull : count;
  for (int i = 0; i < row->operand_count; i++) {
    const MemoryOperand *op = &row->operands[i];
    uint64_t offset = operand_offset(m, op), mask = mask_of(op->address_bits);
    for (uint64_t n = 0; n < room; n++) {
      uint64_t here = (m->st.rflags & FLAG_DF ? offset - n * op->size : offset + n * op->size) & mask;
      /* within a page the answer is the same, but for the limit: look at its last element in full */
      int found = operand_fault(m, op->segment, here, op->size, op->access & ACCESS_WRITE);
      if (found) {
        *vector = found;
        room = n;
        break;
      }
      uint64_t left = m->st.rflags & FLAG_DF ? (here & 0xfff) / op->size : (0xfff - (here & 0xfff)) / op->size;
      if (left > 1 && n + left < room && (m->st.seg[op->segment].limit == 0xffffffff || code_bits(m) == 64)) n += left - 1;
    }
  }
  return room;
}

/* div and idiv whose quotient does not fit. Row data: size | signed << 8 | register << 16 (0xff: memory). */
static int divide_error(Machine *m, const Row *row) {
  uint32_t size = row->divide & 0xff, number = row->divide >> 16;
  int is_signed = row->divide >> 8 & 1;
  uint64_t divisor = 0, mask = mask_of((int)size * 8), low, high;
  if (number == NO_REGISTER) {
    if (read_linear(m, linear_of(m, row->operands[0].segment, operand_offset(m, &row->operands[0])), &divisor, size)) return 0;
  } else {
    divisor = (number & 0x80 ? m->st.gpr[number & 0x7f] >> 8 : m->st.gpr[number]) & mask;
  }
  if (!divisor) return 1;
  low = size == 1 ? m->st.gpr[RAX] & 0xff : m->st.gpr[RAX] & mask;
  high = size == 1 ? m->st.gpr[RAX] >> 8 & 0xff : m->st.gpr[RDX] & mask;
  unsigned __int128 dividend = (unsigned __int128)high << (8 * size) | low;
  if (!is_signed) return dividend / divisor > mask;
  uint32_t spare = 128 - 16 * size;
  __int128 top = (__int128)(dividend << spare) >> spare;
  int64_t by = (int64_t)(divisor << (64 - 8 * size)) >> (64 - 8 * size);
  __int128 limit = (__int128)1 << (8 * size - 1);
  if (by == -1) return top < -(limit - 1) || top > limit; /* the division itself could overflow */
  __int128 quotient = top / by;
  return quotient >= limit || quotient < -limit;
}

/* #GP of an instruction that is not for the ring that executes it; 0 if it is. */
static int privilege_fault(Machine *m, const Row *row) {
  int level = ring(m), by_iopl = row->privilege == BY_IOPL && level > (int)(m->st.rflags >> 12 & 3);
  if (!level) return 0;
  if (by_iopl || row->privilege == BY_RING_0 || (row->kind == KIND_RDTSC && m->st.cr4 & CR4_TSD)) return refuse(m, 13, 0);
  if (!m->user64 && (row->kind == KIND_IN || row->kind == KIND_OUT)) return port_fault(m, m->port.port, m->port.size);
  return 0;
}

/* The exception that the row is going to raise by what it fetches and touches; 0 if none. */
int foresee(Machine *m, const Row *row) {
  int vector = look(m, linear_of(m, CS, m->st.rip), row->length, WALK_MARK | WALK_FETCH | as_now(m));
  if (!vector && row->kind == KIND_NO_PAGE) {
    vector = look(m, linear_of(m, CS, m->st.rip + row->length), 1, WALK_MARK | WALK_FETCH | as_now(m));
  }
  if (!vector && row->kind != KIND_RAISE) vector = privilege_fault(m, row);
  if (vector) return vector;
  if (row->kind == KIND_RAISE || row->traits & TRAIT_REP) return 0; /* whatever it touches; protected_room */
  for (int i = 0; i < row->operand_count; i++) {
    const MemoryOperand *op = &row->operands[i];
    vector = op->size ? operand_fault(m, op->segment, operand_offset(m, op), op->size, op->access & ACCESS_WRITE) : 0;
    if (vector) return vector;
  }
  if ((row->fpu || m->user64) && misaligned(m, row)) return refuse(m, 13, 0);
  return row->divide && divide_error(m, row) ? refuse(m, 0x100, 0) : 0; /* 0x100: #DE, whose number is 0 */
}

/* Pushes and pops of `size` bytes through SS. */
int push_value(Machine *m, uint64_t value, uint32_t size) {
  uint64_t mask = stack_mask(m), sp = (m->st.gpr[RSP] - size) & mask;
  int vector = operand_fault(m, SS, sp, size, 1);
  if (!vector) vector = write_linear(m, linear_of(m, SS, sp), &value, size);
  if (!vector) m->st.gpr[RSP] = (m->st.gpr[RSP] & ~mask) | sp;
  m->dirty |= DIRTY_REGS;
  return vector;
}

int pop_value(Machine *m, uint64_t *value, uint32_t size) {
  uint64_t mask = stack_mask(m), sp = m->st.gpr[RSP] & mask;
  *value = 0;
  int vector = operand_fault(m, SS, sp, size, 0);
  if (!vector) vector = read_linear(m, linear_of(m, SS, sp), value, size);
  if (!vector) m->st.gpr[RSP] = (m->st.gpr[RSP] & ~mask) | ((sp + size) & mask);
  m->dirty |= DIRTY_REGS;
  return vector;
}
