/* The recorder: decoded rows by address, effective addresses, and what a step changed. */
#include "core.h"

#include <string.h>

static uint32_t hash(uint64_t linear) { return (uint32_t)((linear * 0x9E3779B97F4A7C15ull) >> (64 - HASH_BITS)); }

/* The row whose bytes lie at `linear` (which is `physical`) now; NULL if nobody has decoded them yet. Moves it to the front of its chain. */
const Row *row_find(Machine *m, uint64_t linear, uint64_t physical) {
  int bits = code_bits(m), protected = is_protected(m);
  uint64_t next;
  Row **head = &m->rows[hash(linear)], **link = head;
  for (Row *row = *head; row; link = &row->next, row = row->next) {
    if (row->address != linear || row->code_bits != bits || row->is_protected != protected) continue;
    if (physical + row->length > m->ram_size || memcmp(m->ram + physical, row->bytes, row->length)) continue;
    if (row->kind == KIND_NO_PAGE && !translate(m, linear + row->length, 0, &next, NULL)) continue; /* there is one now */
    if (link != head) {
      *link = row->next;
      row->next = *head;
      *head = row;
    }
    return row;
  }
  return NULL;
}

/* The operand's offset in its segment. */
uint64_t operand_offset(const Machine *m, const MemoryOperand *op) {
  uint64_t offset = op->displacement;
  if (op->base != NO_REGISTER) offset += m->st.gpr[op->base];
  if (op->index != NO_REGISTER) offset += m->st.gpr[op->index] * op->scale;
  if (op->bit_register != NO_REGISTER) {
    uint64_t bit = m->st.gpr[op->bit_register];
    int64_t selected = op->bit_size == 16 ? (int16_t)bit : op->bit_size == 32 ? (int32_t)bit : (int64_t)bit;
    offset += (uint64_t)((selected >> (op->bit_size == 16 ? 4 : op->bit_size == 32 ? 5 : 6)) * (op->bit_size / 8));
  }
  return op->address_bits == 16 ? offset & 0xffff : op->address_bits == 32 ? offset & 0xffffffff : offset;
}

static uint64_t repetitions(const Row *row, const CpuState *st) {
  uint64_t count = st->gpr[RCX];
  return row->address_bits == 16 ? count & 0xffff : row->address_bits == 32 ? count & 0xffffffff : count;
}

/* How many elements a rep string instruction can do before an operand reaches past its segment's limit; `vector` is the
 * exception then. All of them (UINT64_MAX) when the offset wraps from one aligned end of the segment to the other. */
uint64_t rep_room(const Machine *m, const Row *row, int *vector) {
  uint64_t room = UINT64_MAX;
  for (int i = 0; i < row->operand_count; i++) {
    const MemoryOperand *op = &row->operands[i];
    uint64_t offset = operand_offset(m, op), limit = m->st.seg[op->segment].limit, size = op->size, can;
    int wraps = op->address_bits == 16 && limit == 0xffff && offset % size == 0;
    if (offset + size - 1 > limit) {
      can = 0;
    } else if (wraps) {
      continue;
    } else {
      can = (m->st.rflags & FLAG_DF ? offset : limit + 1 - size - offset) / size + 1;
    }
    if (can < room) {
      room = can;
      *vector = op->segment == SS ? 12 : 13;
    }
  }
  return room;
}

/* The exception (12 or 13) of the first operand that would reach past its segment's limit; 0 if none does. */
int operand_violation(const Machine *m, const Row *row) {
  int vector = 0;
  if (row->traits & TRAIT_REP) return rep_room(m, row, &vector) < repetitions(row, &m->st) ? vector : 0;
  for (int i = 0; i < row->operand_count; i++) {
    const MemoryOperand *op = &row->operands[i];
    if (op->size && operand_offset(m, op) + op->size - 1 > m->st.seg[op->segment].limit) {
      return op->segment == SS ? 12 : 13;
    }
  }
  return 0;
}

uint64_t rep_count(const Row *row, const CpuState *st) { return repetitions(row, st); }

/* Keeps what memory holds before it is written. The part past the end of RAM is nobody's. */
void step_note_write(Machine *m, uint64_t address, uint32_t size, int maybe) {
  if (address >= m->ram_size) return;
  if (address + size > m->ram_size) size = (uint32_t)(m->ram_size - address);
  if (m->old_used + size > OLD_BYTES || m->range_count >= sizeof m->ranges / sizeof *m->ranges) {
    m->truncated = 1;
    return;
  }
  m->ranges[m->range_count].address = address;
  m->ranges[m->range_count].size = size;
  m->ranges[m->range_count].old_at = m->old_used;
  m->ranges[m->range_count++].maybe = (uint32_t)maybe;
  memcpy(m->old + m->old_used, m->ram + address, size);
  m->old_used += size;
}

