/* Threads, activation records, and the one global state of a machine.
 *
 * The machine that runs is always mapped at ARENA_BASE, so its global state has a constant address: `G`.
 */
#ifndef LUA_STATE_H
#define LUA_STATE_H

#include <stddef.h>
#include <stdbool.h>

#include "arena.h"
#include "object.h"
#include "trace_columns.h"

/* Metamethods; the first eight are cached in Table.absent_events. */
enum {
  TM_INDEX,
  TM_NEWINDEX,
  TM_GC,
  TM_MODE,
  TM_LEN,
  TM_EQ, /* last one with fast access */
  TM_ADD,
  TM_SUB,
  TM_MUL,
  TM_MOD,
  TM_POW,
  TM_DIV,
  TM_IDIV,
  TM_BAND,
  TM_BOR,
  TM_BXOR,
  TM_SHL,
  TM_SHR,
  TM_UNM,
  TM_BNOT,
  TM_LT,
  TM_LE,
  TM_CONCAT,
  TM_CALL,
  TM_CLOSE,
  TM_COUNT
};

/* Outcomes of protected calls and of threads. */
enum { STATUS_OK = 0, STATUS_YIELD = 1, STATUS_RUN = 2, STATUS_SYNTAX = 3, STATUS_MEMORY = 4, STATUS_ERRERR = 5,
       STATUS_CLOSE_PROTECTED = -1 };

/* CallInfo.callstatus. */
enum {
  CALL_ALLOW_HOOK = 1 << 0,  /* saved value of Thread.allowhook */
  CALL_NATIVE = 1 << 1,      /* a native function */
  CALL_FRESH = 1 << 2,       /* entered by a new `execute`: its return leaves that `execute` */
  CALL_HOOKED = 1 << 3,      /* is running a debug hook */
  CALL_YIELD_PCALL = 1 << 4, /* a yieldable protected call */
  CALL_TAIL = 1 << 5,        /* was called by a tail call */
  CALL_HOOK_YIELD = 1 << 6,
  CALL_FINALIZER = 1 << 7, /* called a finalizer */
  CALL_TRANSFER = 1 << 8,  /* u2.transfer is valid */
  CALL_CLOSING = 1 << 9,   /* is closing to-be-closed variables */
  CALL_LESS_EQUAL = 1 << 13, /* a <= b is being answered by __lt as not (b < a) */
  CALL_STATUS_SHIFT = 10   /* three bits: status to recover when a yield interrupts the closing after an error */
};

#define MULTRET (-1)

struct CallInfo {
  StkId func; /* slot of the function */
  StkId top;  /* first slot above what this activation may use */
  CallInfo *previous, *next;
  union {
    struct {
      const Instruction *savedpc; /* the NEXT instruction to execute, unless one is in progress (then also the next) */
      int nextraargs;             /* variable arguments: they sit below func - nextraargs … func */
    } l;
    struct {
      ptrdiff_t old_errfunc; /* offset from Thread.stack */
      intptr_t ctx;          /* continuation's context */
      int has_k;             /* 1: this call may be interrupted by a yield and goes on in its native's `k` */
    } n;
  } u;
  union {
    int funcidx; /* protected call: function's offset in slots */
    int nyield;  /* values yielded */
    int nres;    /* values returned, while closing */
    struct {
      uint16_t ftransfer, ntransfer;
    } transfer;
  } u2;
  int16_t nresults; /* results wanted, MULTRET = all; below MULTRET: encoded, see call.h */
  uint16_t callstatus;
};
#define ci_is_lua(ci) (!((ci)->callstatus & CALL_NATIVE))
#define ci_closure(ci) lclosure_of((ci)->func)

/* Masks of debug hooks. */
enum { HOOK_CALL = 1, HOOK_RETURN = 2, HOOK_LINE = 4, HOOK_COUNT = 8 };
enum { HOOK_EVENT_CALL, HOOK_EVENT_RETURN, HOOK_EVENT_LINE, HOOK_EVENT_COUNT, HOOK_EVENT_TAIL_CALL };

