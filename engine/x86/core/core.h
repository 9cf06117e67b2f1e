/* The x86 machine: state, decoded rows, the recorder, and the contract of a CPU backend. See exec.c for the loop.
 *
 * Everything that decides what an instruction *means to the recording* is written once, in record.c and exec.c; a CPU
 * backend (kvm.c, uc.c) only executes one instruction, or a stretch of plain ones, and reports how that ended.
 */
#ifndef GLASSBOX_X86_CORE_H
#define GLASSBOX_X86_CORE_H
#include <stddef.h>
#include <stdint.h>

#include "trace_columns.h"

#define NO_REGISTER 0xff
#define MAX_OPERANDS 12           /* memory operands of one instruction; `enter` with nesting has the most that we keep */
#define OLD_BYTES 2048            /* memory bytes before a step that we keep; more are executed but not recorded */
#define MAX_PIECES 220            /* memory entries of one step; together with the registers below TRACE_WRITE_MARGIN */
#define MAX_ELEMENTS 65536        /* port elements of one string instruction: a 64 KiB segment holds no more */
#define MAX_UNBACKED 64           /* accesses to memory that is not there, kept per step */
#define FPU_WRITES 84             /* entries of a step that changes everything the FPU has */
#define MAX_REPETITIONS (1u << 22) /* of a rep in protected mode: more is a program that means no good */
#define RECENT_ACCESSES 64        /* of memory, kept for whoever asks */
#define RECENT_TICKS 32           /* a stretch that is not recorded follows them over this many last ticks */
#define MAX_SETUP_CALLS 96        /* calls to KVM or Unicorn, kept for whoever asks */
#define MAX_CALLS 256
#define HASH_BITS 14

/* RFLAGS, Intel SDM vol. 1, 3.4.3. */
enum { FLAG_CF = 1, FLAG_PF = 4, FLAG_AF = 0x10, FLAG_ZF = 0x40, FLAG_SF = 0x80, FLAG_TF = 0x100, FLAG_IF = 0x200, FLAG_DF = 0x400, FLAG_OF = 0x800, FLAG_AC = 0x40000 };
/* The bits that are guest state: CF PF AF ZF SF IF DF OF IOPL NT AC ID. TF belongs to us (see exec.c), RF to nobody. */
#define FLAGS_VISIBLE 0x247ed5u

#define FLAGS_PRIVILEGED 0x3200ull /* IF and IOPL: popf in ring 3 leaves them (SDM vol. 2, POPF) */

enum { CR0_PE = 1, CR0_MP = 2, CR0_EM = 4, CR0_TS = 8, CR0_WP = 0x10000, CR4_TSD = 4, CR4_PSE = 0x10, CR4_PAE = 0x20, CR4_OSFXSR = 0x200 };
#define EFER_SCE 1ull
#define EFER_LME 0x100ull
#define EFER_LMA 0x400ull
#define EFER_NXE 0x800ull
#define CR0_PG 0x80000000ull
enum { ATTRIBUTE_L = 0x2000, ATTRIBUTE_D = 0x4000, ATTRIBUTE_G = 0x8000 }; /* of a segment */
enum { WALK_WRITE = 1, WALK_MARK = 2, WALK_USER = 4, WALK_FETCH = 8 };       /* how translate looks at a page */

/* user64: where the guest kernel's tables lie (physical), and where it sees all of them (linear); layout.py fills them. */
#define GUEST_KERNEL 0xffffffff80000000
#define GUEST_GDT 0x1000
#define GUEST_TSS 0x1800
#define GUEST_IDT 0x2000
#define GUEST_STUBS 0x3000       /* vector v's: 16 bytes at GUEST_STUBS + 16 * v */
#define GUEST_TABLES 0x4000      /* page tables, the root first */
#define GUEST_FRAMES 0x44000     /* from here on the program's pages */
#define GUEST_STACK 0x1ff000     /* in the kernel's addresses: a page that is the host's, not part of the guest's state */
#define GUEST_STACK_PAGE 0xfffc1000 /* its physical address */
#define GUEST_PORT 0xe0          /* the stubs' `out` */

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };      /* hardware encoding order */
enum { ES, CS, SS, DS, FS, GS, SEGMENTS };
enum { NUMBER_IP = 16, NUMBER_FLAGS = 17, NUMBER_SEGMENT = 18, NUMBER_CR0 = 24, NUMBER_CR2, NUMBER_CR3, NUMBER_CR4, NUMBER_EFER };
/* x87: control, status, tags; MXCSR; the eight physical registers' 64 low bits (MMX's mm0-mm7) and then their sign and
 * exponent; the sixteen XMM registers' low halves and then their high halves; the same of the YMM registers' upper ones. */
