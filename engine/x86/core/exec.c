/* The run loop, and the instructions whose meaning is ours on every CPU.
 *
 * Delivery through the interrupt vector table is ours: `int n` is executed here, and an exception that the CPU finds
 * is handed to step_raise, so that the handler's first instruction is a step of its own on every host (a CPU under
 * single-step may run a handler without a stop; KVM says nothing about it). TF is ours for the same reason: KVM uses
 * it to single-step and hides the guest's. What would differ from host to host or from run to run (cpuid, rdtsc,
 * MSRs, debug registers) is ours too: a program and its journal must give the same states everywhere.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "core.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static int batch_is_full(const TraceBatch *t) {
  return t->step_count >= t->step_capacity || t->write_count + TRACE_WRITE_MARGIN > t->write_capacity;
}

static uint64_t clock_of(const Machine *m) { return m->st.tick + m->st.idle; }

/* Whether the next instruction may be executed at all now; 0 and its row, or a RUN_x. */
int gate(Machine *m, uint64_t until, TraceBatch *trace, const Row **row) {
  if (m->st.tick >= until || (trace && batch_is_full(trace))) return RUN_BUDGET;
  if (clock_of(m) >= m->event_at) return RUN_EVENT;
  uint64_t linear = linear_of(m, CS, m->st.rip), physical;
  int is_missing = translate(m, linear, 0, &physical, NULL);
  if (!is_missing && physical >= m->ram_size) return RUN_NO_MEMORY;
  *row = row_find(m, linear, is_missing ? m->ram_size : physical);
  if (!*row) {
    m->fetch = linear;
    return RUN_NEED_ROW;
  }
  if (m->use_breakpoints && (*row)->traits & TRAIT_BREAKPOINT && !m->skip_breakpoint) return RUN_BREAKPOINT;
  return 0;
}

void note_unbacked(Machine *m, uint64_t address, uint32_t size, int is_write, uint64_t value) {
  m->unbacked_total++;
  if (m->unbacked_count < MAX_UNBACKED) {
    m->unbacked[m->unbacked_count++] = (Unbacked){.address = address, .value = value, .size = size, .is_write = (uint32_t)is_write};
  }
}

uint32_t take_input(Machine *m) { return m->input_used < m->input_count ? m->input[m->input_used++] : 0xffffffff; }

void give_output(Machine *m, uint32_t value) {
  if (m->output_count < MAX_ELEMENTS) m->output[m->output_count++] = value;
}

static uint32_t read_guest(Machine *m, uint64_t address, uint32_t size) {
  uint32_t value = 0xffffffff;
  if (address + size <= m->ram_size) {
    memcpy(&value, m->ram + address, size);
  } else {
    note_unbacked(m, address, size, 0, value);
  }
  return size == 4 ? value : value & ((1u << 8 * size) - 1);
}

static void push16(Machine *m, uint16_t value) {
  m->st.gpr[RSP] = (m->st.gpr[RSP] & ~0xffffull) | ((m->st.gpr[RSP] - 2) & 0xffff);
  uint64_t address = m->st.seg[SS].base + (m->st.gpr[RSP] & 0xffff);
  if (address + 2 <= m->ram_size) {
    step_note_write(m, address, 2, 0);
    m->cpu->poke(m, address, &value, 2);
  } else {
    note_unbacked(m, address, 2, 1, value);
  }
}

static int is_contributory(unsigned vector) { return vector == 0 || (vector >= 10 && vector <= 13); }

static int triple_fault(Machine *m) {
  m->st.rip = m->before.rip;
  m->st.halted = 1;
  m->step_flags |= STEP_FAULT;
  return RUN_SHUTDOWN;
}

/* Delivers `vector` through the IVT (SDM vol. 3, 20.1.4): FLAGS, CS and `return_rip` are pushed, IF, TF and AC cleared.
 * A vector outside IDTR's limit or a stack without room raises the next exception; 0, or RUN_SHUTDOWN when that too
 * fails as a double fault. */
