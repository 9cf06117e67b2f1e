/* The KVM backend: one vCPU, single-stepped through KVM_RUN. Terms and rules: the kernel's virt/kvm/api.rst.
 *
 * - Registers travel through the synced copy in kvm_run (KVM_CAP_SYNC_REGS), so a step is one system call.
 * - A port or memory exit is complete only after KVM_RUN was entered again; with immediate_exit set that happens
 *   without executing anything further, on hosts that advance RIP before the exit and on those that do it after.
 * - The vCPU's IDTR points at a table of ours above the guest's memory, whose every vector leads to an address without
 *   memory. An exception therefore ends KVM_RUN at an address that names the vector, whether or not the host would have
 *   stopped at the handler's first instruction; exec.c then delivers it through the guest's own table.
 * - Setting RIP from outside loses TF on some hosts (KVM compares with the address at which stepping was switched on),
 *   so KVM_SET_GUEST_DEBUG follows every change of registers.
 * - A timer on this thread's CPU time ends a KVM_RUN that does not come back.
 */
#define _GNU_SOURCE
#include "core.h"

#include <stdio.h>

#ifndef __x86_64__ /* KVM runs guests of the host's own kind */

int kvm_attach(Machine *m, const char *device) {
  (void)device;
  snprintf(m->message, sizeof m->message, "this host is no x86");
  return -1;
}
int x86_kvm_open(const char *device) { return (void)device, -1; }
int x86_kvm_extension(int fd, int capability) { return (void)fd, (void)capability, -1; }
void x86_kvm_close(int fd) { (void)fd; }
double x86_kvm_bare_steps(const char *device, uint32_t steps) { return (void)device, (void)steps, -1; }

#else

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TSS_ADDRESS 0xfffbd000ul   /* three pages that KVM wants on Intel hosts; api.rst, KVM_SET_TSS_ADDR */
#define TRAP_TABLE 0xfffc0000ul    /* guest physical address of our vector table: out of real mode's reach */
#define OWN_BYTES 0x2000           /* that table, then the page at GUEST_STACK_PAGE */
#define TRAP_SELECTOR 0xffffu      /* vector v leads to ffff:0010+16v: at or above 1 MiB, where nothing is */
#define TRAP_OFFSET(vector) (0x10u + 16u * (vector))
#define MAX_STOPS 4                /* in front of one instruction that does not get done */
#define WATCH_SIGNAL (SIGRTMIN + 7)
#define WATCH_PERIOD_NS 100000000 /* of CPU time */
#define MAX_CPUID 256
#define XSAVE_AVX 4u
#define YMM_OFFSET 576

typedef struct Kvm {
  int device, vm, vcpu;
  struct kvm_run *run;
  size_t run_size;
  uint8_t *trap_table;
  struct kvm_sregs fixed; /* what a fresh vCPU has in the fields that we do not model */
  struct kvm_sregs user; /* user64: those of ring 3 under the guest kernel */
  uint8_t *seen_tables;  /* user64: the page tables as the vCPU may remember them */
  int stepping;
  timer_t timer;
  int is_watched; /* `timer` exists; its value says nothing, 0 is a timer too */
} Kvm;

/* Counted by the signal handler, a thread's own: a signal that comes late finds nothing that was freed. */
static _Thread_local volatile sig_atomic_t kicks;

static const int KVM_ORDER[8] = {RAX, RBX, RCX, RDX, RSI, RDI, RSP, RBP}; /* struct kvm_regs' first eight fields */

static int fail(Machine *m, const char *what) {
  snprintf(m->message, sizeof m->message, "%s: %s", what, strerror(errno));
  return RUN_FAILED;
}

static void on_watch(int signal) {
  (void)signal;
  kicks = kicks + 1;
}

static int set_stepping(Machine *m, Kvm *k, int on) {
  struct kvm_guest_debug debug = {.control = on ? KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP : 0};
  k->stepping = on;
  return (int)note_call(m, CALL_GUEST_DEBUG, ioctl(k->vcpu, KVM_SET_GUEST_DEBUG, &debug), 0, ARGUMENTS(debug.control));
}