struct Thread { /* a coroutine; the main program is one too */
  GC_HEADER
  uint8_t status;
  uint8_t allowhook;
  uint32_t id;
  int nci; /* CallInfos in the list */
  StkId top; /* first free slot; inside a Lua function meaningful only where an instruction says so */
  CallInfo *ci;
  StkId stack, stack_last; /* stack_last: first of the EXTRA_STACK spare slots */
  UpVal *openupval;
  StkId tbclist;
  GCObject *gclist;
  Thread *twups; /* list of threads with open upvalues; itself = not in the list */
  CallInfo base_ci;
  ptrdiff_t errfunc; /* message handler: offset from stack, 0 = none */
  uint32_t ccalls;   /* nested native calls and parsers in the low half, calls that cannot yield in the high half */
  uint8_t hookmask;
  int basehookcount, hookcount, oldpc;
  TValue hook; /* the Lua function set with debug.sethook */
};

#define EXTRA_STACK 5
#define MIN_STACK 20
#define BASIC_STACK (2 * MIN_STACK)
#define MAX_STACK 1000000
#define MAX_CCALLS 200
#define stack_size(L) ((int)((L)->stack_last - (L)->stack))
#define yieldable(L) (((L)->ccalls & 0xFFFF0000u) == 0)
#define stack_offset(L, p) ((char *)(p) - (char *)(L)->stack)
#define stack_at(L, offset) ((StkId)((char *)(L)->stack + (offset)))

/* Why the VM switched back to the host. (build.py reads this enum for cffi.) */
enum MachineExit {
  EXIT_NONE,
  EXIT_BUDGET,     /* ticks used up, or the trace batch is full */
  EXIT_BREAKPOINT, /* the next instruction has a breakpoint */
  EXIT_OUTPUT,     /* the output buffer is full: drain it and run on */
  EXIT_COMPILE,    /* request: chunk name and source text; answer with machine_answer_compile */
  EXIT_JOURNAL,    /* request: channel; answer with machine_answer_journal */
  EXIT_WORK,       /* the work budget is used up inside a native; run on to continue */
  EXIT_HALT,       /* final: the program ended */
  EXIT_FAULT,      /* final: uncaught error, request: message and traceback */
  EXIT_LIMIT       /* final: a limit of the machine, request: its name and a message */
};

/* What the host answers to COMPILE. (build.py reads this enum for cffi.) */
enum CompileAnswer {
  COMPILE_CHUNK,   /* a binary chunk */
  COMPILE_REFUSED, /* a message */
  COMPILE_RAISED,  /* a message that counts as an error of the running program (a limit of depth) */
  COMPILE_GO_ON    /* to the beginning of a text: more of it is needed */
};

/* Collector parameters and state names live in gc.h. */
typedef struct StringTable {
  TString **chains;
  uint32_t used, size;
} StringTable;


/* Everything logical about a machine that is not an object. First block of the heap, at a constant address. */
typedef struct Global {
  int64_t total_bytes; /* bytes in live blocks, as the program counts them (collectgarbage"count") */
  int64_t gc_debt;     /* a collection starts when this is above zero */
  int64_t gc_estimate; /* bytes in use after the last collection */
  int64_t memory_limit;
  int64_t peak_bytes;
  uint64_t journal_count; /* journal entries consumed */
  uint64_t output_bytes;  /* written so far, all streams */
  uint64_t collections;
  uint64_t objects; /* live collectable objects */
  uint32_t next_id; /* serial number of the next object */
  uint32_t next_proto, next_where; /* numbers for the next function that is undumped */
  uint32_t seed;
  uint32_t hooked_threads; /* threads with a debug hook: the checked loop runs while there are any */
  StringTable strings;
  TValue registry; /* a table */
  Node dummy;      /* the hash part of tables without one: a single empty node, never written */
  GCObject *allgc, *finobj, *gray, *grayagain, *weak, *ephemeron, *allweak, *tobefnz, *fixedgc;
  Thread *twups;
  Thread *main_thread;
  Thread *running; /* the innermost coroutine */
  TString *memory_message;
  TString *fault_message, *fault_traceback; /* of the error that ended the program */
  TString *event_names[TM_COUNT];
  Table *type_metatables[TYPE_COUNT];
  uint8_t currentwhite, gcstate, gckind, gcstopem, gcemergency;
  uint8_t gcstop; /* bits GC_STOP_*: the collector does not start by itself */
  uint8_t warn_state; /* 0 off, 1 on, 2 on and in the middle of a message */
  uint8_t gcpause, gcstepmul, gcstepsize, genminormul, genmajormul; /* divided by 4 where PUC does */
  uint8_t stress; /* test switch: collect at every allocation */
} Global;
#define G ((Global *)HEAP_BASE)