int step_raise(Machine *m, unsigned vector, uint64_t return_rip, int is_fault) {
  if (is_fault && !(m->row->traits & TRAIT_REP)) m->range_count = m->old_used = 0;
  m->exception = (int)vector;
  m->step_flags |= STEP_INTERRUPT | (is_fault || m->user64 ? STEP_ERROR : 0);
  if (m->user64) return user_raise(m, vector, return_rip, is_fault);
  if (is_protected(m)) {
    int ended = protected_raise(m, vector, return_rip, is_fault);
    m->missing = ended == TASK_SWITCH ? TASK_SWITCH : 0;
    return ended == TASK_SWITCH ? RUN_MISSING : ended ? triple_fault(m) : 0;
  }
  int was_contributory = is_fault && is_contributory(vector);
  for (;;) {
    uint64_t sp = m->st.gpr[RSP] & 0xffff;
    uint64_t entry = m->st.idt_base + vector * 4;
    int no_vector = vector * 4 + 3 > m->st.idt_limit || entry + 4 > m->ram_size;
    if (!no_vector && sp != 1 && sp != 3 && sp != 5) {
      uint16_t target[2];
      push16(m, (uint16_t)m->st.rflags);
      push16(m, m->st.seg[CS].selector);
      push16(m, (uint16_t)return_rip);
      memcpy(target, m->ram + entry, 4); /* after the pushes: a stack inside the table is seen by the CPU as well */
      m->st.rip = target[0];
      m->st.seg[CS].selector = target[1];
      m->st.seg[CS].base = (uint64_t)target[1] << 4;
      m->st.rflags &= ~(uint64_t)(FLAG_IF | FLAG_TF | FLAG_AC);
      m->st.depth++;
      m->dirty |= DIRTY_REGS | DIRTY_SEGMENTS;
      return 0;
    }
    if (vector == 8) break;
    vector = was_contributory ? 8 : no_vector ? 13 : 12;
    return_rip = m->before.rip;
    was_contributory = 1;
  }
  return triple_fault(m);
}

static void set32(Machine *m, int number, uint32_t value) {
  m->st.gpr[number] = value;
  m->dirty |= DIRTY_REGS;
}

/* The CPU that every program of ours sees, on every host: what decoder.py offers, no more. */
static void cpuid(Machine *m) {
  static const char name[48] = "Glassbox virtual CPU";
  uint32_t leaf = (uint32_t)m->st.gpr[RAX], out[4] = {0, 0, 0, 0}; /* eax ebx ecx edx */
  if (leaf == 0) {
    out[0] = 7;
    memcpy(&out[1], "Glas", 4);
    memcpy(&out[3], "sbox", 4);
    memcpy(&out[2], "VCPU", 4);
  } else if (leaf == 1) {
    out[0] = 0x600;
    out[2] = 1 << 23; /* popcnt */
    out[3] = 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8; /* fpu pse tsc msr pae cx8 */
    out[3] |= 1 << 15 | 1 << 19 | 1 << 23 | 1 << 24 | 1 << 25 | 1 << 26; /* cmov clflush mmx fxsr sse sse2 */
  } else if (leaf == 7) {
    out[1] = 1 << 3; /* tzcnt; the rest of BMI1 needs what real mode cannot encode */
  } else if (leaf == 0x80000000) {
    out[0] = 0x80000004;
  } else if (leaf == 0x80000001) {
    out[2] = 1 << 5; /* lzcnt */
    out[3] = 1 << 29; /* long mode */
  } else if (leaf >= 0x80000002 && leaf <= 0x80000004) {
    memcpy(out, name + (leaf - 0x80000002) * 16, 16);
  }
  set32(m, RAX, out[0]);
  set32(m, RBX, out[1]);
  set32(m, RCX, out[2]);
  set32(m, RDX, out[3]);
}

static int load_ss(Machine *m, const Row *row) {
  uint32_t selector;
  if (row->operand_count) {
    int vector = operand_violation(m, row);
    if (vector) return STEP_RAISED | vector;
    selector = read_guest(m, m->st.seg[row->operands[0].segment].base + operand_offset(m, &row->operands[0]), 2);
  } else {
    selector = (uint16_t)m->st.gpr[row->data];
  }
  if (row->kind == KIND_POP_SS) m->st.gpr[RSP] = (m->st.gpr[RSP] & ~0xffffull) | ((m->st.gpr[RSP] + row->data) & 0xffff);
  m->st.seg[SS].selector = (uint16_t)selector;
  m->st.seg[SS].base = (uint64_t)selector << 4;
  m->dirty |= DIRTY_REGS | DIRTY_SEGMENTS;
  return STEP_DONE;
}