static void put_segment(struct kvm_segment *to, const Segment *from) {
  to->base = from->base;
  to->limit = from->limit;
  to->selector = from->selector;
}

/* In protected mode the whole descriptor cache is the guest's (asm/kvm.h; attributes as in a descriptor). */
static void put_attributes(struct kvm_segment *to, uint16_t a) {
  to->type = a & 15;
  to->s = a >> 4 & 1;
  to->dpl = a >> 5 & 3;
  to->present = a >> 7 & 1;
  to->avl = a >> 12 & 1;
  to->l = a >> 13 & 1;
  to->db = a >> 14 & 1;
  to->g = a >> 15 & 1;
  to->unusable = !to->present;
}

static struct kvm_segment *segment_of(struct kvm_sregs *s, int number) {
  struct kvm_segment *const order[SEGMENTS] = {&s->es, &s->cs, &s->ss, &s->ds, &s->fs, &s->gs};
  return order[number];
}

static int push_segments(Machine *m, Kvm *k) {
  int protected = is_protected(m);
  struct kvm_sregs s = k->fixed;
  for (int i = 0; i < SEGMENTS; i++) {
    put_segment(segment_of(&s, i), &m->st.seg[i]);
    if (!protected) continue;
    /* Every ring of the guest runs in the vCPU's ring 0: what depends on the ring is foreseen or ours (privilege.c). */
    put_attributes(segment_of(&s, i), m->st.seg[i].attributes & ~0x60);
    segment_of(&s, i)->selector &= 0xfffc;
  }
  s.gdt = (struct kvm_dtable){.base = m->st.gdt_base, .limit = (uint16_t)m->st.gdt_limit};
  /* In protected mode protected.c foresees exceptions; one that it did not is a shutdown, and Unicorn's business. */
  s.idt = (struct kvm_dtable){.base = TRAP_TABLE, .limit = protected ? 0 : 0x3ff};
  s.cr0 = m->st.cr0;
  s.cr2 = m->st.cr2;
  s.cr3 = m->st.cr3;
  s.cr4 = m->st.cr4;
  s.efer = m->st.efer;
  return (int)note_call(m, CALL_SET_SREGS, ioctl(k->vcpu, KVM_SET_SREGS, &s), 0,
                        ARGUMENTS(s.cr0, s.cr3, s.cr4, s.efer, (uint64_t)s.cs.selector, s.cs.base));
}

/* AVX's part of an XSAVE image, bit 2 of its header: the upper halves of ymm0-15 at YMM_OFFSET (SDM vol. 1, 13.4.3 and
 * 13.5.3: a processor with AVX has them there). A host without it is not asked to take zeros. */
static void put_ymm(const Machine *m, struct kvm_xsave *x) {
  static const uint8_t zeros[sizeof m->st.ymm];
  if (!memcmp(m->st.ymm, zeros, sizeof zeros)) {
    x->region[128] &= ~(uint32_t)XSAVE_AVX;
    return;
  }
  memcpy((uint8_t *)x->region + YMM_OFFSET, m->st.ymm, sizeof m->st.ymm);
  x->region[128] |= XSAVE_AVX;
}

static void take_ymm(Machine *m, const struct kvm_xsave *x) {
  memset(m->st.ymm, 0, sizeof m->st.ymm);
  if (x->region[128] & XSAVE_AVX) memcpy(m->st.ymm, (const uint8_t *)x->region + YMM_OFFSET, sizeof m->st.ymm);
}

/* KVM_GET_FPU leaves MXCSR out, so the FPU travels as an XSAVE image: FXSAVE's 512 bytes, then the header (SDM vol. 1,
 * 13.4), whose first word says which parts are in use. */
