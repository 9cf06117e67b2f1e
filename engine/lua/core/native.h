/* What native (C) library functions are written against.
 *
 * The model is the stack of the Lua manual's section 4: a native gets its arguments as stack slots 1..n, pushes its
 * results and returns how many they are. Indices: positive from the bottom of the call's frame, negative from the top,
 * REGISTRY_INDEX, UPVALUE_INDEX(i). A native has MIN_STACK free slots; `ensure_stack` asks for more.
 *
 * Rules for natives
 *  - No libc heap, no statics with state, no host calls (files, time, random): see machine_output, machine_journal.
 *  - An error leaves through error_value/error_at/arg_error … and never returns: hold no resource across one.
 *  - No native-stack address or code address may be stored in an object (light userdata included).
 *  - Loops over data charge: native_charge(L, n) where n ~ bytes or elements handled. It may switch to the host.
 *  - Natives that call Lua through call/pcall cannot be yielded across; call_k/pcall_k/yield_k can: when the callee
 *    yields, the native is not returned to, its NativeReg.k is entered instead with the given ctx.
 */
#ifndef LUA_NATIVE_H
#define LUA_NATIVE_H

#include <stdarg.h>
#include <string.h>

#include "state.h"

typedef int (*NativeFn)(Thread *L);
typedef int (*NativeK)(Thread *L, int status, intptr_t ctx);

/* One native function. A library is an array of these, closed by a NULL name, listed in natives.c. `name` is qualified
 * as in "string.rep" (base functions plain: "print"): it is what the trace and the listing's `natives` show. */
typedef struct NativeReg {
  const char *name;
  NativeFn fn;
  NativeK k;
} NativeReg;

/* natives.c: the process-wide constant list made from all libraries' arrays. */
extern const NativeReg *const native_libraries[];
extern const NativeReg kernel_natives[]; /* machine.c */
uint32_t native_count(void);
const NativeReg *native_row(uint32_t number);
uint32_t native_number(NativeFn fn); /* by function address; aborts for one that no array lists */
void open_libraries(Thread *L);      /* natives.c: builds the globals; called once by machine_new */

/* native.c: functions by number, filled from native_row before the first machine is made; constant afterwards. */
#define NATIVE_MAX 1024
extern NativeFn native_functions[NATIVE_MAX];
void natives_prepare(void);

#define REGISTRY_INDEX (-MAX_STACK - 1000)
#define UPVALUE_INDEX(i) (REGISTRY_INDEX - (i))
/* raw keys of the registry */
#define REGISTRY_MAINTHREAD 1
#define REGISTRY_GLOBALS 2

/* ---- the stack ---- */
int stack_top(Thread *L);
void set_top(Thread *L, int index);
#define pop(L, n) set_top(L, -(n)-1)
int abs_index(Thread *L, int index);
void push_value(Thread *L, int index);
void rotate(Thread *L, int index, int n);
void copy_value(Thread *L, int from, int to);
#define insert_at(L, index) rotate(L, (index), 1)
#define remove_at(L, index) (rotate(L, (index), -1), pop(L, 1))
#define replace_at(L, index) (copy_value(L, -1, (index)), pop(L, 1))
int check_stack(Thread *L, int n);                         /* 0 when the stack cannot grow so far */
void ensure_stack(Thread *L, int n, const char *message);  /* error "stack overflow (message)" */
void move_values(Thread *from, Thread *to, int n);

/* ---- types and reading ---- */
int type_at(Thread *L, int index); /* TYPE_*, TYPE_NONE for an index without value */
const char *type_name(int type);
#define type_name_at(L, index) type_name(type_at(L, index))
#define is_none(L, i) (type_at(L, i) == TYPE_NONE)
#define is_none_or_nil(L, i) (type_at(L, i) <= TYPE_NIL)
int is_integer_at(Thread *L, int index); /* an integer value, not a convertible one */
int is_number_at(Thread *L, int index);  /* a number or a string convertible to one */
int is_string_at(Thread *L, int index);  /* a string or a number */
int is_native_at(Thread *L, int index);
int to_boolean(Thread *L, int index);
Integer to_integer(Thread *L, int index, int *ok); /* ok may be NULL */
Number to_number(Thread *L, int index, int *ok);
const char *to_bytes(Thread *L, int index, size_t *length); /* converts a number in place; NULL for other types */
#define to_text(L, index) to_bytes(L, index, NULL)
Unsigned raw_length(Thread *L, int index);
void *to_userdata(Thread *L, int index);
Thread *to_thread(Thread *L, int index);
const void *to_address(Thread *L, int index); /* what %p and tostring show; NULL for plain values */
TValue *value_at(Thread *L, int index);       /* the slot itself (kernel-level access; do not keep across calls) */