enum { NUMBER_FPU = 29, NUMBER_MXCSR = 32, NUMBER_FP = 33, NUMBER_FP_HIGH = 41, NUMBER_XMM = 49, NUMBER_XMM_HIGH = 65, NUMBER_YMM = 81,
       NUMBER_YMM_HIGH = 97 };

typedef struct Segment {
  uint64_t base;
  uint32_t limit;
  uint16_t selector;
  uint16_t attributes; /* as in a descriptor's bits 40-55 */
} Segment;

/* The vCPU's state in one canonical form, whichever CPU runs it: this is what is saved, restored and digested. */
typedef struct CpuState {
  uint64_t gpr[16];
  uint64_t rip, rflags; /* rflags includes TF as the guest set it; no CPU backend is ever given it */
  Segment seg[SEGMENTS];
  uint64_t gdt_base, idt_base;
  uint32_t gdt_limit, idt_limit;
  uint64_t cr0, cr2, cr3, cr4, efer;
  uint64_t dr[8];
  Segment tr, ldt;
  uint64_t star, lstar, fmask, kernel_gs; /* MSRs */
  uint8_t fpu[512]; /* FXSAVE image without the last instruction's pointers, which CPUs disagree about */
  uint8_t ymm[256]; /* the upper halves of ymm0-15 */
  uint64_t tick;
  uint64_t idle;   /* what the machine's clock went on beyond the ticks while a hlt waited: clock = tick + idle */
  uint32_t depth;  /* 1 + calls and interrupts minus returns, never below 1 */
  uint32_t halted;
} CpuState;

enum { /* what executes a row */
  KIND_PLAIN = 0,  /* the CPU, nothing special */
  KIND_HLT,        /* the CPU, without single-stepping */
  KIND_IN,         /* the CPU; the port's values are fetched first. data = port, or NO_PORT for dx */
  KIND_OUT,        /* the CPU; values are handed out afterwards */
  KIND_PUSHF,      /* the CPU; then the image's TF is put right */
  KIND_POPF,       /* the CPU; TF of the image is kept by us */
  KIND_IRET,       /* as POPF */
  KIND_INT,        /* us: delivery of vector `data` */
  KIND_INTO,       /* us: delivery of vector 4 if OF */
  KIND_CPUID,      /* us: the same CPU everywhere */
  KIND_RDTSC,      /* us: the tick is the time stamp */
  KIND_RDMSR,      /* us */
  KIND_WRMSR,      /* us */
  KIND_LOAD_SS,    /* us: mov ss, register `data` or memory operand 0 */
  KIND_POP_SS,     /* us: data = bytes popped */
  KIND_READ_DR,    /* us: data = general register | debug register << 8 */
  KIND_WRITE_DR,   /* us: as READ_DR */
  KIND_RAISE,      /* us: exception `data` (an instruction that this machine does not have) */
  KIND_REFUSED,    /* the CPU in use would execute it wrongly */
  KIND_SERVICE,    /* the host: a firmware service; what it does is computed first */
  KIND_MISSING,    /* nobody: this machine has it not, in this mode */
  KIND_LGDT,       /* us, from here on; see system.c. data = bytes of a base */
  KIND_LIDT,
  KIND_SGDT,
  KIND_SIDT,
  KIND_SMSW,
  KIND_LMSW,
  KIND_CLTS,
  KIND_TO_CR,      /* data = general register | control register << 8 */
  KIND_FROM_CR,
  KIND_LOAD_SEG,   /* in protected mode: data = segment | register << 8 | size << 16 */
  KIND_POP_SEG,
  KIND_READ_SEG,
  KIND_PUSH_SEG,
  KIND_FAR_JUMP,   /* data = size of the offset; target or memory operand 0 */
  KIND_FAR_CALL,
  KIND_FAR_RETURN, /* data = size | bytes to drop << 8 */
  KIND_PROTECTED_IRET, /* data = size */
  KIND_SYSCALL,        /* the host, in user64: data = 0, or 0x80 for `int 0x80` */
  KIND_FS_BASE,        /* us: rdfsbase and its like; data = register | segment << 8 | writes << 16 | size << 24 */
  KIND_SKIP,           /* us: no effect that this machine has (fences, reserved nops) */
  KIND_NEGATE,         /* us: lock neg; data = size, memory operand 0 */
  KIND_TEST,           /* us: test by its second encoding; data = size | register << 8 (0xff: memory), target = immediate */
  KIND_FAST_CALL,      /* us, in privilege.c and system.c from here on: syscall and sysret of 64-bit code, data = size */
  KIND_FAST_RETURN,
  KIND_SWAPGS,
  KIND_LOAD_POINTER,   /* data = segment | register << 8 | size << 16 */
  KIND_LTR,            /* data = register | size << 8 */
  KIND_LLDT,
  KIND_STR,
  KIND_SLDT,
  KIND_LOOK,           /* data = register | destination << 8 | size << 16 | LOOK_x << 24 */
  KIND_NO_PAGE,        /* us: what comes next, after `length` bytes, lies on no page */
};
#define NO_PORT 0x10000
enum { LOOK_RIGHTS, LOOK_LIMIT, LOOK_READ, LOOK_WRITE }; /* lar, lsl, verr, verw */
enum { FREE, BY_IOPL, BY_RING_0 };                       /* who may execute a row */
enum { TR_NUMBER = 100, LDT_NUMBER };                    /* beside the segment registers */
enum { TASK_SWITCH = 0x2000, VIRTUAL_8086 };             /* what this machine does not do */
#define MAX_ATTEMPTS 6                                   /* exceptions on the way to a triple fault */