static int push_fpu(Machine *m, Kvm *k) {
  struct kvm_xsave x;
  if (ioctl(k->vcpu, KVM_GET_XSAVE, &x)) return -1;
  uint8_t *image = (uint8_t *)x.region;
  memcpy(image, m->st.fpu, 28); /* then a mask that is the host's own */
  memcpy(image + 32, m->st.fpu + 32, 384); /* x87, then xmm0 to xmm15 */
  x.region[128] |= 3; /* x87 and SSE */
  put_ymm(m, &x);
  note_call(m, CALL_GET_XSAVE, 0, 0, ARGUMENTS(0));
  return (int)note_call(m, CALL_SET_XSAVE, ioctl(k->vcpu, KVM_SET_XSAVE, &x), 0, ARGUMENTS(0));
}

/* Gives the vCPU what changed in `st`; stepping is armed last because it must see the final RIP. */
static int push(Machine *m, Kvm *k, int stepping) {
  if (m->dirty & DIRTY_SEGMENTS && push_segments(m, k)) return -1;
  if (m->dirty & DIRTY_FPU && push_fpu(m, k)) return -1;
  if (m->dirty & DIRTY_REGS) {
    const uint64_t *g = m->st.gpr;
    struct kvm_regs r = {.rax = g[RAX], .rbx = g[RBX], .rcx = g[RCX], .rdx = g[RDX], .rsi = g[RSI], .rdi = g[RDI],
                         .rsp = g[RSP], .rbp = g[RBP], .r8 = g[8], .r9 = g[9], .r10 = g[10], .r11 = g[11],
                         .r12 = g[12], .r13 = g[13], .r14 = g[14], .r15 = g[15], .rip = m->st.rip,
                         .rflags = m->st.rflags & ~(uint64_t)FLAG_TF};
    int failed = ioctl(k->vcpu, KVM_SET_REGS, &r);
    if (note_call(m, CALL_SET_REGS, failed, 0, ARGUMENTS(r.rip, r.rflags, r.rax, r.rcx, r.rdx, r.rsp))) return -1;
  }
  if ((m->dirty & (DIRTY_REGS | DIRTY_SEGMENTS) || stepping != k->stepping) && set_stepping(m, k, stepping)) return -1;
  m->dirty = 0;
  return 0;
}

static void take_regs(Machine *m, const struct kvm_run *run) {
  /* SAFETY: struct kvm_regs begins with sixteen u64 general registers (asm/kvm.h); the first eight in KVM_ORDER. */
  const struct kvm_regs *r = &run->s.regs.regs;
  const uint64_t *values = (const uint64_t *)r;
  for (int i = 0; i < 8; i++) m->st.gpr[KVM_ORDER[i]] = values[i];
  memcpy(m->st.gpr + 8, values + 8, 8 * sizeof *values);
  m->st.rip = r->rip;
  m->st.rflags = (r->rflags & FLAGS_VISIBLE & ~(uint64_t)FLAG_TF) | 2 | (m->st.rflags & FLAG_TF);
}

/* Real mode: an instruction has written segment registers. In protected mode that is ours. */
static void take_segments(Machine *m, struct kvm_sregs *s) {
  for (int i = 0; i < SEGMENTS; i++) {
    m->st.seg[i].selector = segment_of(s, i)->selector;
    m->st.seg[i].base = segment_of(s, i)->base;
  }
}

/* Serves KVM_EXIT_IO. SAFETY: count * size bytes lie at data_offset inside the kvm_run mapping (api.rst, KVM_EXIT_IO). */
static void serve_port(Machine *m, struct kvm_run *run) {
  uint8_t *data = (uint8_t *)run + run->io.data_offset;
  for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
    uint32_t value = 0;
    if (run->io.direction == KVM_EXIT_IO_OUT) {
      memcpy(&value, data, run->io.size);
      give_output(m, value);
    } else {
      value = take_input(m);
      memcpy(data, &value, run->io.size);
    }
  }
}

static void serve_memory(Machine *m, struct kvm_run *run) {
  uint64_t value = ~0ull;
  if (run->mmio.is_write) {
    value = 0;
    memcpy(&value, run->mmio.data, run->mmio.len);
  } else {
    memset(run->mmio.data, 0xff, sizeof run->mmio.data);
  }
  note_unbacked(m, run->mmio.phys_addr, run->mmio.len, run->mmio.is_write, value);
}

