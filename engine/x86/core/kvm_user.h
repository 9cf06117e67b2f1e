/* A part of kvm.c: ring 3 (user64). The vCPU really runs under the guest kernel: its GDT, TSS, IDT and page tables.
 *
 * - TF is set by us, so every instruction ends in #DB. A host that intercepts it reports KVM_EXIT_DEBUG; any other one
 *   delivers it through the IDT to the kernel's stub of vector 1, whose `out` is a KVM_EXIT_IO. So does every exception:
 *   the stub's address names the vector, the frame on the kernel's stack has what the CPU pushed. Both ways are taken.
 * - A rep string instruction is done by user.c: here it would stop at every element.
 * - The stub does nothing else, so the general registers are still the program's. It is never resumed: the next step
 *   loads ring 3's registers afresh, through the synced copy in kvm_run.
 * - `syscall` and `int 0x80` are never executed by the vCPU: user.c does them on every CPU.
 * - The kernel's stack is a page of the host's own, so what delivery leaves there is no part of the guest's state.
 */
#ifndef GLASSBOX_X86_KVM_USER_H
#define GLASSBOX_X86_KVM_USER_H

enum { TABLE_BYTES = GUEST_FRAMES - GUEST_TABLES, TSS_SELECTOR = 0x40, BUSY_TSS = 11 };
#define STUBS (GUEST_KERNEL + GUEST_STUBS)
#define STACK (GUEST_KERNEL + GUEST_STACK)

typedef struct Frame { /* what delivery pushes, upwards from the last push */
  uint64_t rip, cs, rflags, rsp, ss;
} Frame;

static void load_system(Machine *m, Kvm *k) {
  struct kvm_sregs *s = &k->user;
  *s = k->fixed;
  for (int i = 0; i < SEGMENTS; i++) {
    put_segment(segment_of(s, i), &m->st.seg[i]);
    put_attributes(segment_of(s, i), m->st.seg[i].attributes);
  }
  s->tr = (struct kvm_segment){.base = GUEST_KERNEL + GUEST_TSS, .limit = 0x67, .selector = TSS_SELECTOR, .type = BUSY_TSS, .present = 1};
  s->gdt = (struct kvm_dtable){.base = m->st.gdt_base, .limit = (uint16_t)m->st.gdt_limit};
  s->idt = (struct kvm_dtable){.base = m->st.idt_base, .limit = (uint16_t)m->st.idt_limit};
  s->cr0 = m->st.cr0;
  s->cr2 = m->st.cr2;
  s->cr3 = m->st.cr3;
  s->cr4 = m->st.cr4;
  s->efer = m->st.efer;
}

/* The page tables may have been replaced from outside (a restore), which a vCPU that keeps shadows of them, or a TLB,
 * does not notice. New entries need nothing; when one changed that was there, the RAM is taken out and put in again. */
static int renew_tables(Machine *m, Kvm *k) {
  const uint8_t *now = m->ram + GUEST_TABLES;
  int has_changed = 0;
  if (!k->seen_tables) {
    k->seen_tables = malloc(TABLE_BYTES);
    if (!k->seen_tables) return -1;
    memcpy(k->seen_tables, now, TABLE_BYTES);
    return 0;
  }
  for (uint32_t at = 0; at < TABLE_BYTES && !has_changed; at += 4096) {
    if (!memcmp(now + at, k->seen_tables + at, 4096)) continue;
    for (uint32_t i = at; i < at + 4096; i += 8) has_changed |= k->seen_tables[i] & 1 && memcmp(now + i, k->seen_tables + i, 8);
  }
  memcpy(k->seen_tables, now, TABLE_BYTES);
  return has_changed && (put_ram(m, k, 0) || put_ram(m, k, m->ram_size));
}

static int load(Machine *m, Kvm *k) {
  if (k->stepping && set_stepping(m, k, 0)) return -1;
  if (m->dirty & DIRTY_MEMORY && renew_tables(m, k)) return -1;
  if (m->dirty & DIRTY_SEGMENTS) load_system(m, k);
  if (m->dirty & DIRTY_FPU && push_fpu(m, k)) return -1;
  const uint64_t *g = m->st.gpr;
  k->run->s.regs.regs = (struct kvm_regs){
      .rax = g[RAX], .rbx = g[RBX], .rcx = g[RCX], .rdx = g[RDX], .rsi = g[RSI], .rdi = g[RDI], .rsp = g[RSP], .rbp = g[RBP],
      .r8 = g[8], .r9 = g[9], .r10 = g[10], .r11 = g[11], .r12 = g[12], .r13 = g[13], .r14 = g[14], .r15 = g[15],
      .rip = m->st.rip, .rflags = m->st.rflags | FLAG_TF};
  k->run->s.regs.sregs = k->user;
  k->run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
  m->dirty = 0;
  return 0;
}