/* What the run in progress needs and what the VM asks of the host. In the arena (the VM never dereferences host handles
 * after a restore without machine_run having refreshed them), outside of the digest. */
typedef struct ErrorJump ErrorJump;
typedef struct Watch Watch;
/* The variants of the loop (macros, because vm_loop.h asks for them in #if). */
#define LOOP_FAST 0
#define LOOP_CHECKED 1
#define LOOP_WATCHED 2
#define LOOP_VARIANTS 3
enum { RECORD_NOTHING, RECORD_STEPS, RECORD_WATCH };
typedef struct Control {
  /* Ticks until the next stop, by loop variant: those that are not in charge find zero and leave. */
  int64_t left[LOOP_VARIANTS];
  uint64_t tick_end;    /* tick at which `left` reaches zero: tick = tick_end - left (while saved) */
  int64_t work_left;    /* bytes of native work until EXIT_WORK */
  uint8_t mode;         /* which variant of the loop is in charge: LOOP_* */
  uint8_t recording;    /* RECORD_*: what is noted of the steps */
  uint8_t breakpoints;  /* 1: stop at breakpoints */
  uint8_t skip_break;   /* 1: the next instruction does not break (first of a run) */
  uint8_t started, finished;
  int exit_reason;
  uint32_t step_flags;  /* STEP_* bits of the step in progress, for the recorder */
  ErrorJump *error_jump; /* innermost protected call */
  void *host_sp, *vm_sp; /* saved native stack pointers */
  const uint64_t *break_bits; /* host memory: one bit per `where` */
  uint32_t break_count;       /* bits in it */
  TraceBatch *trace;          /* host memory */
  Watch *watch;               /* host memory: what RECORD_WATCH looks for and has found */
  uint32_t watch_thread;      /* whose slot is looked for; no thread has number 0 */
  int64_t watch_slot;
  const uint64_t *watch_rows; /* host memory: one bit per `where` looked for */
  uint32_t watch_row_count;   /* bits in it */
  uint32_t watch_has_frame;   /* steps of the outermost frames of a thread are looked for */
  uint8_t *output;            /* host memory: records that the host drains, see core.h */
  size_t output_used, output_capacity;
  uint64_t output_limit; /* bytes that the program may write in all */
  void *host;            /* host-side handle (machine.c) */
  /* requests: addresses inside the arena */
  const char *request[2];
  size_t request_size[2];
  /* answers: host memory, valid until the next run returns */
  const char *answer;
  size_t answer_size;
  int answer_state;    /* 0 none yet, 1 given; for COMPILE 1 + what of enum CompileAnswer it is */
  int compile_partial; /* 1: the request is about the beginning of a text */
  int compile_levels;  /* how many of the nested native calls (MAX_CCALLS, shared with the parser) are in use */
  uint64_t break_where;
  const char *stack_limit; /* native calls below this address are a C stack overflow */
  /* the heap's book-keeping that need not be in the digest */
  char recorder[4096] __attribute__((aligned(16))); /* record.c keeps what a step in progress needs here */
} Control;
#define CTL ((Control *)ARENA_BASE)

#endif