/* An exception ended at ffff:0010+16*vector. Undoes the host's own delivery: what it pushed was the guest's state. */
static int undo_delivery(Machine *m, const Row *row, const uint8_t *frame) {
  unsigned vector = (unsigned)(m->st.rip - TRAP_OFFSET(0)) / 16;
  uint64_t sp = m->st.gpr[RSP] & 0xffff;
  if (row->traits & TRAIT_REP) { /* the flags of the iterations that were done lie in the frame */
    uint64_t at = m->st.seg[SS].base + ((sp + 4) & 0xffff);
    uint16_t image;
    if (at + 2 <= m->ram_size) {
      memcpy(&image, m->ram + at, 2);
      m->st.rflags = (m->st.rflags & ~0xffffull) | (image & FLAGS_VISIBLE & ~(uint64_t)FLAG_TF) | 2 | (m->before.rflags & FLAG_TF);
    }
  } else {
    m->st.rflags = m->before.rflags;
  }
  for (int i = 0; i < 6; i++) {
    uint64_t at = m->st.seg[SS].base + ((sp + (uint64_t)i) & 0xffff);
    if (at < m->ram_size) m->ram[at] = frame[i];
  }
  m->st.gpr[RSP] = (m->st.gpr[RSP] & ~0xffffull) | ((sp + 6) & 0xffff);
  m->st.rip = m->before.rip;
  m->dirty |= DIRTY_REGS | DIRTY_SEGMENTS;
  return STEP_RAISED | (int)vector;
}

/* Keeps a return of KVM_RUN with what its exit reason says about kvm_run's union. */
static void note_run(Machine *m, const struct kvm_run *run, int rc) {
  uint64_t data = 0, now = run->immediate_exit;
  if (rc < 0) {
    note_call(m, CALL_RUN, -errno, 0, ARGUMENTS(now));
  } else if (run->exit_reason == KVM_EXIT_IO) {
    if (run->io.count) memcpy(&data, (const uint8_t *)run + run->io.data_offset, run->io.size);
    note_call(m, CALL_RUN, rc, KVM_EXIT_IO, ARGUMENTS(now, run->io.direction, run->io.size, run->io.port, run->io.count, data));
  } else if (run->exit_reason == KVM_EXIT_MMIO) {
    memcpy(&data, run->mmio.data, 8);
    note_call(m, CALL_RUN, rc, KVM_EXIT_MMIO, ARGUMENTS(now, run->mmio.phys_addr, run->mmio.len, run->mmio.is_write, data));
  } else if (run->exit_reason == KVM_EXIT_DEBUG) {
    const struct kvm_debug_exit_arch *debug = &run->debug.arch;
    note_call(m, CALL_RUN, rc, KVM_EXIT_DEBUG, ARGUMENTS(now, debug->exception, debug->pc, debug->dr6, debug->dr7));
  } else if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR) {
    note_call(m, CALL_RUN, rc, KVM_EXIT_INTERNAL_ERROR, ARGUMENTS(now, run->internal.suberror, run->internal.ndata));
  } else {
    note_call(m, CALL_RUN, rc, run->exit_reason, ARGUMENTS(now, run->hw.hardware_exit_reason));
  }
}

/* Enters KVM_RUN until the vCPU stops with nothing pending. Answers the exit reason, or RUN_STUCK / RUN_FAILED negated. */
static int run_to_stop(Machine *m, Kvm *k) {
  struct kvm_run *run = k->run;
  sig_atomic_t kicks_before = kicks;
  run->immediate_exit = 0;
  for (;;) {
    int rc = ioctl(k->vcpu, KVM_RUN, 0);
    note_run(m, run, rc);
    if (rc < 0) {
      if (errno == EINTR && run->immediate_exit) return KVM_EXIT_DEBUG; /* the pending exit is complete */
      if (errno != EINTR && errno != EAGAIN) {
        fail(m, "KVM_RUN");
        return -RUN_FAILED;
      }
      if (kicks - kicks_before >= 2) return -RUN_STUCK;
      continue;
    }
    if (run->exit_reason == KVM_EXIT_IO) {
      serve_port(m, run);
    } else if (run->exit_reason == KVM_EXIT_MMIO) {
      serve_memory(m, run);
    } else if (run->exit_reason != KVM_EXIT_INTR) {
      return (int)run->exit_reason;
    }
    run->immediate_exit = 1;
  }
}