static void zero(Machine *m, uint64_t address, uint32_t size) {
  static const uint8_t zeros[4096];
  for (uint32_t done = 0; done < size; done += sizeof zeros) {
    uint32_t left = size - done;
    m->cpu->poke(m, address + done, zeros, left < sizeof zeros ? left : sizeof zeros);
  }
}

/* Does what the host has computed for a firmware service or a system call. */
void serve(Machine *m) {
  Service *s = &m->service;
  for (uint32_t i = 0; i < s->write_count; i++) {
    step_note_write(m, s->writes[i].address, s->writes[i].size, 0);
    if (s->writes[i].at == ZEROS) zero(m, s->writes[i].address, s->writes[i].size);
    else m->cpu->poke(m, s->writes[i].address, s->bytes + s->writes[i].at, s->writes[i].size);
  }
  memcpy(m->st.gpr, s->gpr, sizeof s->gpr);
  m->st.idle += s->idle;
  m->dirty |= DIRTY_REGS;
}

/* Executes a row that is ours. Answers STEP_x or RUN_x. */
static int emulate(Machine *m, const Row *row) {
  uint64_t next = (m->st.rip + row->length) & ip_mask(m), here = m->st.rip;
  int result = STEP_DONE;
  m->st.rip = next;
  m->dirty |= DIRTY_REGS;
  switch (row->kind) {
  case KIND_INT:
    m->is_software = row->bytes[row->length - 1] != 0xf1 || row->length > 1; /* int1 goes through any gate */
    if (!m->user64 || row->data == 1 || row->data == 3 || row->data == 4) result = step_raise(m, row->data, next, 0);
    if (result == RUN_MISSING) m->st.rip = here;
    if (!m->user64 || row->data == 1 || row->data == 3 || row->data == 4) return result;
    m->error = row->data * 8 + 2; /* the kernel's other gates are not for ring 3 */
    result = STEP_RAISED | 13;
    break;
  case KIND_SERVICE: serve(m); break;
  case KIND_INTO:
    m->is_software = 1;
    return m->st.rflags & FLAG_OF ? step_raise(m, 4, next, 0) : STEP_DONE;
  case KIND_CPUID: cpuid(m); break;
  case KIND_RDTSC:
    set32(m, RAX, (uint32_t)clock_of(m));
    set32(m, RDX, (uint32_t)(clock_of(m) >> 32));
    break;
  case KIND_LOAD_SS:
  case KIND_POP_SS: result = load_ss(m, row); break;
  case KIND_READ_DR: set32(m, row->data & 0xff, (uint32_t)m->st.dr[row->data >> 8]); break;
  case KIND_WRITE_DR: m->st.dr[row->data >> 8] = (uint32_t)m->st.gpr[row->data & 0xff]; break;
  case KIND_RAISE: result = STEP_RAISED | (int)row->data; break;
  case KIND_SKIP:
  case KIND_NEGATE:
  case KIND_TEST: result = simple_instruction(m, row); break;
  case KIND_SYSCALL: result = user_system_call(m, row, next); break;
  case KIND_FS_BASE: result = user_base(m, row); break;
  default: result = system_instruction(m, row, next); break;
  }
  if (result & STEP_RAISED || result == RUN_MISSING) m->st.rip = here;
  return result;
}