static uint64_t element_address(Machine *m, const CpuState *st, uint64_t i) {
  const MemoryOperand *op = m->string_operand;
  uint64_t offset = m->string_offset + (st->rflags & FLAG_DF ? (uint64_t)0 - i * op->size : i * op->size);
  offset &= op->address_bits == 16 ? 0xffff : op->address_bits == 32 ? 0xffffffff : ~0ull;
  uint64_t physical, linear = is_protected(m) ? linear_of(m, op->segment, offset) : st->seg[op->segment].base + offset;
  return translate(m, linear, 0, &physical, NULL) ? m->ram_size : physical;
}

/* The elements that a rep string instruction may write, in the order in which it writes them. */
static void note_string(Machine *m, const Row *row, const MemoryOperand *op) {
  uint64_t count = repetitions(row, &m->st), room = OLD_BYTES / op->size;
  m->string_operand = op;
  m->string_offset = operand_offset(m, op);
  m->string_count = count < room ? count : room;
  for (uint64_t i = 0; i < m->string_count; i++) {
    uint64_t address = element_address(m, &m->st, i);
    uint32_t at = (uint32_t)i * op->size;
    if (address + op->size <= m->ram_size) memcpy(m->old + at, m->ram + address, op->size);
  }
  m->old_used = (uint32_t)m->string_count * op->size;
}

/* Keeps what lies at linear addresses, page by page; where there is no page, the instruction will fault. */
static void note_operand(Machine *m, uint64_t linear, uint32_t size, int maybe) {
  for (uint32_t done = 0; done < size;) {
    uint64_t physical;
    uint32_t here = (uint32_t)(0x1000 - ((linear + done) & 0xfff));
    if (here > size - done || !(m->st.cr0 & CR0_PG)) here = size - done;
    if (translate(m, linear + done, WALK_WRITE, &physical, NULL)) return;
    step_note_write(m, physical, here, maybe);
    done += here;
  }
}

static void refresh_fpu(Machine *m) {
  if (!m->fpu_is_current) m->cpu->pull(m);
  m->fpu_is_current = 1;
}

/* The operands of the step that begins, for whoever asks what was read and written last. */
static void note_accesses(Machine *m, const Row *row) {
  uint64_t count = row->traits & TRAIT_REP ? repetitions(row, &m->st) : 1;
  for (int i = 0; i < row->operand_count && count; i++) {
    const MemoryOperand *op = &row->operands[i];
    if (!op->size) continue;
    uint64_t linear = linear_of(m, op->segment, operand_offset(m, op)), bytes = count < 0x10000 ? count * op->size : 0x10000;
    if (m->st.rflags & FLAG_DF && row->traits & TRAIT_REP) linear -= bytes - op->size;
    m->accesses[m->access_count++ % RECENT_ACCESSES] =
        (Access){.tick = m->st.tick + 1, .address = linear, .size = (uint32_t)bytes, .access = op->access};
  }
}

/* Opens a step: from here to step_end everything that changes belongs to it. `st` must be the state now. */
void step_begin(Machine *m, const Row *row, int recording) {
  m->row = row;
  m->recording = recording;
  m->step_flags = m->range_count = m->old_used = m->truncated = 0;
  m->string_operand = NULL;
  m->exception = -1;
  m->is_counted = 0;
  m->raised_error = -1;
  m->is_software = m->attempt_count = 0;
  m->error = 0;
  m->before.depth = m->st.depth;
  m->before.rip = m->st.rip;
  m->before.rflags = m->st.rflags;
  if (row->operand_count && (recording || m->st.tick + RECENT_TICKS >= m->until)) note_accesses(m, row);
  if (row->traits & TRAIT_FPU) {
    if (recording) {
      refresh_fpu(m);
      memcpy(m->before.fpu, m->st.fpu, sizeof m->st.fpu);
      memcpy(m->before.ymm, m->st.ymm, sizeof m->st.ymm);
    }
    m->fpu_is_current = 0;
  }
  if (!recording) return;
  memcpy(&m->before, &m->st, offsetof(CpuState, dr));
  for (int i = 0; i < row->operand_count; i++) {
    const MemoryOperand *op = &row->operands[i];
    if (!(op->access & ACCESS_WRITE)) continue;
    if (row->traits & TRAIT_REP) {
      note_string(m, row, op);
    } else {
      note_operand(m, linear_of(m, op->segment, operand_offset(m, op)), op->size, op->access & ACCESS_MAYBE);
    }
  }
}