/* Puts the guest's RAM into the VM, or takes it out (size 0).
 * SAFETY: `ram` is page-aligned, lives until after the VM is closed, and is mapped nowhere else. */
static int put_ram(Machine *m, Kvm *k, uint64_t size) {
  struct kvm_userspace_memory_region ram = {.slot = 0, .memory_size = size, .userspace_addr = (uint64_t)m->ram};
  int rc = ioctl(k->vm, KVM_SET_USER_MEMORY_REGION, &ram);
  return (int)note_call(m, CALL_MEMORY_REGION, rc, 0, ARGUMENTS(0, 0, 0, size));
}

static int unsupported(Machine *m, uint32_t reason, uint32_t detail) {
  m->problem_reason = reason;
  m->problem_detail = detail;
  m->st = m->before;
  m->dirty = DIRTY_ALL & ~(uint32_t)DIRTY_FPU;
  return RUN_UNSUPPORTED;
}

/* Exceptions that a refused instruction left queued must not come up later. */
static void clear_events(Machine *m, Kvm *k) {
  struct kvm_vcpu_events events;
  if (ioctl(k->vcpu, KVM_GET_VCPU_EVENTS, &events)) return;
  memset(&events.exception, 0, sizeof events.exception);
  memset(&events.interrupt, 0, sizeof events.interrupt);
  events.flags = 0;
  note_call(m, CALL_GET_EVENTS, 0, 0, ARGUMENTS(0));
  note_call(m, CALL_SET_EVENTS, ioctl(k->vcpu, KVM_SET_VCPU_EVENTS, &events), 0, ARGUMENTS(0));
}

#include "kvm_user.h"

static int kvm_step(Machine *m, const Row *row) {
  if (m->user64) return kvm_user_step(m, row);
  Kvm *k = m->cpu_data;
  int hlt = row->kind == KIND_HLT, protected = is_protected(m);
  uint8_t frame[6] = {0};
  int stops = 0;
  uint64_t sp = m->st.gpr[RSP] & 0xffff;
  if (!m->recording) memcpy(&m->before, &m->st, offsetof(CpuState, dr)); /* a refused step goes back to it */
  memcpy(m->before.dr, m->st.dr, sizeof m->st - offsetof(CpuState, dr));
  uint64_t mask = ip_mask(m);
  if (push(m, k, !hlt)) {
    if (protected && errno == EINVAL) return unsupported(m, KVM_EXIT_FAIL_ENTRY, 0);
    fail(m, "setting the vCPU's registers");
  }
  for (int i = 0; i < 6; i++) {
    uint64_t at = m->st.seg[SS].base + ((sp - 6 + (uint64_t)i) & 0xffff);
    if (at < m->ram_size) frame[i] = m->ram[at];
  }
  for (;;) {
    int reason = run_to_stop(m, k);
    if (reason == -RUN_FAILED) return RUN_FAILED;
    if (reason == -RUN_STUCK) {
      unsupported(m, KVM_EXIT_INTR, 0);
      return RUN_STUCK;
    }
    take_regs(m, k->run);
    uint16_t cs = k->run->s.regs.sregs.cs.selector;
    /* Only a delivery pushes six bytes; a far jump may lead to the same address. */
    int is_delivery = ((sp - m->st.gpr[RSP]) & 0xffff) == 6 && m->st.rip >= TRAP_OFFSET(0);
    if (!protected && cs == TRAP_SELECTOR && is_delivery && reason != KVM_EXIT_SHUTDOWN) {
      clear_events(m, k);
      return undo_delivery(m, row, frame);
    }
    if (reason == KVM_EXIT_SHUTDOWN && protected) return unsupported(m, KVM_EXIT_SHUTDOWN, 0);
    if (reason == KVM_EXIT_SHUTDOWN) {
      m->st.rip = m->before.rip;
      m->dirty = DIRTY_ALL & ~(uint32_t)DIRTY_FPU;
      return RUN_SHUTDOWN;
    }
    if (reason != KVM_EXIT_DEBUG && reason != KVM_EXIT_HLT) {
      clear_events(m, k);
      return unsupported(m, (uint32_t)reason, reason == KVM_EXIT_INTERNAL_ERROR ? k->run->internal.suberror : 0);
    }
    uint64_t next = m->before.rip + row->length;
    if (row->traits & TRAIT_JUMP || ((m->st.rip ^ next) & mask) == 0) break;
    /* Elsewhere: the host ran on without a stop. Memory may have changed; only a fresh start is right after this. */
    if (m->st.rip != m->before.rip) return unsupported(m, KVM_EXIT_DEBUG, 0);
    /* One tick a rep instruction, however often the host stops inside it. Anything else has moved on by now. */
    if (!(row->traits & TRAIT_REP) && ++stops > MAX_STOPS) return unsupported(m, KVM_EXIT_DEBUG, 0);
  }
  if (row->traits & TRAIT_SEGMENTS && !protected) take_segments(m, &k->run->s.regs.sregs);
  return STEP_DONE;
}