enum { /* traits of a row */
  TRAIT_CALL = 1,
  TRAIT_RETURN = 2,
  TRAIT_JUMP = 4,
  TRAIT_REP = 8,
  TRAIT_SEGMENTS = 16, /* writes a segment register */
  TRAIT_CHECK = 32,    /* it may fault: the state before it must be known */
  TRAIT_BREAKPOINT = 64,
  TRAIT_ALONE = 128, /* an emulator must start afresh with it */
  TRAIT_FPU = 256,   /* it uses x87, MMX or SSE registers */
  TRAIT_AVX = 512,   /* not every host has it, and no emulator */
};

/* fldcw; fcomi; cmpxchg of 32 bits, data = register; emms */
enum { MEND_CONTROL = 0x100, MEND_COMPARE = 0x200, MEND_EXCHANGE = 0x400, MEND_TOP = 0x800 };
enum { FPU_NONE, FPU_X87, FPU_WAIT, FPU_MMX, FPU_SSE, FPU_STATE }; /* what a row needs of CR0 and CR4; STATE: fxsave, fxrstor */
enum { ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_MAYBE = 4, ACCESS_ALIGNED = 8 };

/* One memory operand: segment:[base + index * scale + displacement], wrapped to address_bits. */
typedef struct MemoryOperand {
  uint64_t displacement;
  uint32_t size; /* bytes; of one element for a rep string instruction */
  uint8_t segment, base, index, scale;
  uint8_t address_bits, access;
  uint8_t bit_register, bit_size; /* bts/btr/btc m, r: the register selects an operand of bit_size bits around it */
} MemoryOperand;

/* One distinct (address, bytes), decoded once. */
typedef struct Row {
  uint64_t address;
  uint8_t bytes[15], length;
  uint32_t where, kind, traits, data;
  uint32_t divide;   /* div and idiv: size | signed << 8 | register << 16; 0: another instruction */
  uint64_t target;   /* of a far jump: selector << 32 | offset */
  uint8_t port_size, operand_count, address_bits, code_bits, is_protected;
  uint8_t fpu, privilege; /* FPU_x; who may */
  uint16_t mend; /* what has to be put right after it ran on Unicorn: MMX registers that it writes, a bit each, and MEND_x */
  MemoryOperand operands[MAX_OPERANDS];
  struct Row *next;
} Row;