/* ---- pushing ---- */
void push_nil(Thread *L);
void push_boolean(Thread *L, int b);
void push_integer(Thread *L, Integer i);
void push_number(Thread *L, Number n);
const char *push_bytes(Thread *L, const char *bytes, size_t length);
const char *push_string(Thread *L, const char *text); /* NULL pushes nil */
#define push_literal(L, text) push_bytes(L, "" text, sizeof(text) - 1)
/* %s %d (int) %I (Integer) %f (Number) %p %c %U (utf-8 of unsigned long) %% */
const char *push_format(Thread *L, const char *format, ...);
const char *push_vformat(Thread *L, const char *format, va_list arguments);
void push_native(Thread *L, NativeFn fn, int upvalues); /* pops the upvalues */
void push_light(Thread *L, void *p);
int push_thread(Thread *L); /* 1 when L is the main thread */
void push_object(Thread *L, const TValue *value);
#define push_globals(L) ((void)raw_get_index(L, REGISTRY_INDEX, REGISTRY_GLOBALS))

/* ---- tables; getters answer the pushed value's type ---- */
int get_global(Thread *L, const char *name);
int get_table(Thread *L, int index); /* pops the key */
int get_field(Thread *L, int index, const char *name);
int get_index(Thread *L, int index, Integer n);
int raw_get(Thread *L, int index);
int raw_get_index(Thread *L, int index, Integer n);
int raw_get_field(Thread *L, int index, const char *name);
void new_table(Thread *L, int array_slots, int hash_slots);
int get_metatable(Thread *L, int index); /* 0 and nothing pushed when there is none */
int get_user_value(Thread *L, int index, int n);
void set_global(Thread *L, const char *name);
void set_table(Thread *L, int index); /* t[k] = v; pops v and k */
void set_field(Thread *L, int index, const char *name);
void set_index(Thread *L, int index, Integer n);
void raw_set(Thread *L, int index);
void raw_set_index(Thread *L, int index, Integer n);
void raw_set_field(Thread *L, int index, const char *name);
void set_metatable(Thread *L, int index); /* pops a table or nil */
int set_user_value(Thread *L, int index, int n);
void *new_userdata(Thread *L, size_t size, int user_values);
int table_next_at(Thread *L, int index); /* pops a key, pushes key and value; 0 at the end */
int get_subtable(Thread *L, int index, const char *name); /* 1 when it was there */
/* Sets every row of `rows` into the table on top; a field's name is what follows the last dot of the row's name. */
void set_natives(Thread *L, const NativeReg *rows, int upvalues);
void new_library(Thread *L, const NativeReg *rows);

/* ---- operations ---- */
int raw_equal(Thread *L, int a, int b);
enum { COMPARE_EQ, COMPARE_LT, COMPARE_LE };
int compare(Thread *L, int a, int b, int op);
void arith(Thread *L, int event); /* TM_ADD … TM_BNOT; pops the operands (one for UNM, BNOT) */
void concat(Thread *L, int n);    /* pops n values, pushes their concatenation */
void push_length(Thread *L, int index);
Integer length_of(Thread *L, int index); /* error "object length is not an integer" */
size_t text_to_number(Thread *L, const char *text); /* pushes a number; answers consumed bytes + 1, or 0 */
const char *to_display(Thread *L, int index, size_t *length); /* as tostring(); pushes the string */
int call_metamethod(Thread *L, int index, const char *event); /* 1 and result pushed when there is one */
int get_metafield(Thread *L, int index, const char *event);   /* TYPE_NIL and nothing pushed when there is none */