static void kvm_poke(Machine *m, uint64_t address, const void *bytes, uint32_t size) { memcpy(m->ram + address, bytes, size); }

static void kvm_pull(Machine *m) {
  Kvm *k = m->cpu_data;
  struct kvm_xsave image;
  if (m->dirty & DIRTY_FPU || note_call(m, CALL_GET_XSAVE, ioctl(k->vcpu, KVM_GET_XSAVE, &image), 0, ARGUMENTS(0))) return;
  const uint8_t *from = (const uint8_t *)image.region;
  uint8_t *x = m->st.fpu;
  memset(x, 0, sizeof m->st.fpu);
  memcpy(x, from, 5);            /* control, status, tags; then pointers that CPUs disagree about */
  memcpy(x + 24, from + 24, 4);  /* MXCSR */
  for (int i = 0; i < 8; i++) memcpy(x + 32 + 16 * i, from + 32 + 16 * i, 10);
  memcpy(x + 160, from + 160, 16 * 16);
  if (m->user64) {
    take_ymm(m, &image);
    canonical_fpu(&m->st);
  }
}

/* Arms or disarms the watch; it belongs to the thread that runs. */
static void kvm_enter(Machine *m, int entering) {
  Kvm *k = m->cpu_data;
  if (!entering) {
    if (k->is_watched) timer_delete(k->timer);
    k->is_watched = 0;
    return;
  }
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = WATCH_SIGNAL};
  /* SAFETY: the union member that holds the thread has no portable name; glibc calls it _sigev_un._tid. */
  event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
  struct itimerspec period = {{0, WATCH_PERIOD_NS}, {0, WATCH_PERIOD_NS}};
  kicks = 0;
  k->is_watched = timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &k->timer) == 0;
  if (k->is_watched) timer_settime(k->timer, 0, &period, NULL);
}

static void kvm_destroy(Machine *m) {
  Kvm *k = m->cpu_data;
  if (k->run) munmap(k->run, k->run_size);
  if (k->vcpu >= 0) close(k->vcpu);
  if (k->vm >= 0) close(k->vm);
  if (k->device >= 0) close(k->device);
  if (k->trap_table) munmap(k->trap_table, OWN_BYTES);
  free(k->seen_tables);
  free(k);
  m->cpu_data = NULL;
}

static const Cpu KVM_CPU = {
    .name = "kvm",
    .keeps_limits = 1,
    .step = kvm_step,
    .poke = kvm_poke,
    .pull = kvm_pull,
    .enter = kvm_enter,
    .destroy = kvm_destroy,
};