enum { /* why x86_run came back */
  RUN_BUDGET = 1,
  RUN_BREAKPOINT,
  RUN_NEED_ROW,   /* decode at `fetch`, x86_add_row, run again */
  RUN_NEED_INPUT, /* an `in` comes next: fill `input`, run again */
  RUN_DEVICE,     /* the step that just ended touched ports or missing memory, or raised an exception */
  RUN_HALT,
  RUN_SHUTDOWN,    /* triple fault */
  RUN_NO_MEMORY,   /* the next instruction lies where there is no memory */
  RUN_MISSING,     /* this machine has not the next instruction, in this mode */
  RUN_UNSUPPORTED, /* this CPU cannot execute the next instruction */
  RUN_STUCK,       /* the CPU did not come back from it */
  RUN_FAILED,      /* the host failed; see `message` */
  RUN_NEED_SERVICE, /* a firmware service comes next: fill `service`, run again */
  RUN_EVENT,        /* the machine's clock reached `event_at` */
  RUN_WAIT,         /* a hlt comes next and interrupts are on: set `wait`, run again */
  RUN_TOO_LONG,     /* the step that just ended would have gone on beyond MAX_REPETITIONS */
  RUN_EXCEPTION,    /* user64: the step that just ended raised an exception, and the kernel ends the program */
};

enum { /* how one CPU step ended */
  STEP_DONE = 0,
  STEP_RAISED = 0x100, /* | vector: the instruction faulted; registers and memory are as before it, but for a rep */
};

typedef struct Walk { /* the entries that translate an address, from the root on */
  uint64_t at[4], entry[4];
  uint32_t levels;
} Walk;

/* A memory operand of a step that ended or is in progress: `size` bytes from a linear address on. */
typedef struct Access {
  uint64_t tick, address;
  uint32_t size, access;
} Access;

enum { /* calls that are kept; calls.py has their names and arguments */
  CALL_OPEN = 1,
  CALL_API_VERSION,
  CALL_CHECK_EXTENSION,
  CALL_CREATE_VM,
  CALL_SET_TSS_ADDR,
  CALL_ENABLE_CAP,
  CALL_MEMORY_REGION,
  CALL_CREATE_VCPU,
  CALL_SUPPORTED_CPUID,
  CALL_SET_CPUID,
  CALL_MMAP_SIZE,
  CALL_MMAP,
  CALL_GET_SREGS,
  CALL_SET_SREGS,
  CALL_SET_REGS,
  CALL_GET_XSAVE,
  CALL_SET_XSAVE,
  CALL_GUEST_DEBUG,
  CALL_GET_EVENTS,
  CALL_SET_EVENTS,
  CALL_RUN,
  CALL_UC_OPEN,
  CALL_UC_CONTROL,
  CALL_UC_MAP,
  CALL_UC_MMIO,
  CALL_UC_HOOK,
  CALL_UC_CONTEXT_SAVE,
  CALL_UC_CONTEXT_RESTORE,
  CALL_UC_REGISTERS,
  CALL_UC_SEGMENTS,
  CALL_UC_FPU,
  CALL_UC_FLUSH,
  CALL_UC_START,
};

/* A call to KVM or to Unicorn. `reason` is the exit's (of CALL_RUN) or what ended uc_emu_start. */
typedef struct Call {
  uint64_t tick;
  int64_t result;
  uint32_t what, reason;
  uint64_t arguments[6];
} Call;

typedef struct PortAccess {
  uint32_t port, size, count, is_out;
} PortAccess;

typedef struct Unbacked {
  uint64_t address, value;
  uint32_t size, is_write;
} Unbacked;

enum { WAIT_UNDECIDED = 0, WAIT_HALT, WAIT_WAKE }; /* what a hlt with interrupts on comes to */
#define MAX_SERVICE_WRITES 256
#define SERVICE_BYTES 131072 /* more than the longest disk transfer */
#define ZEROS 0xffffffffu    /* instead of an offset: zeros are written */

/* What a firmware service does, computed before its step. `bytes` of write i begin at at. */
typedef struct Service {
  uint32_t ready, write_count, used;
  uint64_t gpr[8], idle, fs_base;
  uint32_t sets_fs, maps; /* fs_base is meant; page tables are among what is written */
  struct { uint64_t address; uint32_t size, at; } writes[MAX_SERVICE_WRITES];
  uint8_t *bytes; /* SERVICE_BYTES */
} Service;

typedef struct Machine Machine;

/* A CPU. `dirty` in the machine says what it must take over from `st` before it executes. */
typedef struct Cpu {
  const char *name;
  int keeps_limits; /* checks segment limits by itself */
  int (*step)(Machine *m, const Row *row);                         /* STEP_x, or a RUN_x that ends the run */
  int (*run_plain)(Machine *m, uint64_t until, TraceBatch *trace); /* NULL: none; else 0 or a RUN_x */
  void (*poke)(Machine *m, uint64_t address, const void *bytes, uint32_t size);
  void (*pull)(Machine *m); /* make `st` complete, the FPU included */
  void (*enter)(Machine *m, int entering);
  void (*destroy)(Machine *m);
} Cpu;

