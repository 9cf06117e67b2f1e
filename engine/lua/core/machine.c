/* The host's side of the VM: machines in memory, running them, what crosses the border. See core.h. */
#define _GNU_SOURCE /* mremap */
#include "core.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "analyses.h"
#include "call.h"
#include "gc.h"
#include "record.h"
#include "table.h"
#include "vm.h"
#include "watch.h"

#define OUTPUT_CAPACITY 65536
#define OUTPUT_RECORD 16 /* tick, stream, size */
#define HASH_SEED 0x9E3779B9u
#define FREE_WORK (INT64_MAX / 2)
#define STACK_RESERVE (192 << 10) /* native stack that a native call must find */
#define MAX_BUDGET ((uint64_t)1 << 62)

_Static_assert(sizeof(Control) <= CONTROL_SIZE, "the control block fits its pages");
_Static_assert(sizeof(Global) <= ALLOCATOR_BASE - HEAP_BASE, "the global state fits its page");

struct Machine {
  size_t length; /* of the mapping */
  void *parked;  /* where it is while another machine is at ARENA_BASE */
  uint8_t *output;
  uint64_t output_limit;
  uint64_t *break_bits;
  uint32_t break_count;
  int64_t work_budget;
  Watch *watch; /* the host's, for the next runs */
};

static Machine *resident; /* whose memory is at ARENA_BASE: a fact about this process's address space */

/* AddressSanitizer wants to know which stack is in use. bottom NULL: back to the host's. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
static const void *host_stack;
static size_t host_stack_size;
static void switch_announced(const void *bottom, size_t size) {
  __sanitizer_start_switch_fiber(NULL, bottom ? bottom : host_stack, bottom ? size : host_stack_size);
}
static void switch_arrived(int in_vm) {
  __sanitizer_finish_switch_fiber(NULL, in_vm ? &host_stack : NULL, in_vm ? &host_stack_size : NULL);
}
#else
#define switch_announced(bottom, size) ((void)0)
#define switch_arrived(in_vm) ((void)0)
#endif

/* ---- memory ---- */

static int park(void) {
  if (!resident) return 0;
  size_t length = resident->length;
  void *place = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) return -1;
  /* SAFETY: moves a mapping of ours as a whole onto one that was just made for it; nobody else keeps pointers into it
   * while it is away. */
  if (mremap((void *)ARENA_BASE, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, place) == MAP_FAILED) {
    munmap(place, length);
    return -1;
  }
  resident->parked = place;
  resident = NULL;
  return 0;
}

int machine_activate(Machine *m) {
  if (resident == m) return 0;
  if (park()) return -1;
  /* SAFETY: the range at ARENA_BASE is nobody's now, see park and machine_new. */
  if (mremap(m->parked, m->length, m->length, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)ARENA_BASE) == MAP_FAILED) return -1;
  resident = m;
  UNPOISON((void *)ARENA_BASE, m->length);
  return 0;
}

static void bind_host(Machine *m) { /* host memory that the VM uses */
  CTL->host = m;
  CTL->output = m->output;
  CTL->output_capacity = OUTPUT_CAPACITY;
  CTL->output_limit = m->output_limit;
  CTL->break_bits = m->break_bits;
  CTL->break_count = m->break_count;
}

static void global_init(uint64_t memory_limit) {
  G->memory_limit = (int64_t)(memory_limit > INT64_MAX / 4 ? INT64_MAX / 4 : memory_limit);
  G->next_id = 1;
  G->seed = HASH_SEED;
  G->currentwhite = WHITE0;
  G->gcpause = DEFAULT_PAUSE / 4;
  G->gcstepmul = DEFAULT_STEPMUL / 4;
  G->gcstepsize = DEFAULT_STEPSIZE;
  G->genminormul = 20;
  G->genmajormul = 100 / 4;
  G->gcstop = GC_STOP_BUSY; /* no collection while the state is incomplete */
  G->gcstopem = 1;
  G->dummy.tag = V_EMPTY;
  G->dummy.key_tag = V_NIL;
  set_nil(&G->registry);
}

