/* The interpreter's parts: execution, metamethods, arithmetic, names for messages, binary chunks. */
#ifndef LUA_VM_H
#define LUA_VM_H

#include "native.h"
#include "state.h"

/* ---- vm.c ---- */
void execute(Thread *L, CallInfo *ci);
void finish_interrupted_op(Thread *L); /* the rest of an instruction that a yield interrupted */
/* Slow ways of the table instructions, metamethods included. */
void get_with_metamethods(Thread *L, const TValue *t, const TValue *key, StkId result, const TValue *slot);
void set_with_metamethods(Thread *L, const TValue *t, const TValue *key, const TValue *value, const TValue *slot);
void value_get(Thread *L, const TValue *t, const TValue *key, StkId result);
void value_set(Thread *L, const TValue *t, const TValue *key, const TValue *value);
int values_equal(Thread *L, const TValue *a, const TValue *b); /* L NULL: raw */
int value_less(Thread *L, const TValue *a, const TValue *b);
int value_less_equal(Thread *L, const TValue *a, const TValue *b);
void value_length(Thread *L, StkId result, const TValue *v);
void concat_top(Thread *L, int n); /* the n values on top become one */
/* 0: `*start`… are ready for a loop; 1: the loop does not run. */
int for_prepare(Thread *L, StkId ra);
int for_loop_float(StkId ra);
#define raw_values_equal(a, b) values_equal(NULL, a, b)

/* ---- meta.c ---- */
void meta_init(Thread *L);
const TValue *meta_of(Thread *L, const TValue *v, int event); /* a nil value when there is none */
const TValue *meta_get(Table *metatable, int event, TString *name);
/* NULL when `mt` is NULL or surely lacks the event (one of the first eight). */
#define meta_fast(mt, e)                                                                                               \
  ((mt) == NULL || ((mt)->absent_events & (1u << (e))) ? NULL : meta_get((mt), (e), G->event_names[e]))
Table *metatable_of(const TValue *v);
const char *meta_type_name(Thread *L, const TValue *v); /* honours __name */
void meta_call(Thread *L, const TValue *f, const TValue *a, const TValue *b, const TValue *c);
void meta_call_result(Thread *L, const TValue *f, const TValue *a, const TValue *b, StkId result);
void meta_binary(Thread *L, const TValue *a, const TValue *b, StkId result, int event);
void meta_concat(Thread *L);
void meta_binary_flipped(Thread *L, const TValue *a, const TValue *b, int flip, StkId result, int event);
void meta_binary_int(Thread *L, const TValue *a, Integer i, int flip, StkId result, int event);
int meta_order(Thread *L, const TValue *a, const TValue *b, int event);
int meta_order_int(Thread *L, const TValue *a, int b, int flip, int is_float, int event);
void varargs_adjust(Thread *L, int nfixparams, CallInfo *ci, const Proto *p);
void varargs_get(Thread *L, CallInfo *ci, StkId where, int wanted);

/* ---- arith.c ---- */
int arith_raw(Thread *L, int event, const TValue *a, const TValue *b, TValue *result);
Number number_mod(Number a, Number b);
Number number_pow(Number a, Number b);
Number number_floor_div(Number a, Number b);
Integer shift_left(Integer x, Integer y);
int number_less(const TValue *a, const TValue *b);       /* both numbers */
int number_less_equal(const TValue *a, const TValue *b); /* both numbers */
int number_to_integer(const TValue *v, Integer *out, int mode); /* of a number; no strings */
int tointeger_mode(const TValue *v, Integer *out, int mode);    /* of a number or a string */
int string_to_value(const TValue *v, TValue *out);
int float_to_integer(Number n, Integer *out, int mode);

/* ---- debuginfo.c ---- */
NORETURN __attribute__((cold)) void error_run(Thread *L, const char *format, ...); /* with position, push_format's formats */
NORETURN __attribute__((cold)) void error_message(Thread *L); /* raises the value on top, through the handler */
NORETURN __attribute__((cold)) void error_type(Thread *L, const TValue *v, const char *operation);
NORETURN __attribute__((cold)) void error_call(Thread *L, const TValue *v);
NORETURN __attribute__((cold)) void error_for(Thread *L, const TValue *v, const char *what);
NORETURN __attribute__((cold)) void error_concat(Thread *L, const TValue *a, const TValue *b);
NORETURN __attribute__((cold)) void error_operand(Thread *L, const TValue *a, const TValue *b, const char *message);
NORETURN __attribute__((cold)) void error_to_integer(Thread *L, const TValue *a, const TValue *b);
NORETURN __attribute__((cold)) void error_order(Thread *L, const TValue *a, const TValue *b);
const char *push_position(Thread *L, const char *message, TString *source, int line);
int line_of(const Proto *p, int pc);
int current_line(CallInfo *ci);
void short_source(char *out, const char *source, size_t length); /* out: 60 bytes */
const char *find_local(Thread *L, CallInfo *ci, int n, StkId *slot);
/* The checked loop, before each instruction while L->hookmask is set: count and line hooks. */
void hook_trace(Thread *L, CallInfo *ci, const Instruction *pc);
uint8_t mode_wanted(void);
void mode_update(void); /* which loop variant is in charge, after hooks, breakpoints or recording changed */

/* ---- undump.c and verify.c ---- */
/* What is wrong with a function (nested ones not included), NULL if it may run; *where: the instruction, or -1. */
const char *verify_function(const Proto *p, int *where);
LClosure *undump(Thread *L, const char *bytes, size_t size, const char *name);
/* Do the bytes reach to a chunk's end, or can no further bytes make them a chunk? 0: more are needed to tell. */
int chunk_is_whole(const char *bytes, size_t size);

#endif