enum { DIRTY_REGS = 1, DIRTY_SEGMENTS = 2, DIRTY_FPU = 4, DIRTY_MEMORY = 8, DIRTY_ALL = 15 };

struct Machine {
  CpuState st, before; /* `before`: the state when the step in progress began */
  uint8_t *ram;
  uint64_t ram_size;
  const Cpu *cpu;
  void *cpu_data;
  uint32_t dirty;
  uint32_t wide; /* registers are shown with 32 bits */
  uint32_t user64; /* the program runs in ring 3 under the guest kernel (user.c) */
  Row *rows[1 << HASH_BITS];
  Row **all;
  uint32_t row_count, row_capacity;
  uint64_t fetch; /* RUN_NEED_ROW: the linear address */
  uint32_t last_where;
  int skip_breakpoint, use_breakpoints;

  /* the step in progress */
  const Row *row;
  int recording;
  uint32_t step_flags;
  uint32_t range_count, old_used, truncated;
  struct { uint64_t address; uint32_t size, old_at, maybe; } ranges[MAX_OPERANDS + 8];
  uint64_t string_offset, string_count; /* rep string write */
  const MemoryOperand *string_operand;
  uint8_t old[OLD_BYTES + 64];
  int exception; /* vector delivered by this step, -1 if none */
  uint32_t is_software;    /* it is delivered for an `int`, which the gate's level may forbid */
  uint32_t missing;        /* after RUN_MISSING: TASK_SWITCH, VIRTUAL_8086, or 0 for the instruction itself */
  uint32_t attempt_count;
  struct { uint32_t vector; int64_t error; } attempts[MAX_ATTEMPTS]; /* of this step, in order; error -1: none */
  uint32_t error;          /* what the exception that was just found says */
  int64_t raised_error;    /* the error code that the delivered exception pushed; -1: none */
  uint64_t fault_address;  /* of a page fault */

  /* ports and missing memory */
  PortAccess port;
  uint32_t input_ready, input_used, input_count, output_count;
  uint32_t *input, *output; /* MAX_ELEMENTS each */
  uint32_t unbacked_count, unbacked_total;
  Unbacked unbacked[MAX_UNBACKED];

  Service service;
  uint64_t *frames; /* user64: the linear page that each frame is mapped at, all ones for none; NULL: not known now */

  /* interrupts from devices, and the machine's clock */
  int irq_vector;    /* what the interrupt controller asks for now; -1: nothing */
  int irq_taken;     /* the step that just ended delivered it */
  int is_counted;    /* the step's own call or return is in the depth already */
  uint64_t event_at; /* the clock at which a device has something to do */
  uint64_t wake_at;  /* with WAIT_WAKE: the clock after the hlt */
  uint32_t wait, woke;

  /* a check of the recorder against the CPU's own accesses (Unicorn only, tests) */
  uint32_t audit, audit_failures;
  uint64_t audit_address;

  uint32_t fpu_is_current; /* st.fpu is what the CPU has */
  uint64_t until;          /* of the run in progress */
  uint64_t access_count, call_count;
  uint32_t setup_count;
  Access accesses[RECENT_ACCESSES]; /* number n at n % RECENT_ACCESSES; calls likewise */
  Call setup_calls[MAX_SETUP_CALLS], calls[MAX_CALLS];

  uint32_t problem_reason; /* of RUN_UNSUPPORTED and RUN_STUCK: KVM's exit_reason and suberror */
  uint32_t problem_detail;
  char message[160];
};

/* record.c */
const Row *row_find(Machine *m, uint64_t linear, uint64_t physical);
uint64_t operand_offset(const Machine *m, const MemoryOperand *op);
uint64_t rep_room(const Machine *m, const Row *row, int *vector);
uint64_t rep_count(const Row *row, const CpuState *st);
int operand_violation(const Machine *m, const Row *row);
void step_begin(Machine *m, const Row *row, int recording);
void step_note_write(Machine *m, uint64_t address, uint32_t size, int maybe);
void count_call(Machine *m);
void step_end(Machine *m, TraceBatch *trace);
int step_covers(Machine *m, uint64_t address, uint32_t size);