static int host_frame(Thread *L) { /* stands below the main chunk; never called */
  (void)L;
  return 0;
}

static void state_init(Thread *unused, void *argument) {
  (void)unused;
  (void)argument;
  string_table_resize(NULL, 128);
  Thread *L = thread_new(NULL);
  G->main_thread = G->running = L;
  set_native(L->stack, native_number(host_frame));
  G->memory_message = string_literal(L, "not enough memory");
  gc_fix(as_gc(G->memory_message));
  meta_init(L);
  Table *registry = table_new(L);
  set_tbl(&G->registry, registry);
  table_resize(L, registry, 2, 0);
  TValue v;
  set_gc(&v, L, V_THREAD);
  table_set_int(L, registry, REGISTRY_MAINTHREAD, &v);
  set_tbl(&v, table_new(L));
  table_set_int(L, registry, REGISTRY_GLOBALS, &v);
  G->gcstop = G->gcstopem = 0;
  open_libraries(L);
  L->top = L->stack + 1;
}

int on_host_stack(ProtectedFn fn, void *argument) {
  int64_t work = CTL->work_left;
  CTL->work_left = FREE_WORK;
  CTL->stack_limit = NULL;
  int status = protect(G->main_thread, fn, argument);
  CTL->work_left = work;
  CTL->stack_limit = (const char *)(NATIVE_BASE + STACK_RESERVE);
  return status;
}

static int protected_init(void) {
  Thread nobody = {.ccalls = 0}; /* until there is a thread, errors belong to this one */
  ErrorJump jump = {.previous = NULL, .status = STATUS_OK};
  CTL->error_jump = &jump;
  CTL->work_left = FREE_WORK;
  if (jump_save(&jump.buffer) == 0) state_init(&nobody, NULL);
  CTL->error_jump = NULL;
  CTL->stack_limit = (const char *)(NATIVE_BASE + STACK_RESERVE);
  return jump.status == STATUS_OK;
}