/* Executes a row on the CPU, with TF of a FLAGS image kept true for the guest. */
static int on_cpu(Machine *m, const Row *row) {
  uint64_t mask = stack_mask(m), tf = m->st.rflags & FLAG_TF, at;
  uint64_t stack = linear_of(m, SS, m->st.gpr[RSP] & mask), linear = row->kind == KIND_IRET ? stack + 2 * row->data : stack;
  uint16_t image = 0xffff;
  if (!translate(m, linear, 0, &at, NULL) && at + 2 <= m->ram_size) memcpy(&image, m->ram + at, 2);
  int result = m->cpu->step(m, row);
  if (result != STEP_DONE) return result;
  if (row->kind == KIND_POPF || row->kind == KIND_IRET) {
    m->st.rflags = (m->st.rflags & ~(uint64_t)FLAG_TF) | (image & FLAG_TF);
    uint64_t kept = !ring(m) ? 0 : ring(m) > (int)(m->before.rflags >> 12 & 3) ? FLAGS_PRIVILEGED : FLAGS_PRIVILEGED & ~(uint64_t)FLAG_IF;
    m->st.rflags = (m->st.rflags & ~kept) | (m->before.rflags & kept);
    m->dirty |= DIRTY_REGS; /* the CPU's own TF: popped away from the stepper, or set by the image */
  } else if (row->kind == KIND_PUSHF) {
    if (!translate(m, linear_of(m, SS, m->st.gpr[RSP] & mask), 0, &at, NULL) && at + 2 <= m->ram_size) {
      memcpy(&image, m->ram + at, 2);
      uint16_t right = (uint16_t)((image & ~FLAG_TF) | tf);
      if (right != image) m->cpu->poke(m, at, &right, 2);
    }
  }
  return STEP_DONE;
}

/* #UD or #NM of an instruction whose FPU registers the control registers have switched off (SDM vol. 3, table 2-2 and
 * 13.1); 0: it may run. Looked up here because CPUs under KVM and Unicorn say it in their own ways, or not at all. */
static int fpu_fault(const Machine *m, const Row *row) {
  int is_off = m->st.cr0 & CR0_EM ? 1 : 0, is_switched = m->st.cr0 & CR0_TS ? 1 : 0;
  switch (row->fpu) {
  case FPU_X87:
  case FPU_STATE: return is_off || is_switched ? 7 : 0;
  case FPU_WAIT: return is_switched && m->st.cr0 & CR0_MP ? 7 : 0;
  case FPU_MMX: return is_off ? 6 : is_switched ? 7 : 0;
  case FPU_SSE: return is_off || !(m->st.cr4 & CR4_OSFXSR) ? 6 : is_switched ? 7 : 0;
  default: return 0;
  }
}

/* Whether the CPU may execute the row as one of a stretch, without exec.c looking at it. */
int is_simple(const Machine *m, const Row *row) {
  if (is_protected(m) || row->kind != KIND_PLAIN || row->traits & TRAIT_ALONE || m->st.rflags & FLAG_TF || m->irq_vector >= 0) return 0;
  if (m->st.rip + row->length - 1 > m->st.seg[CS].limit || fpu_fault(m, row)) return 0;
  if (row->fpu && misaligned(m, row)) return 0;
  return !(row->traits & TRAIT_CHECK) || m->cpu->keeps_limits || !operand_violation(m, row);
}

static void set_rep_count(Machine *m, const Row *row, uint64_t count) {
  uint64_t mask = row->address_bits == 16 ? 0xffff : row->address_bits == 32 ? 0xffffffff : ~0ull;
  m->st.gpr[RCX] = (m->st.gpr[RCX] & ~mask) | (count & mask);
  m->dirty |= DIRTY_REGS;
}

/* Executes a rep string instruction that runs into its segment's limit, on a CPU that does not look at limits: as many
 * elements as there is room for, then the exception with the rest still in CX, unless cmps or scas found its end. */
static int cut_rep(Machine *m, const Row *row, uint64_t room, int then) {
  int is_repne = 0;
  uint64_t count = rep_count(row, &m->st);
  if (room) {
    set_rep_count(m, row, room);
    int ended = on_cpu(m, row);
    if (ended != STEP_DONE) return ended;
    uint64_t left = rep_count(row, &m->st);
    set_rep_count(m, row, left + count - room);
    for (int i = 0; i < row->length - 1; i++) is_repne |= row->bytes[i] == 0xf2;
    int compares = (row->bytes[row->length - 1] & 0xf6) == 0xa6, is_zero = m->st.rflags & FLAG_ZF ? 1 : 0;
    if (left || (compares && is_zero == is_repne)) return STEP_DONE;
    m->st.rip = m->before.rip;
  }
  return then;
}

static int is_ours(const Row *row) { return row->kind >= KIND_INT && row->kind != KIND_REFUSED; }