static int set_cpuid(Machine *m, Kvm *k) {
  struct kvm_cpuid2 *table = calloc(1, sizeof *table + MAX_CPUID * sizeof *table->entries);
  if (!table) return -1;
  table->nent = MAX_CPUID;
  int rc = ioctl(k->device, KVM_GET_SUPPORTED_CPUID, table);
  if (!note_setup(m, CALL_SUPPORTED_CPUID, rc, ARGUMENTS(table->nent))) {
    rc = ioctl(k->vcpu, KVM_SET_CPUID2, table);
    note_setup(m, CALL_SET_CPUID, rc, ARGUMENTS(table->nent));
  }
  free(table);
  return rc;
}

static int set_region(Machine *m, Kvm *k, struct kvm_userspace_memory_region *r) {
  int rc = ioctl(k->vm, KVM_SET_USER_MEMORY_REGION, r);
  return (int)note_setup(m, CALL_MEMORY_REGION, rc, ARGUMENTS(r->slot, r->flags, r->guest_phys_addr, r->memory_size));
}

/* SAFETY: our two pages and `ram` live until after the VM is closed, and are mapped nowhere else. */
static int map_memory(Machine *m, Kvm *k) {
  k->trap_table = mmap(NULL, OWN_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (k->trap_table == MAP_FAILED) {
    k->trap_table = NULL;
    return -1;
  }
  for (unsigned vector = 0; vector < 256; vector++) {
    const uint16_t entry[2] = {(uint16_t)TRAP_OFFSET(vector), TRAP_SELECTOR};
    memcpy(k->trap_table + 4 * vector, entry, 4);
  }
  struct kvm_userspace_memory_region table = {
      .slot = 1, .guest_phys_addr = TRAP_TABLE, .memory_size = OWN_BYTES, .userspace_addr = (uint64_t)k->trap_table};
  struct kvm_userspace_memory_region ram = {.slot = 0, .memory_size = m->ram_size, .userspace_addr = (uint64_t)m->ram};
  return set_region(m, k, &ram) || set_region(m, k, &table);
}

/* The device by its path, or as `descriptor:N` where it was opened for a process that may open nothing. */
static int open_device(const char *device) {
  static const char given[] = "descriptor:";
  if (strncmp(device, given, sizeof given - 1)) return open(device, O_RDWR | O_CLOEXEC);
  return fcntl(atoi(device + sizeof given - 1), F_DUPFD_CLOEXEC, 3);
}

static int extension(Machine *m, Kvm *k, int which) {
  return (int)note_setup(m, CALL_CHECK_EXTENSION, ioctl(k->device, KVM_CHECK_EXTENSION, which), ARGUMENTS((uint64_t)which));
}

static int open_vm(Machine *m, Kvm *k, const char *device) {
  k->device = open_device(device);
  if (note_setup(m, CALL_OPEN, k->device, ARGUMENTS(0)) < 0) return fail(m, device);
  if (note_setup(m, CALL_API_VERSION, ioctl(k->device, KVM_GET_API_VERSION, 0), ARGUMENTS(0)) != KVM_API_VERSION) {
    errno = ENOSYS;
    return fail(m, "KVM_GET_API_VERSION");
  }
  int synced = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
  if ((extension(m, k, KVM_CAP_SYNC_REGS) & synced) != synced || extension(m, k, KVM_CAP_IMMEDIATE_EXIT) <= 0 ||
      extension(m, k, KVM_CAP_SET_GUEST_DEBUG) <= 0) {
    errno = ENOSYS;
    return fail(m, "KVM_CAP_SYNC_REGS, KVM_CAP_IMMEDIATE_EXIT, KVM_CAP_SET_GUEST_DEBUG");
  }
  k->vm = (int)note_setup(m, CALL_CREATE_VM, ioctl(k->device, KVM_CREATE_VM, 0), ARGUMENTS(0));
  if (k->vm < 0) return fail(m, "KVM_CREATE_VM");
  note_setup(m, CALL_SET_TSS_ADDR, ioctl(k->vm, KVM_SET_TSS_ADDR, TSS_ADDRESS), ARGUMENTS(TSS_ADDRESS)); /* Intel only; others answer with an error that means nothing */
#ifdef KVM_CAP_EXIT_ON_EMULATION_FAILURE
  struct kvm_enable_cap cap = {.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args = {1}};
  note_setup(m, CALL_ENABLE_CAP, ioctl(k->vm, KVM_ENABLE_CAP, &cap), ARGUMENTS(cap.cap, cap.args[0])); /* where it is missing, clear_events does without */
#endif
  if (map_memory(m, k)) return fail(m, "KVM_SET_USER_MEMORY_REGION");
  k->vcpu = (int)note_setup(m, CALL_CREATE_VCPU, ioctl(k->vm, KVM_CREATE_VCPU, 0), ARGUMENTS(0));
  if (k->vcpu < 0) return fail(m, "KVM_CREATE_VCPU");
  if (set_cpuid(m, k)) return fail(m, "KVM_SET_CPUID2");
  int size = (int)note_setup(m, CALL_MMAP_SIZE, ioctl(k->device, KVM_GET_VCPU_MMAP_SIZE, 0), ARGUMENTS(0));
  void *run = size > 0 ? mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, k->vcpu, 0) : MAP_FAILED;
  if (note_setup(m, CALL_MMAP, run == MAP_FAILED ? -1 : 0, ARGUMENTS((uint64_t)size))) return fail(m, "mapping kvm_run");
  k->run = run;
  k->run_size = (size_t)size;
  k->run->kvm_valid_regs = (uint64_t)synced;
  if (note_setup(m, CALL_GET_SREGS, ioctl(k->vcpu, KVM_GET_SREGS, &k->fixed), ARGUMENTS(0))) return fail(m, "KVM_GET_SREGS");
  return 0;
}