/* KVM_RUN until it comes back with an exit: its reason, or a RUN_x negated. */
static int enter(Machine *m, Kvm *k) {
  sig_atomic_t kicks_before = kicks;
  k->run->immediate_exit = 0;
  for (;;) {
    int rc = ioctl(k->vcpu, KVM_RUN, 0);
    note_run(m, k->run, rc);
    if (rc >= 0) return (int)k->run->exit_reason;
    if (errno == EINVAL) return KVM_EXIT_FAIL_ENTRY; /* a host that does not take these registers */
    if (errno != EINTR && errno != EAGAIN) {
      fail(m, "KVM_RUN");
      return -RUN_FAILED;
    }
    if (kicks - kicks_before >= 2) return -RUN_STUCK;
  }
}

static int has_error_code(unsigned vector) {
  return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30;
}

/* The vector whose stub the vCPU is in, with what delivery pushed; -1 when it is not in one.
 * SAFETY: the frame lies in the host's page of the kernel's stack, which the bounds are checked against. */
static int delivered(Kvm *k, Frame *frame, uint32_t *error) {
  const struct kvm_regs *r = &k->run->s.regs.regs;
  uint64_t at = r->rsp - STACK;
  if (k->run->exit_reason != KVM_EXIT_IO || k->run->io.port != GUEST_PORT || r->rip - STUBS >= 256 * 16) return -1;
  unsigned vector = (unsigned)(r->rip - STUBS) / 16;
  uint32_t skip = has_error_code(vector) ? 8 : 0;
  if (at > 4096 - sizeof *frame - skip) return -1;
  const uint8_t *stack = k->trap_table + (GUEST_STACK_PAGE & 0x1fff) + at;
  *error = 0;
  if (skip) memcpy(error, stack, 4);
  memcpy(frame, stack + skip, sizeof *frame);
  return (int)vector;
}

/* SAFETY: struct kvm_regs begins with sixteen u64 general registers (asm/kvm.h), in this order. */
static void take(Machine *m, const struct kvm_regs *r, const Frame *frame) {
  static const int order[16] = {RAX, RBX, RCX, RDX, RSI, RDI, RSP, RBP, 8, 9, 10, 11, 12, 13, 14, 15};
  const uint64_t *values = (const uint64_t *)r;
  for (int i = 0; i < 16; i++) m->st.gpr[order[i]] = values[i];
  m->st.gpr[RSP] = frame->rsp;
  m->st.rip = frame->rip;
  m->st.rflags = (frame->rflags & FLAGS_VISIBLE & ~(uint64_t)FLAG_TF) | 2 | (m->st.rflags & FLAG_TF);
}

static int raised(Machine *m, Kvm *k, const Row *row, unsigned vector, uint32_t error) {
  if (vector == 6 && row->traits & TRAIT_AVX) return unsupported(m, 0, 0);
  m->error = error;
  m->fault_address = k->run->s.regs.sregs.cr2;
  memcpy(m->st.gpr, m->before.gpr, sizeof m->st.gpr);
  m->st.rflags = m->before.rflags;
  m->st.rip = m->before.rip;
  return STEP_RAISED | (int)vector;
}

static int kvm_user_step(Machine *m, const Row *row) {
  Kvm *k = m->cpu_data;
  Frame frame;
  uint32_t error;
  if (row->traits & TRAIT_REP) return user_string(m, row);
  if (!m->recording) memcpy(&m->before, &m->st, offsetof(CpuState, dr)); /* a refused step goes back to it */
  memcpy(m->before.dr, m->st.dr, sizeof m->st - offsetof(CpuState, dr));
  for (int stops = 0;;) {
    if (load(m, k)) {
      fail(m, "setting the vCPU's registers");
      return RUN_FAILED;
    }
    int reason = enter(m, k);
    if (reason == -RUN_FAILED) return RUN_FAILED;
    if (reason == -RUN_STUCK) {
      unsupported(m, KVM_EXIT_INTR, 0);
      return RUN_STUCK;
    }
    int vector = delivered(k, &frame, &error);
    if (reason == KVM_EXIT_DEBUG) {
      const struct kvm_regs *r = &k->run->s.regs.regs;
      frame = (Frame){.rip = r->rip, .rflags = r->rflags, .rsp = r->rsp};
      vector = 1;
    }
    if (vector < 0) return unsupported(m, (uint32_t)reason, reason == KVM_EXIT_INTERNAL_ERROR ? k->run->internal.suberror : 0);
    if (vector != 1) return raised(m, k, row, (unsigned)vector, error);
    take(m, &k->run->s.regs.regs, &frame);
    if (row->traits & TRAIT_JUMP || m->st.rip == m->before.rip + row->length) return STEP_DONE;
    if (m->st.rip != m->before.rip || ++stops > MAX_STOPS) return unsupported(m, KVM_EXIT_DEBUG, 0);
  }
}
#endif