/* Whether an interrupt may come at the end of this instruction (SDM vol. 3, 6.8): not in the shadow of sti, mov ss and
 * pop ss; and not after a port was used, which may have changed the controller's mind. */
static int takes_interrupt(const Machine *m, const Row *row) {
  if (m->irq_vector < 0 || !(m->st.rflags & FLAG_IF) || m->exception >= 0) return 0;
  if (row->kind == KIND_IN || row->kind == KIND_OUT || row->kind == KIND_LOAD_SS || row->kind == KIND_POP_SS) return 0;
  return row->bytes[row->length - 1] != 0xfb || row->length > 1 || m->before.rflags & FLAG_IF; /* sti */
}

/* A hlt that waits: the clock goes on to where the next interrupt comes. */
static void wait_for_interrupt(Machine *m) {
  if (m->wake_at > clock_of(m) + 1) m->st.idle = m->wake_at - m->st.tick - 1;
  m->woke = 1;
  m->step_flags |= STEP_EXIT;
}

static void open_port(Machine *m, const Row *row) {
  uint64_t count = rep_count(row, &m->st);
  m->port.port = row->data == NO_PORT ? (uint16_t)m->st.gpr[RDX] : row->data;
  m->port.size = row->port_size;
  m->port.is_out = row->kind == KIND_OUT;
  m->port.count = !(row->traits & TRAIT_REP) ? 1 : count < MAX_ELEMENTS ? (uint32_t)count : MAX_ELEMENTS;
}

/* Ends the step in progress after the CPU said `ended` (STEP_x). 0, or a RUN_x. */
int finish_plain(Machine *m, int ended, TraceBatch *trace) {
  const Row *row = m->row;
  int result = 0, traps = m->before.rflags & FLAG_TF && row->kind != KIND_LOAD_SS && row->kind != KIND_POP_SS;
  if (ended & STEP_RAISED) {
    result = step_raise(m, (unsigned)ended & 0xff, m->before.rip, 1);
  } else if (ended == RUN_SHUTDOWN) {
    m->st.halted = 1;
    m->step_flags |= STEP_FAULT;
    result = RUN_SHUTDOWN;
  } else if (ended == RUN_EXCEPTION || ended == RUN_TOO_LONG) {
    result = ended;
  } else if (row->kind == KIND_HLT && m->wait == WAIT_WAKE) {
    wait_for_interrupt(m);
  } else if (row->kind == KIND_HLT) {
    m->step_flags |= STEP_HALT | STEP_EXIT;
    m->st.halted = 1;
    result = RUN_HALT;
  } else if (traps && m->exception < 0) {
    count_call(m);
    result = step_raise(m, 1, m->st.rip, 0);
  }
  if (!result && takes_interrupt(m, row)) {
    m->irq_taken = 1;
    count_call(m);
    result = step_raise(m, (unsigned)m->irq_vector, m->st.rip, 0);
  }
  m->wait = WAIT_UNDECIDED;
  int is_exit = m->output_count || m->input_ready || m->unbacked_total || m->service.ready;
  int is_device = is_exit || m->exception >= 0 || m->woke;
  if (is_exit) m->step_flags |= STEP_EXIT;
  step_end(m, trace);
  if (result) return result;
  return is_device ? RUN_DEVICE : 0;
}

static int real_step(Machine *m, const Row *row) {
  int vector = m->cpu->keeps_limits && !is_ours(row) ? 0 : operand_violation(m, row);
  if (m->st.rip + row->length - 1 > m->st.seg[CS].limit) return STEP_RAISED | 13;
  if (fpu_fault(m, row)) return STEP_RAISED | fpu_fault(m, row);
  if (vector && row->traits & TRAIT_REP) {
    uint64_t room = rep_room(m, row, &vector);
    return cut_rep(m, row, room, STEP_RAISED | vector);
  }
  if (vector && row->kind != KIND_RAISE) return STEP_RAISED | vector;
  if (row->fpu && misaligned(m, row)) return STEP_RAISED | 13;
  return is_ours(row) ? emulate(m, row) : on_cpu(m, row);
}