/* ---- calls and errors ---- */
void call(Thread *L, int arguments, int results);
int pcall(Thread *L, int arguments, int results, int handler); /* handler: stack index or 0; answers STATUS_* */
void call_k(Thread *L, int arguments, int results, intptr_t ctx);
int pcall_k(Thread *L, int arguments, int results, int handler, intptr_t ctx);
int yield_k(Thread *L, int results, intptr_t ctx, int has_k);
#define yield(L, results) yield_k(L, results, 0, 0)
void mark_to_be_closed(Thread *L, int index);
void close_slot(Thread *L, int index);
NORETURN int error_value(Thread *L); /* raises the value on top */
NORETURN int error_at(Thread *L, const char *format, ...); /* with "file:line:" of the caller; push_format's formats */
void push_where(Thread *L, int level);
void traceback(Thread *L, Thread *of, const char *message, int level); /* pushes luaL_traceback's text */
void warning(Thread *L, const char *message, int to_be_continued);

/* ---- arguments ---- */
NORETURN int arg_error(Thread *L, int arg, const char *message);
NORETURN int type_error(Thread *L, int arg, const char *expected);
#define arg_check(L, condition, arg, message) ((void)(likely(condition) || arg_error(L, (arg), (message))))
#define arg_expected(L, condition, arg, what) ((void)(likely(condition) || type_error(L, (arg), (what))))
void arg_any(Thread *L, int arg);
void arg_type(Thread *L, int arg, int type);
Integer arg_integer(Thread *L, int arg);
Number arg_number(Thread *L, int arg);
const char *arg_bytes(Thread *L, int arg, size_t *length);
#define arg_text(L, arg) arg_bytes(L, arg, NULL)
Integer opt_integer(Thread *L, int arg, Integer otherwise);
Number opt_number(Thread *L, int arg, Number otherwise);
const char *opt_bytes(Thread *L, int arg, const char *otherwise, size_t *length);
int arg_option(Thread *L, int arg, const char *otherwise, const char *const list[]); /* index in a NULL-closed list */
int new_metatable(Thread *L, const char *name); /* registry[name]; 0 when it exists; pushes it */
void set_named_metatable(Thread *L, const char *name);
void *test_userdata(Thread *L, int index, const char *name);
void *arg_userdata(Thread *L, int arg, const char *name);

/* ---- strings of unknown length: luaL_Buffer's rules (one stack slot may be in use: keep the stack balanced) ---- */
typedef struct Buf {
  char *bytes;
  size_t capacity, length;
  Thread *L;
  char inside[512];
} Buf;
void buf_init(Thread *L, Buf *b);
char *buf_reserve(Buf *b, size_t n); /* room for n more bytes */
void buf_add(Buf *b, const char *bytes, size_t n);
#define buf_add_text(b, text) buf_add(b, text, strlen(text))
#define buf_char(b, c) ((void)((b)->length < (b)->capacity || buf_reserve((b), 1)), ((b)->bytes[(b)->length++] = (c)))
#define buf_added(b, n) ((b)->length += (n))
#define buf_drop(b, n) ((b)->length -= (n))
void buf_add_value(Buf *b); /* pops a string or number from the top */
void buf_push(Buf *b);      /* pushes the result */
char *buf_init_size(Thread *L, Buf *b, size_t n);
#define buf_push_size(b, n) (buf_added(b, n), buf_push(b))

/* ---- threads ---- */
Thread *new_thread(Thread *L); /* pushed */
int thread_resume(Thread *L, Thread *from, int arguments, int *results);
int thread_close(Thread *L, Thread *from); /* coroutine.close: STATUS_*, error value on L's top */
int thread_status(Thread *L);
int is_yieldable(Thread *L);

/* ---- code ---- */
/* Text goes to the host's compiler (an exit); binary chunks are undumped. Pushes the function, or an error message and
 * answers STATUS_SYNTAX (STATUS_MEMORY). `mode` "b", "t", "bt" or NULL. The first upvalue becomes the globals table. */
