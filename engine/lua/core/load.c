/* Loading code: whole texts and chunks, and those that a reader function gives piece by piece.
 *
 * A reader is asked for another piece only while what it has given may still become a chunk, as by a compiler that reads
 * along. The compiler is the host's and reads whole texts, so it is asked about the beginning after each piece; for long
 * texts not after each, so that the questions cost no more than a few times the compilation. */
#include "call.h"
#include "gc.h"
#include "native.h"
#include "record.h"
#include "table.h"
#include "vm.h"

#define FREE_LOOKS 65536  /* bytes that may be looked at in vain before looks become rare */
#define RARE_LOOKS 4      /* then the text grows to so many times its length between two looks */
#define SIGNATURE_BYTE 27 /* first byte of a binary chunk */
#define COMPILE_WORK 64   /* what compiling a byte costs, in bytes of other native work */
#define COMPILE_SPACE 128 /* a text may have one such part of the memory limit: the compiler needs about as much room */

typedef struct LoadRequest {
  const char *bytes, *name, *mode;
  size_t size;
  int reader; /* stack index of the function that gives the pieces; 0: bytes, size are all */
} LoadRequest;

static void check_mode(Thread *L, const char *mode, const char *kind) {
  if (mode && strchr(mode, kind[0]) == NULL) {
    push_format(L, "attempt to load a %s chunk (mode is '%s')", kind, mode);
    throw_status(L, STATUS_SYNTAX);
  }
}

/* The host has the compiler: leave with the source, come back with its answer. An error is thrown. */
static int ask_compiler(Thread *L, const LoadRequest *request, int is_partial) {
  if (request->size > (size_t)G->memory_limit / COMPILE_SPACE) throw_status(L, STATUS_MEMORY);
  native_charge(L, request->size * COMPILE_WORK);
  CTL->request[0] = request->name;
  CTL->request_size[0] = strlen(request->name);
  CTL->request[1] = request->bytes;
  CTL->request_size[1] = request->size;
  CTL->compile_partial = is_partial;
  CTL->compile_levels = L->ccalls & 0xFFFF;
  CTL->answer_state = 0;
  record_flag(STEP_COMPILE);
  while (CTL->answer_state == 0) vm_exit(EXIT_COMPILE);
  int kind = CTL->answer_state - 1;
  if (kind == COMPILE_REFUSED || kind == COMPILE_RAISED) {
    push_bytes(L, CTL->answer, CTL->answer_size);
    if (kind == COMPILE_RAISED) error_value(L); /* an error of the running program: its message handler is called */
    throw_status(L, STATUS_SYNTAX);
  }
  return kind;
}

static int is_binary(const LoadRequest *request) { return request->size > 0 && request->bytes[0] == SIGNATURE_BYTE; }

static void check_kind(Thread *L, const LoadRequest *request) {
  check_mode(L, request->mode, is_binary(request) ? "binary" : "text");
}

static void load_all(Thread *L, const LoadRequest *request) {
  check_kind(L, request);
  if (is_binary(request)) {
    undump(L, request->bytes, request->size, request->name);
  } else {
    ask_compiler(L, request, 0);
    undump(L, CTL->answer, CTL->answer_size, request->name);
  }
}

/* ---- piece by piece ---- */

typedef struct Looks {
  size_t in_vain; /* bytes looked at so far */
  size_t last;    /* length at the last look */
} Looks;

/* Is what there is so far all that the reader has to give? An error that no further piece would change is thrown. */
static int is_enough(Thread *L, LoadRequest *request, const Buf *text, Looks *looks) {
  request->bytes = text->bytes;
  request->size = text->length;
  if (looks->last == 0) check_kind(L, request);
  int is_due = looks->in_vain + text->length <= FREE_LOOKS || text->length / RARE_LOOKS >= looks->last;
  if (!is_due) return 0;
  looks->in_vain += text->length;
  looks->last = text->length;
  if (is_binary(request)) {
    native_charge(L, text->length);
    return chunk_is_whole(request->bytes, request->size);
  }
  ask_compiler(L, request, 1);
  return 0; /* a text goes on until the reader says so */
}

/* Calls the reader until there is enough; leaves the whole as a string on the stack's top. */
static void read_pieces(Thread *L, LoadRequest *request) {
  Buf text;
  Looks looks = {0, 0};
  ensure_stack(L, 3, "too many nested functions");
  buf_init(L, &text);
  do {
    push_value(L, request->reader);
    call(L, 0, 1);
    if (type_at(L, -1) == TYPE_NIL) {
      pop(L, 1);
      break;
    }
    if (unlikely(!is_string_at(L, -1))) error_at(L, "reader function must return a string");
    size_t length;
    to_bytes(L, -1, &length);
    if (length == 0) {
      pop(L, 1);
      break;
    }
    native_charge(L, length);
    buf_add_value(&text);
  } while (!is_enough(L, request, &text, &looks));
  buf_push(&text);
  request->bytes = to_bytes(L, -1, &request->size);
}

static void run_load(Thread *L, void *argument) {
  LoadRequest *request = argument;
  if (request->reader) read_pieces(L, request);
  load_all(L, request);
  if (!request->reader) return;
  set_value(L->top - 2, L->top - 1); /* the function in the place of its text */
  L->top--;
}

/* ---- what the library calls ---- */

static int load(Thread *L, LoadRequest *request) {
  L->ccalls += 0x10000; /* no yield while loading */
  int status = protected_call(L, run_load, request, stack_offset(L, L->top), L->errfunc);
  L->ccalls -= 0x10000;
  if (status != STATUS_OK) return status;
  LClosure *c = lclosure_of(L->top - 1);
  if (c->nupvalues >= 1) {
    const TValue *globals = table_get_int(table_of(&G->registry), REGISTRY_GLOBALS);
    set_value(c->upvals[0]->v, globals);
    gc_barrier(L, c->upvals[0], globals);
  }
  return STATUS_OK;
}

int load_chunk(Thread *L, const char *bytes, size_t size, const char *chunk_name, const char *mode) {
  LoadRequest request = {bytes, chunk_name ? chunk_name : "?", mode, size, 0};
  return load(L, &request);
}

int load_pieces(Thread *L, int reader, const char *chunk_name, const char *mode) {
  LoadRequest request = {NULL, chunk_name, mode, 0, abs_index(L, reader)};
  return load(L, &request);
}