/* Whether the recorder expected this write (a check on decoding, for tests). */
int step_covers(Machine *m, uint64_t address, uint32_t size) {
  for (uint32_t i = 0; i < m->range_count; i++) {
    if (address >= m->ranges[i].address && address + size <= m->ranges[i].address + m->ranges[i].size) return 1;
  }
  if (m->string_operand) {
    for (uint64_t i = 0; i < m->string_count; i++) {
      uint64_t start = element_address(m, &m->before, i);
      if (address >= start && address + size <= start + m->string_operand->size) return 1;
    }
  }
  return m->truncated || address >= m->ram_size;
}

static void put(TraceBatch *t, uint8_t kind, uint64_t key, uint8_t tag, uint64_t old, uint64_t now) {
  uint32_t i = t->write_count++;
  t->w_key[i] = key;
  t->w_old[i] = old;
  t->w_new[i] = now;
  t->w_owner[i] = 0;
  t->w_kind[i] = kind;
  t->w_key_tag[i] = TAG_INTEGER;
  t->w_old_tag[i] = t->w_new_tag[i] = tag;
}

static uint8_t register_tag(const Machine *m, uint64_t old, uint64_t now) {
  if ((old | now) >> 32) return TAG_BITS64;
  if (m->wide > 1) return TAG_BITS64;
  return m->wide || (old | now) >> 16 ? TAG_BITS32 : TAG_BITS16;
}

static void put_registers(const Machine *m, TraceBatch *t) {
  const CpuState *a = &m->before, *b = &m->st;
  for (uint32_t i = 0; i < 16; i++) {
    if (a->gpr[i] != b->gpr[i]) put(t, WRITE_REGISTER, i, register_tag(m, a->gpr[i], b->gpr[i]), a->gpr[i], b->gpr[i]);
  }
  if (a->rflags != b->rflags) put(t, WRITE_REGISTER, NUMBER_FLAGS, register_tag(m, a->rflags, b->rflags), a->rflags, b->rflags);
  for (uint32_t i = 0; i < SEGMENTS; i++) {
    uint64_t old = a->seg[i].selector, now = b->seg[i].selector;
    if (old != now) put(t, WRITE_REGISTER, NUMBER_SEGMENT + i, TAG_BITS16, old, now);
  }
  const uint64_t old[] = {a->cr0, a->cr2, a->cr3, a->cr4, a->efer}, now[] = {b->cr0, b->cr2, b->cr3, b->cr4, b->efer};
  for (uint32_t i = 0; i < 5; i++) {
    if (old[i] != now[i]) put(t, WRITE_REGISTER, NUMBER_CR0 + i, register_tag(m, 1ull << 31, now[i]), old[i], now[i]);
  }
}

static uint64_t bytes_at(const uint8_t *image, uint32_t at, uint32_t size) {
  uint64_t value = 0;
  memcpy(&value, image + at, size);
  return value;
}

static void put_fpu_field(const Machine *m, TraceBatch *t, uint32_t number, uint32_t old_at, uint32_t at, uint32_t size) {
  uint64_t old = bytes_at(m->before.fpu, old_at, size), now = bytes_at(m->st.fpu, at, size);
  if (old == now) return;
  put(t, WRITE_REGISTER, number, size == 8 ? TAG_BITS64 : size == 4 ? TAG_BITS32 : size == 2 ? TAG_BITS16 : TAG_BITS8, old, now);
}

/* The FXSAVE image has ST(0) first; the trace has physical registers, which a push or pop does not rename. */
static void put_fpu(const Machine *m, TraceBatch *t) {
  uint32_t old_top = m->before.fpu[3] >> 3 & 7, top = m->st.fpu[3] >> 3 & 7;
  put_fpu_field(m, t, NUMBER_FPU, 0, 0, 2);
  put_fpu_field(m, t, NUMBER_FPU + 1, 2, 2, 2);
  put_fpu_field(m, t, NUMBER_FPU + 2, 4, 4, 1);
  put_fpu_field(m, t, NUMBER_MXCSR, 24, 24, 4);
  for (uint32_t i = 0; i < 8; i++) {
    uint32_t old_at = 32 + 16 * ((i - old_top) & 7), at = 32 + 16 * ((i - top) & 7);
    put_fpu_field(m, t, NUMBER_FP + i, old_at, at, 8);
    put_fpu_field(m, t, NUMBER_FP_HIGH + i, old_at + 8, at + 8, 2);
  }
  for (uint32_t i = 0; i < 16; i++) {
    put_fpu_field(m, t, NUMBER_XMM + i, 160 + 16 * i, 160 + 16 * i, 8);
    put_fpu_field(m, t, NUMBER_XMM_HIGH + i, 168 + 16 * i, 168 + 16 * i, 8);
  }
  for (uint32_t i = 0; i < 32; i++) {
    uint64_t old = bytes_at(m->before.ymm, 8 * i, 8), now = bytes_at(m->st.ymm, 8 * i, 8);
    if (old != now) put(t, WRITE_REGISTER, (i & 1 ? NUMBER_YMM_HIGH : NUMBER_YMM) + i / 2, TAG_BITS64, old, now);
  }
}