int load_chunk(Thread *L, const char *bytes, size_t size, const char *chunk_name, const char *mode);
/* The same with a function at index `reader` that gives the bytes piece by piece: asked only as long as need be. */
int load_pieces(Thread *L, int reader, const char *chunk_name, const char *mode);

/* ---- introspection (the debug library's ground) ---- */
typedef struct Activation {
  int event;              /* HOOK_EVENT_* inside hooks */
  const char *name;       /* n */
  const char *namewhat;   /* n: "global", "local", "method", "field", "upvalue", "" … */
  const char *what;       /* S: "Lua", "C", "main" */
  const char *source;     /* S */
  size_t source_length;
  int currentline;        /* l */
  int linedefined, lastlinedefined; /* S */
  unsigned char nups, nparams;      /* u */
  char isvararg, istailcall;        /* u, t */
  unsigned short ftransfer, ntransfer; /* r */
  char short_src[60];     /* S */
  CallInfo *ci;
} Activation;
int get_activation(Thread *L, int level, Activation *ar);       /* 0: no such level */
int get_info(Thread *L, const char *what, Activation *ar);      /* options of lua_getinfo: S l n u t r f L > */
const char *get_local(Thread *L, const Activation *ar, int n);  /* pushes; NULL: none. ar NULL: function on top */
const char *set_local(Thread *L, const Activation *ar, int n);  /* pops */
const char *get_upvalue(Thread *L, int function, int n);        /* pushes */
const char *set_upvalue(Thread *L, int function, int n);        /* pops */
void *upvalue_id(Thread *L, int function, int n);               /* address that identifies the variable, NULL: none */
void upvalue_join(Thread *L, int f1, int n1, int f2, int n2);
void set_hook(Thread *of, const TValue *function, int mask, int count); /* NULL function or mask 0: none */

/* ---- the collector ---- */
enum { GC_DO_STOP, GC_DO_RESTART, GC_DO_COLLECT, GC_DO_COUNT, GC_DO_COUNTB, GC_DO_STEP, GC_DO_SETPAUSE,
       GC_DO_SETSTEPMUL, GC_DO_ISRUNNING, GC_DO_GENERATIONAL, GC_DO_INCREMENTAL };
int collector(Thread *L, int what, int a, int b, int c); /* lua_gc's answers; -1: not possible (inside a finalizer) */
enum { COLLECTOR_INCREMENTAL = 0, COLLECTOR_GENERATIONAL = 1 }; /* answers of the last two */

/* ---- the world outside ---- */
enum { STREAM_STDOUT = 1, STREAM_STDERR = 2 };
void machine_output(Thread *L, int stream, const char *bytes, size_t size);
/* The next journal entry of `channel`; stops with JOURNAL until the host has it. The bytes are pushed as a string. */
const char *machine_journal(Thread *L, const char *channel, size_t *size);
void native_work_exit(Thread *L);
#define native_charge(L, n)                                                                                            \
  do {                                                                                                                 \
    if (unlikely((CTL->work_left -= (int64_t)(n)) < 0)) native_work_exit(L);                                           \
  } while (0)

/* ---- numbers and text (number.c) ---- */
#define NUMBER_TEXT 64
size_t number_to_text(const TValue *number, char *out); /* "%.14g" / "%d"; out holds NUMBER_TEXT bytes; answers length */
size_t text_to_value(const char *text, TValue *out);    /* text ends with zero; answers bytes read + 1, 0 = no number */
Number float_mod(Number a, Number b);            /* Lua's float % */
Integer integer_floor_div(Thread *L, Integer a, Integer b);
Integer integer_mod(Thread *L, Integer a, Integer b);
int float_to_integer(Number n, Integer *out, int mode); /* mode 0 exact, 1 floor, 2 ceil; 0 = does not fit */
int value_to_integer(const TValue *v, Integer *out);    /* also from strings; exact only */
int value_to_number(const TValue *v, Number *out);      /* also from strings */
size_t utf8_encode(char out[8], unsigned long x);       /* bytes stand at the END of out; answers their count */

#endif