static int protected_step(Machine *m, const Row *row) {
  int vector = 13;
  if (code_bits(m) != 64 && m->st.rip + row->length - 1 > m->st.seg[CS].limit) return STEP_RAISED | 13;
  if (fpu_fault(m, row)) return STEP_RAISED | fpu_fault(m, row);
  int found = foresee(m, row);
  if (found) return STEP_RAISED | (found & 0xff);
  if (row->traits & TRAIT_REP && row->operand_count) {
    uint64_t room = protected_room(m, row, &vector);
    if (room > MAX_REPETITIONS) return cut_rep(m, row, MAX_REPETITIONS, RUN_TOO_LONG);
    if (room < rep_count(row, &m->st)) return cut_rep(m, row, room, STEP_RAISED | vector);
  }
  return is_ours(row) ? emulate(m, row) : on_cpu(m, row);
}

/* A ring that may not use the port gets no value from it either. */
static int is_port_denied(Machine *m) { return ring(m) && !m->user64 && port_fault(m, m->port.port, m->port.size); }

static int one_step(Machine *m, const Row *row, TraceBatch *trace) {
  if (row->kind == KIND_REFUSED) return RUN_UNSUPPORTED;
  if (row->kind == KIND_MISSING) return RUN_MISSING;
  if (row->kind == KIND_IN || row->kind == KIND_OUT) open_port(m, row);
  if (row->kind == KIND_IN && m->port.count && !m->input_ready && !is_port_denied(m)) return RUN_NEED_INPUT;
  if ((row->kind == KIND_SERVICE || row->kind == KIND_SYSCALL) && !m->service.ready) return RUN_NEED_SERVICE;
  if (row->kind == KIND_HLT && m->st.rflags & FLAG_IF && m->wait == WAIT_UNDECIDED) return RUN_WAIT;
  step_begin(m, row, trace != NULL);
  int ended = is_protected(m) ? protected_step(m, row) : real_step(m, row);
  if (ended != STEP_DONE && ended != RUN_SHUTDOWN && ended != RUN_EXCEPTION && ended != RUN_TOO_LONG && !(ended & STEP_RAISED)) {
    m->row = NULL;
    return ended;
  }
  return finish_plain(m, ended, trace);
}

/* Executes until the clock reads `until`, the batch is full, or something needs Python. Answers a RUN_x. */
int x86_run(Machine *m, uint64_t until, TraceBatch *trace) {
  int result = 0;
  m->unbacked_count = m->unbacked_total = m->output_count = 0;
  m->irq_taken = 0;
  m->woke = 0;
  m->until = until;
  m->cpu->enter(m, 1);
  while (!result) {
    const Row *row;
    result = gate(m, until, trace, &row);
    if (result) break;
    int is_stretch = m->cpu->run_plain && is_simple(m, row);
    result = is_stretch ? m->cpu->run_plain(m, until, trace) : one_step(m, row, trace);
  }
  m->cpu->enter(m, 0);
  return result;
}

Machine *x86_create(uint64_t ram_size) {
  Machine *m = calloc(1, sizeof *m);
  void *ram;
  if (!m) return NULL;
  m->input = calloc(MAX_ELEMENTS, 4);
  m->output = calloc(MAX_ELEMENTS, 4);
  m->service.bytes = malloc(SERVICE_BYTES);
  ram = mmap(NULL, ram_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); /* zeros that cost nothing yet */
  if (!m->input || !m->output || !m->service.bytes || ram == MAP_FAILED) {
    if (ram != MAP_FAILED) munmap(ram, ram_size);
    free(m->input);
    free(m->output);
    free(m->service.bytes);
    free(m);
    return NULL;
  }
  m->ram = ram;
  m->ram_size = ram_size;
  m->exception = m->irq_vector = -1;
  m->event_at = UINT64_MAX;
  return m;
}

int x86_attach(Machine *m, int use_kvm, const char *device) {
  if (m->cpu) m->cpu->destroy(m);
  m->cpu = NULL;
  m->dirty = DIRTY_ALL;
  m->fpu_is_current = 1;
  m->setup_count = 0;
  m->call_count = 0;
  return use_kvm ? kvm_attach(m, device) : uc_attach(m);
}