static void put_piece(Machine *m, TraceBatch *t, uint64_t address, const uint8_t *old, uint32_t size, int maybe) {
  if (address + size > m->ram_size) return;
  const uint8_t *now = m->ram + address;
  if (maybe && !memcmp(old, now, size)) return;
  uint64_t a = 0, b = 0;
  memcpy(&a, old, size);
  memcpy(&b, now, size);
  put(t, WRITE_MEMORY, shown_address(m, address), size == 8 ? TAG_BITS64 : size == 4 ? TAG_BITS32 : size == 2 ? TAG_BITS16 : TAG_BITS8, a, b);
}

static uint32_t piece_size(uint32_t left) { return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1; }

/* Memory entries: pieces of 8, 4, 2, 1 bytes from the lowest address; a rep going down gives one entry an element. */
static void put_memory(Machine *m, TraceBatch *t) {
  uint32_t limit = t->write_count + MAX_PIECES - (m->row->traits & TRAIT_FPU ? FPU_WRITES : 0);
  if (m->string_operand) {
    uint64_t done = repetitions(m->row, &m->before) - repetitions(m->row, &m->st);
    uint64_t count = done < m->string_count ? done : m->string_count;
    uint32_t size = m->string_operand->size, group = m->before.rflags & FLAG_DF ? 1 : 8 / size;
    m->truncated |= done > count;
    for (uint64_t i = 0; i < count;) {
      uint64_t address = element_address(m, &m->before, i), n = 1;
      while (n < group && i + n < count && element_address(m, &m->before, i + n) == address + n * size) n++;
      while (n & (n - 1)) n--; /* a piece has 1, 2, 4 or 8 bytes */
      if (t->write_count >= limit) {
        m->truncated = 1;
        break;
      }
      put_piece(m, t, address, m->old + i * size, (uint32_t)n * size, 0);
      i += n;
    }
  }
  for (uint32_t r = 0; r < m->range_count; r++) {
    for (uint32_t at = 0; at < m->ranges[r].size;) {
      uint32_t size = piece_size(m->ranges[r].size - at);
      if (t->write_count >= limit) {
        m->truncated = 1;
        return;
      }
      put_piece(m, t, m->ranges[r].address + at, m->old + m->ranges[r].old_at + at, size, (int)m->ranges[r].maybe);
      at += size;
    }
  }
}

/* Lets the call depth follow an instruction that is done, once: before what is delivered behind it counts as well. */
void count_call(Machine *m) {
  if (m->is_counted || m->exception >= 0) return; /* an exception instead of the instruction has done its own part */
  m->is_counted = 1;
  if (m->row->traits & TRAIT_CALL) {
    m->st.depth++;
    m->step_flags |= STEP_CALL;
  } else if (m->row->traits & TRAIT_RETURN) {
    if (m->st.depth > 1) m->st.depth--;
    m->step_flags |= STEP_RETURN;
  }
}

/* Closes the step: the clock moves, the call depth follows, and the batch gets its entries. */
void step_end(Machine *m, TraceBatch *trace) {
  count_call(m);
  const Row *row = m->row;
  uint32_t flags = m->step_flags, depth = m->before.depth;
  if (row->traits & TRAIT_JUMP && m->st.rip != ((m->before.rip + row->length) & ip_mask(m))) flags |= STEP_JUMP;
  m->st.tick++;
  m->last_where = row->where;
  m->skip_breakpoint = 0;
  m->row = NULL;
  if (!trace || !m->recording) return;
  uint32_t i = trace->step_count++, first = trace->write_count;
  if (i == 0) trace->first_tick = m->st.tick;
  put_registers(m, trace);
  if (row->traits & TRAIT_FPU) {
    refresh_fpu(m);
    put_fpu(m, trace);
  }
  m->row = row;
  put_memory(m, trace);
  m->row = NULL;
  trace->where[i] = row->where;
  trace->base[i] = trace->thread[i] = 0;
  trace->flags[i] = flags | (m->truncated ? STEP_TRUNCATED : 0);
  trace->depth[i] = (uint16_t)(depth > 0xffff ? 0xffff : depth);
  trace->writes[i] = (uint16_t)(trace->write_count - first);
}