/* calls.c: keep a call that was made. `note_setup` while a CPU is put in, `note_call` from then on. */
#define ARGUMENTS(...) ((const uint64_t[6]){__VA_ARGS__})
int64_t note_setup(Machine *m, uint32_t what, int64_t result, const uint64_t arguments[6]);
int64_t note_call(Machine *m, uint32_t what, int64_t result, uint32_t reason, const uint64_t arguments[6]);

/* protected.c */
int is_protected(const Machine *m);
int code_bits(const Machine *m);
uint64_t ip_mask(const Machine *m);
uint64_t stack_mask(const Machine *m);
uint64_t linear_of(const Machine *m, int segment, uint64_t offset);
int translate(Machine *m, uint64_t linear, int how, uint64_t *physical, Walk *path);
int read_linear(Machine *m, uint64_t linear, void *bytes, uint32_t size);
int write_linear(Machine *m, uint64_t linear, const void *bytes, uint32_t size);
uint64_t protected_room(Machine *m, const Row *row, int *vector);
int foresee(Machine *m, const Row *row);
int push_value(Machine *m, uint64_t value, uint32_t size);
int pop_value(Machine *m, uint64_t *value, uint32_t size);

/* privilege.c */
int ring(const Machine *m);
int load_segment(Machine *m, int number, uint16_t selector);
int protected_raise(Machine *m, unsigned vector, uint64_t return_rip, int is_fault);
int far_transfer(Machine *m, uint16_t selector, uint64_t offset, int is_call, uint32_t size, uint64_t next);
int far_return(Machine *m, int is_iret, uint32_t size, uint32_t dropped);
int fast_call(Machine *m, uint64_t next);
int fast_return(Machine *m, uint32_t size);
int load_table(Machine *m, uint16_t selector, int is_task);
int port_fault(Machine *m, uint32_t port, uint32_t size);
int look_at_selector(Machine *m, int what, uint16_t selector, uint64_t *value);

/* system.c */
int system_instruction(Machine *m, const Row *row, uint64_t next);

/* user.c */
uint64_t shown_address(Machine *m, uint64_t physical);
int user_raise(Machine *m, unsigned vector, uint64_t return_rip, int is_fault);
int user_system_call(Machine *m, const Row *row, uint64_t next);
int user_base(Machine *m, const Row *row);
int user_string(Machine *m, const Row *row);
int misaligned(const Machine *m, const Row *row);
void user_forget_map(Machine *m);
void canonical_fpu(CpuState *st);

/* simple.c */
int simple_instruction(Machine *m, const Row *row);

/* exec.c */
int gate(Machine *m, uint64_t until, TraceBatch *trace, const Row **row);
int step_raise(Machine *m, unsigned vector, uint64_t return_rip, int is_fault);
void note_unbacked(Machine *m, uint64_t address, uint32_t size, int is_write, uint64_t value);
uint32_t take_input(Machine *m);
void give_output(Machine *m, uint32_t value);
void serve(Machine *m);
int is_simple(const Machine *m, const Row *row);
int finish_plain(Machine *m, int ended, TraceBatch *trace);

/* kvm.c, uc.c: 0 and m->cpu set, or -1 and m->message */
int kvm_attach(Machine *m, const char *device);
int uc_attach(Machine *m);

/* what Python calls */
Machine *x86_create(uint64_t ram_size);
void x86_destroy(Machine *m);
int x86_attach(Machine *m, int use_kvm, const char *device);
int x86_run(Machine *m, uint64_t until, TraceBatch *trace);
int x86_add_row(Machine *m, const Row *row);
int x86_has_row(Machine *m, uint64_t address);
void x86_forget_rows(Machine *m);
void x86_pull(Machine *m);
void x86_touched(Machine *m);
void x86_write(Machine *m, uint64_t address, const uint8_t *bytes, uint32_t size);
int x86_bits(Machine *m);
int x86_translate(Machine *m, uint64_t linear, uint64_t *physical, Walk *path);
int x86_service_zero(Machine *m, uint64_t address, uint32_t size);
int x86_service_write(Machine *m, uint64_t address, const uint8_t *bytes, uint32_t size);
void x86_breakpoint(Machine *m, uint32_t where, int on);
int x86_kvm_open(const char *device);
int x86_kvm_extension(int fd, int capability);
void x86_kvm_close(int fd);
double x86_kvm_bare_steps(const char *device, uint32_t steps);
#endif