void x86_destroy(Machine *m) {
  if (m->cpu) m->cpu->destroy(m);
  for (uint32_t i = 0; i < m->row_count; i++) free(m->all[i]);
  free(m->all);
  free(m->input);
  free(m->output);
  free(m->service.bytes);
  user_forget_map(m);
  munmap(m->ram, m->ram_size);
  free(m);
}

/* Takes a copy of a decoded row. -1 when memory is short. */
int x86_add_row(Machine *m, const Row *row) {
  if (m->row_count == m->row_capacity) {
    uint32_t capacity = m->row_capacity ? 2 * m->row_capacity : 256;
    Row **all = realloc(m->all, capacity * sizeof *all);
    if (!all) return -1;
    m->all = all;
    m->row_capacity = capacity;
  }
  Row *copy = malloc(sizeof *copy);
  if (!copy) return -1;
  *copy = *row;
  uint32_t slot = (uint32_t)((row->address * 0x9E3779B97F4A7C15ull) >> (64 - HASH_BITS));
  copy->next = m->rows[slot];
  m->rows[slot] = copy;
  m->all[m->row_count++] = copy;
  return 0;
}

/* Forgets every decoded row (another CPU may have to refuse other instructions). */
void x86_forget_rows(Machine *m) {
  for (uint32_t i = 0; i < m->row_count; i++) free(m->all[i]);
  memset(m->rows, 0, sizeof m->rows);
  m->row_count = 0;
}

int x86_has_row(Machine *m, uint64_t address) {
  uint64_t physical;
  return !translate(m, address, 0, &physical, NULL) && row_find(m, address, physical) != NULL;
}

/* What kind of code comes next: 16, 32 or 64 bits, negative outside protected mode. */
int x86_bits(Machine *m) { return is_protected(m) ? code_bits(m) : -16; }

/* The page-table walk for a linear address: 0, or the exception that an access would raise. */
int x86_translate(Machine *m, uint64_t linear, uint64_t *physical, Walk *path) {
  return translate(m, linear, 0, physical, path);
}

void x86_breakpoint(Machine *m, uint32_t where, int on) {
  for (uint32_t i = 0; i < m->row_count; i++) {
    if (m->all[i]->where != where) continue;
    m->all[i]->traits = on ? m->all[i]->traits | TRAIT_BREAKPOINT : m->all[i]->traits & ~(uint32_t)TRAIT_BREAKPOINT;
  }
}

void x86_pull(Machine *m) {
  m->cpu->pull(m);
  m->fpu_is_current = 1;
}

/* `st` and memory were replaced from outside (restore). */
void x86_touched(Machine *m) {
  m->dirty = DIRTY_ALL;
  m->fpu_is_current = 1;
  m->access_count = 0;
  user_forget_map(m);
}

/* Writes memory between steps (loading the program). */
void x86_write(Machine *m, uint64_t address, const uint8_t *bytes, uint32_t size) {
  if (address < m->ram_size && size <= m->ram_size - address) memcpy(m->ram + address, bytes, size);
  m->dirty |= DIRTY_MEMORY;
  user_forget_map(m);
}

/* Memory that the service that comes next fills with zeros. -1 when it is too much. */
int x86_service_zero(Machine *m, uint64_t address, uint32_t size) {
  Service *s = &m->service;
  if (s->write_count == MAX_SERVICE_WRITES || address >= m->ram_size || size > m->ram_size - address) return -1;
  s->writes[s->write_count].address = address;
  s->writes[s->write_count].size = size;
  s->writes[s->write_count++].at = ZEROS;
  return 0;
}

/* One of the writes of the service that comes next. -1 when it is too much. */
int x86_service_write(Machine *m, uint64_t address, const uint8_t *bytes, uint32_t size) {
  Service *s = &m->service;
  if (s->write_count == MAX_SERVICE_WRITES || size > SERVICE_BYTES - s->used) return -1;
  if (address >= m->ram_size || size > m->ram_size - address) return -1;
  memcpy(s->bytes + s->used, bytes, size);
  s->writes[s->write_count].address = address;
  s->writes[s->write_count].size = size;
  s->writes[s->write_count++].at = s->used;
  s->used += size;
  return 0;
}