int kvm_attach(Machine *m, const char *device) {
  Kvm *k = calloc(1, sizeof *k);
  if (!k) return -1;
  k->device = k->vm = k->vcpu = -1;
  struct sigaction action = {.sa_handler = on_watch};
  m->cpu_data = k;
  if (open_vm(m, k, device)) {
    kvm_destroy(m);
    return -1;
  }
  if (sigaction(WATCH_SIGNAL, &action, NULL)) {
    fail(m, "sigaction");
    kvm_destroy(m);
    return -1;
  }
  m->cpu = &KVM_CPU;
  return 0;
}

/* For the doctor: /dev/kvm itself. A descriptor, or -1. */
int x86_kvm_open(const char *device) { return open_device(device); }
int x86_kvm_extension(int fd, int capability) { return ioctl(fd, KVM_CHECK_EXTENSION, capability); }
void x86_kvm_close(int fd) { close(fd); }

/* For the benchmark: seconds that `steps` bare KVM_RUN single steps of `inc ax; jmp` take, nothing recorded; < 0 on error. */
double x86_kvm_bare_steps(const char *device, uint32_t steps) {
  static const uint8_t code[] = {0x40, 0xeb, 0xfd};
  double seconds = -1;
  Machine *m = x86_create(1 << 20);
  if (!m) return -1;
  if (kvm_attach(m, device) == 0) {
    Kvm *k = m->cpu_data;
    memcpy(m->ram, code, sizeof code);
    for (int i = 0; i < SEGMENTS; i++) m->st.seg[i].limit = 0xffff;
    m->st.rflags = 2;
    m->st.cr0 = 0x10;
    m->dirty = DIRTY_REGS | DIRTY_SEGMENTS;
    struct timespec a, b;
    int failed = push(m, k, 1);
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (uint32_t i = 0; i < steps && !failed; i++) failed = ioctl(k->vcpu, KVM_RUN, 0) || k->run->exit_reason != KVM_EXIT_DEBUG;
    clock_gettime(CLOCK_MONOTONIC, &b);
    if (!failed) seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
  }
  x86_destroy(m);
  return seconds;
}
#endif