Machine *machine_new(uint64_t memory_limit, uint64_t output_limit) {
  Machine *m = calloc(1, sizeof *m);
  if (!m) return NULL;
  uint64_t room = memory_limit > (1UL << 40) ? 1UL << 40 : memory_limit;
  m->length = (HEAP_BASE - ARENA_BASE + room + room / 2 + (16UL << 20) + 0xFFFF) & ~0xFFFFUL;
  m->output_limit = output_limit;
  m->work_budget = FREE_WORK;
  m->output = malloc(OUTPUT_CAPACITY);
  if (!m->output || park()) goto failed;
  /* SAFETY: NOREPLACE: never maps over anything. Zero pages, private to this process. */
  void *arena = mmap((void *)ARENA_BASE, m->length, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (arena != (void *)ARENA_BASE) {
    if (arena != MAP_FAILED) munmap(arena, m->length);
    goto failed;
  }
  resident = m;
  UNPOISON((void *)ARENA_BASE, m->length);
  natives_prepare();
  bind_host(m);
  arena_init((char *)ARENA_BASE + m->length);
  global_init(memory_limit);
  if (protected_init()) return m;
  machine_free(m);
  return NULL;
failed:
  free(m->output);
  free(m);
  return NULL;
}

void machine_free(Machine *m) {
  if (!m) return;
  analyses_forget(m);
  munmap(resident == m ? (void *)ARENA_BASE : m->parked, m->length);
  if (resident == m) resident = NULL;
  free(m->output);
  free(m->break_bits);
  free(m);
}

/* ---- loading ---- */

typedef struct LoadTask {
  const char *bytes, *name;
  size_t size;
  int number;
} LoadTask;

static int message_handler(Thread *L) {
  const char *message = to_text(L, 1);
  G->fault_traceback = NULL;
  if (message == NULL) {
    if (call_metamethod(L, 1, "__tostring") && type_at(L, -1) == TYPE_STRING) return 1; /* speaks for itself */
    message = push_format(L, "(error object is a %s value)", type_name_at(L, 1));
  } else
    push_value(L, 1);
  push_literal(L, "\n");
  traceback(L, L, NULL, 1);
  to_bytes(L, -1, NULL);
  G->fault_traceback = string_of(L->top - 1);
  concat(L, 3); /* as one text: variables that are closed on the way see it, as with the stock interpreter */
  return 1;
}

/* How much of the error that ended the program is its message: the handler has put the traceback behind it. */
static size_t message_length(void) {
  size_t length = string_length(G->fault_message);
  if (!G->fault_traceback) return length;
  size_t behind = string_length(G->fault_traceback);
  if (length <= behind) return length;
  const char *end = G->fault_message->bytes + (length - behind);
  return memcmp(end, G->fault_traceback->bytes, behind) == 0 ? length - behind - 1 : length;
}

const NativeReg kernel_natives[] = {{"[host]", host_frame, NULL}, {"[message handler]", message_handler, NULL}, {NULL, NULL, NULL}};

/* What lies below a script on the stock interpreter's stack: its own C function and that one's two arguments. Nil here, so
 * that the limit of the stack falls at the same call. */
enum { BELOW_MAIN = 3 };

static void load_main(Thread *L, void *argument) {
  const LoadTask *task = argument;
  L = G->main_thread;
  for (int n = 0; n < BELOW_MAIN; n++) push_nil(L);
  push_native(L, message_handler, 0);
  LClosure *c = undump(L, task->bytes, task->size, task->name);
  if (c->nupvalues >= 1) {
    const TValue *globals = table_get_int(table_of(&G->registry), REGISTRY_GLOBALS);
    set_value(c->upvals[0]->v, globals);
    gc_barrier(L, c->upvals[0], globals);
  }
}

static void set_request(int index, TString *s) {
  CTL->request[index] = s ? s->bytes : NULL;
  CTL->request_size[index] = s ? string_length(s) : 0;
}

int machine_load(Machine *m, const char *chunk, size_t size, const char *chunk_name) {
  machine_activate(m);
  LoadTask task = {chunk, chunk_name, size, 0};
  int status = on_host_stack(load_main, &task);
  if (status == STATUS_OK) return 0;
  Thread *L = G->main_thread;
  G->fault_message = status == STATUS_MEMORY ? G->memory_message : string_of(L->top - 1);
  L->top = L->stack + 1;
  set_request(0, G->fault_message);
  return 1;
}

static void add_argument(Thread *L, void *argument) {
  const LoadTask *task = argument;
  L = G->main_thread;
  push_globals(L);
  if (raw_get_field(L, -1, "arg") != TYPE_TABLE) {
    pop(L, 1);
    new_table(L, 0, 0);
    push_value(L, -1);
    raw_set_field(L, -3, "arg");
  }
  push_bytes(L, task->bytes, task->size);
  raw_set_index(L, -2, task->number);
  pop(L, 2);
}

int machine_argument(Machine *m, int number, const char *bytes, size_t size) {
  machine_activate(m);
  LoadTask task = {bytes, NULL, size, number};
  return on_host_stack(add_argument, &task) != STATUS_OK;
}

/* ---- the program, on the VM's own stack ---- */

static void call_main(Thread *L, void *argument) { call_value_noyield(L, argument, 0); }

static void push_arguments(Thread *L) {
  int n = 0;
  push_globals(L);
  if (raw_get_field(L, -1, "arg") == TYPE_TABLE) {
    while (check_stack(L, 3) && raw_get_index(L, -1 - n, n + 1) != TYPE_NIL) n++;
    pop(L, 1); /* the nil after the last */
    remove_at(L, -1 - n);
  } else
    pop(L, 1);
  remove_at(L, -1 - n);
}

static void vm_main(void) {
  switch_arrived(1);
  Thread *L = G->main_thread;
  push_arguments(L);
  L->ccalls = 1; /* as deep as the stock interpreter calls a script, so that the limits fall at the same depth */
  StkId handler = L->stack + 1 + BELOW_MAIN, func = handler + 1;
  int status = protected_call(L, call_main, func, stack_offset(L, func), stack_offset(L, handler));
  int reason = EXIT_HALT;
  if (status != STATUS_OK) {
    const TValue *error = L->top - 1;
    G->fault_message = is_string(error) ? string_of(error) : G->memory_message;
    if (is_number(error)) {
      to_bytes(L, -1, NULL);
      G->fault_message = string_of(L->top - 1);
    }
    if (status != STATUS_RUN) G->fault_traceback = NULL; /* there was no handler to make one */
    reason = status == STATUS_MEMORY ? EXIT_LIMIT : EXIT_FAULT;
    L->top = L->stack + 1;
  }
  gc_close(L);
  if (reason == EXIT_FAULT) {
    set_request(0, G->fault_message);
    CTL->request_size[0] = message_length();
    set_request(1, G->fault_traceback);
  } else {
    CTL->request[0] = reason == EXIT_LIMIT ? "memory" : NULL;
    CTL->request_size[0] = reason == EXIT_LIMIT ? 6 : 0;
    set_request(1, reason == EXIT_LIMIT ? G->memory_message : NULL);
  }
  for (;;) vm_exit(reason);
}

void vm_exit(int reason) {
  CTL->exit_reason = reason;
  switch_announced(NULL, 0);
  native_switch(&CTL->vm_sp, CTL->host_sp);
  switch_arrived(1);
}

static uint64_t tick_now(void) { return CTL->tick_end - (uint64_t)CTL->left[CTL->mode]; }

int machine_run(Machine *m, uint64_t budget, int breakpoints, TraceBatch *trace) {
  machine_activate(m);
  if (CTL->finished) return CTL->exit_reason;
  bind_host(m);
  if (budget > MAX_BUDGET) budget = MAX_BUDGET;
  uint64_t tick = tick_now();
  CTL->trace = trace;
  CTL->recording = trace ? RECORD_STEPS : m->watch ? RECORD_WATCH : RECORD_NOTHING;
  if (CTL->recording == RECORD_WATCH) watch_begin(m->watch);
  CTL->breakpoints = breakpoints && m->break_count > 0;
  CTL->skip_break = breakpoints != 2;
  CTL->mode = mode_wanted();
  memset(CTL->left, 0, sizeof CTL->left);
  CTL->left[CTL->mode] = (int64_t)budget;
  CTL->tick_end = tick + budget;
  CTL->work_left = m->work_budget;
  CTL->exit_reason = EXIT_NONE;
  if (!CTL->started) {
    CTL->started = 1;
    CTL->vm_sp = native_prepare((void *)NATIVE_TOP, vm_main);
  }
  /* SAFETY: vm_sp was left by vm_exit or native_prepare, and the stack that it points into is this machine's. */
  switch_announced((void *)NATIVE_BASE, NATIVE_SIZE);
  native_switch(&CTL->host_sp, CTL->vm_sp);
  switch_arrived(0);
  if (trace) record_pause();
  if (CTL->recording == RECORD_WATCH) watch_pause();
  CTL->recording = RECORD_NOTHING;
  CTL->trace = NULL;
  CTL->watch = NULL;
  CTL->answer_state = 0;
  int reason = CTL->exit_reason;
  CTL->finished = reason == EXIT_HALT || reason == EXIT_FAULT || reason == EXIT_LIMIT;
  return reason;
}

/* ---- where it is ---- */

uint64_t machine_tick(Machine *m) {
  machine_activate(m);
  return tick_now();
}

int64_t machine_where(Machine *m) {
  machine_activate(m);
  if (!CTL->started || CTL->finished) return -1;
  CallInfo *ci = G->running->ci;
  int in_progress = !ci_is_lua(ci); /* stopped inside a native: the instruction that called it goes on */
  while (ci && !ci_is_lua(ci)) ci = ci->previous;
  if (!ci) return -1;
  const Proto *p = ci_closure(ci)->p;
  return (int64_t)p->where + (ci->u.l.savedpc - p->code) - in_progress;
}

uint32_t machine_depth(Machine *m) {
  machine_activate(m);
  uint32_t depth = 0;
  if (!CTL->started || CTL->finished) return 0;
  for (const CallInfo *ci = G->running->ci; ci && ci != &G->running->base_ci; ci = ci->previous) depth++;
  return depth;
}

const char *machine_request(Machine *m, int index, size_t *size) {
  machine_activate(m);
  *size = CTL->request_size[index];
  return CTL->request[index];
}

/* ---- answers ---- */

static void answer(Machine *m, const char *bytes, size_t size, int state) {
  machine_activate(m);
  CTL->answer = bytes;
  CTL->answer_size = size;
  CTL->answer_state = state;
}

int machine_compile_partial(Machine *m) {
  machine_activate(m);
  return CTL->compile_partial;
}

int machine_compile_levels(Machine *m) {
  machine_activate(m);
  return CTL->compile_levels;
}

void machine_answer_compile(Machine *m, const char *bytes, size_t size, int kind) { answer(m, bytes, size, 1 + kind); }

void machine_answer_journal(Machine *m, const char *bytes, size_t size) { answer(m, bytes, size, 1); }

uint64_t machine_journal_count(Machine *m) {
  machine_activate(m);
  return G->journal_count;
}

const char *machine_journal(Thread *L, const char *channel, size_t *size) {
  push_string(L, channel); /* in the arena, for the host to read */
  CTL->answer_state = 0;
  while (CTL->answer_state == 0) {
    set_request(0, string_of(L->top - 1));
    vm_exit(EXIT_JOURNAL);
  }
  G->journal_count++;
  record_flag(STEP_INPUT);
  L->top--;
  const char *bytes = push_bytes(L, CTL->answer, CTL->answer_size);
  if (size) *size = CTL->answer_size;
  return bytes;
}

/* ---- output ---- */

static void output_limit_reached(void) {
  static const char message[] = "too much output";
  CTL->request[0] = "output";
  CTL->request_size[0] = 6;
  CTL->request[1] = message;
  CTL->request_size[1] = sizeof message - 1;
  for (;;) vm_exit(EXIT_LIMIT);
}

void machine_output(Thread *L, int stream, const char *bytes, size_t size) {
  (void)L;
  record_flag(STEP_OUTPUT);
  while (size > 0) {
    size_t room = CTL->output_capacity - CTL->output_used;
    if (room < OUTPUT_RECORD + 8) {
      vm_exit(EXIT_OUTPUT);
      continue;
    }
    room -= OUTPUT_RECORD;
    size_t part = size < room ? size : room & ~7UL;
    if (part > CTL->output_limit - G->output_bytes) part = CTL->output_limit - G->output_bytes;
    if (part == 0) output_limit_reached();
    uint64_t tick = tick_now();
    uint32_t head[2] = {(uint32_t)stream, (uint32_t)part};
    uint8_t *to = CTL->output + CTL->output_used;
    memcpy(to, &tick, 8);
    memcpy(to + 8, head, 8);
    memcpy(to + OUTPUT_RECORD, bytes, part);
    CTL->output_used += OUTPUT_RECORD + ((part + 7) & ~7UL);
    G->output_bytes += part;
    bytes += part;
    size -= part;
  }
}

size_t machine_output_pending(Machine *m, const uint8_t **bytes) {
  machine_activate(m);
  *bytes = m->output;
  return CTL->output_used;
}

void machine_output_clear(Machine *m) {
  machine_activate(m);
  CTL->output_used = 0;
}

void native_work_exit(Thread *L) {
  (void)L;
  vm_exit(EXIT_WORK);
}

/* ---- settings ---- */

void machine_set_breakpoints(Machine *m, const uint64_t *bits, uint32_t count) {
  size_t words = (count + 63) / 64;
  free(m->break_bits);
  m->break_bits = words ? malloc(words * 8) : NULL;
  m->break_count = m->break_bits ? count : 0;
  if (m->break_bits) memcpy(m->break_bits, bits, words * 8);
}

void machine_watch(Machine *m, Watch *watch) { m->watch = watch; }

void machine_set_work_budget(Machine *m, int64_t bytes) { m->work_budget = bytes; }

void machine_set_stress(Machine *m, int on) {
  machine_activate(m);
  G->stress = on != 0;
}

/* ---- the state as bytes ---- */

#define PAGE 4096UL

int machine_ranges(Machine *m, uint64_t out[8]) {
  machine_activate(m);
  arena_forget_poison();
  int n = 0;
  out[2 * n] = ARENA_BASE;
  out[2 * n++ + 1] = (sizeof(Control) + PAGE - 1) & ~(PAGE - 1);
  if (CTL->started && !CTL->finished) {
    out[2 * n] = (uint64_t)(uintptr_t)CTL->vm_sp & ~(PAGE - 1);
    out[2 * n + 1] = NATIVE_TOP - out[2 * n];
    n++;
  }
  out[2 * n] = HEAP_BASE;
  out[2 * n + 1] = (uint64_t)(uintptr_t)arena_heap_end() - HEAP_BASE;
  return n + 1;
}

void machine_restore_begin(Machine *m, const uint64_t ranges[8], int count) {
  machine_activate(m);
  UNPOISON((void *)ARENA_BASE, m->length);
  uint64_t old_end = (uint64_t)(uintptr_t)arena_heap_end(), end = old_end;
  for (int i = 0; i < count; i++)
    if (ranges[2 * i] == HEAP_BASE) end = HEAP_BASE + ranges[2 * i + 1];
  /* SAFETY: the pages are this machine's own; above its heap's end they have to read as zero. */
  if (end < old_end) madvise((void *)end, old_end - end, MADV_DONTNEED);
}

void machine_restore_end(Machine *m) {
  bind_host(m);
  CTL->output_used = 0;
  CTL->answer_state = 0;
  CTL->recording = RECORD_NOTHING;
  CTL->trace = NULL;
  CTL->watch = NULL;
}

static inline uint64_t mix(uint64_t a, uint64_t b) {
  unsigned __int128 product = (unsigned __int128)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Two lanes of multiply-and-fold over the heap's bytes. */
NO_ASAN void machine_digest(Machine *m, uint64_t out[2]) {
  machine_activate(m);
  gc_threads(stack_wipe_calls); /* stale activation records depend on where the run stopped */
  uint64_t a = 0x2d358dccaa6c78a5u ^ tick_now(), b = 0x8bb84b93962eacc9u ^ CTL->finished;
  const uint64_t *word = (const uint64_t *)HEAP_BASE, *end = (const uint64_t *)(void *)arena_heap_end();
  for (; word < end; word += 2) {
    a = mix(a ^ word[0], 0x4b33a62ed433d4a3u ^ word[1]);
    b = mix(b ^ word[1], 0x4d5a2da51de1aa47u ^ word[0]);
  }
  out[0] = mix(a, 0xa0761d6478bd642fu);
  out[1] = mix(b, 0xe7037ed1a0b428dbu);
}

/* ---- sizes ---- */

uint64_t machine_bytes(Machine *m) {
  machine_activate(m);
  return (uint64_t)total_bytes();
}

uint64_t machine_peak_bytes(Machine *m) {
  machine_activate(m);
  gc_note_peak();
  return (uint64_t)G->peak_bytes;
}

uint64_t machine_collections(Machine *m) {
  machine_activate(m);
  return G->collections;
}

uint64_t machine_objects(Machine *m) {
  machine_activate(m);
  return G->objects;
}

uint32_t machine_native_count(void) { return native_count(); }

const char *machine_native_name(uint32_t number) { return native_row(number)->name; }
