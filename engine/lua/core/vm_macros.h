/* What the variants of the loop are written with; see vm_loop.h for the rules. LEFT, RECORD, NEXT, REBASE and the NOTEs are
 * the variant's. */
#ifndef LUA_VM_MACROS_H
#define LUA_VM_MACROS_H

#define RA(i) (base + GETARG_A(i))
#define RB(i) (base + GETARG_B(i))
#define RC(i) (base + GETARG_C(i))
#define KB(i) (k + GETARG_B(i))
#define KC(i) (k + GETARG_C(i))
#define RKC(i) (GETARG_k(i) ? k + GETARG_C(i) : base + GETARG_C(i))

/* An error leaves the loop for good: what it has counted must be in memory by then. */
#define SAVE_PC() (ci->u.l.savedpc = pc, LEFT = left)
#define SAVE_STATE() (SAVE_PC(), L->top = ci->top)
#define RELOAD()                                                                                                       \
  do {                                                                                                                 \
    left = LEFT;                                                                                                       \
    base = ci->func + 1;                                                                                               \
    REBASE();                                                                                                          \
    NOTE_REGISTER(i);                                                                                                  \
  } while (0)
#define PROTECT(expression)                                                                                            \
  do {                                                                                                                 \
    SAVE_STATE();                                                                                                      \
    expression;                                                                                                        \
    RELOAD();                                                                                                          \
  } while (0)
/* L->top is already what it has to be. */
#define PROTECT_TOP(expression)                                                                                        \
  do {                                                                                                                 \
    SAVE_PC();                                                                                                         \
    expression;                                                                                                        \
    RELOAD();                                                                                                          \
  } while (0)
#define COLLECT(limit)                                                                                                 \
  do {                                                                                                                 \
    if (unlikely(G->gc_debt > 0)) {                                                                                    \
      SAVE_PC();                                                                                                       \
      L->top = (limit);                                                                                                \
      gc_step(L);                                                                                                      \
      RELOAD();                                                                                                        \
    }                                                                                                                  \
  } while (0)

#define CASE(op) L_##op:
#define JUMP_NEXT()                                                                                                    \
  do {                                                                                                                 \
    Instruction jump_ = *pc;                                                                                           \
    pc += GETARG_sJ(jump_) + 1;                                                                                        \
  } while (0)
#define CONDITIONAL_JUMP(condition)                                                                                    \
  do {                                                                                                                 \
    if ((condition) != GETARG_k(i))                                                                                    \
      pc++;                                                                                                            \
    else                                                                                                               \
      JUMP_NEXT();                                                                                                     \
    NEXT();                                                                                                            \
  } while (0)

/* The slot of `key` when `t` is a table that has a value there. `getter` is evaluated once. */
#define FAST_GET(t, slot, getter) (is_table(t) ? (slot = (getter), !is_empty(slot)) : (slot = NULL, 0))
#define STORE(t, key, slot, value)                                                                                     \
  do {                                                                                                                 \
    RECORD(record_table(L, table_of(t), key, slot, value));                                                            \
    set_value((TValue *)(slot), value);                                                                                \
    gc_barrier_back(L, table_of(t), value);                                                                            \
  } while (0)
#define INT_SLOT(t, n)                                                                                                 \
  ((Unsigned)(n)-1u < (t)->array_size ? &(t)->array[(n)-1] : table_get_hash_int((t), (n)))

/* Arithmetic: the metamethod instruction that follows is skipped when it succeeds. */
#define ARITH_WITH(v1, v2, int_op, float_op)                                                                           \
  do {                                                                                                                 \
    const TValue *a_ = (v1), *b_ = (v2);                                                                               \
    StkId ra = RA(i);                                                                                                  \
    if (is_integer(a_) && is_integer(b_)) {                                                                            \
      Integer x_ = int_of(a_), y_ = int_of(b_);                                                                        \
      pc++;                                                                                                            \
      set_int(ra, int_op(x_, y_));                                                                                     \
    } else if (is_number(a_) && is_number(b_)) {                                                                       \
      Number x_ = num_of(a_), y_ = num_of(b_);                                                                         \
      pc++;                                                                                                            \
      set_flt(ra, float_op(x_, y_));                                                                                   \
    }                                                                                                                  \
    NEXT();                                                                                                            \
  } while (0)
#define ARITH_FLOAT(v1, v2, float_op)                                                                                  \
  do {                                                                                                                 \
    const TValue *a_ = (v1), *b_ = (v2);                                                                               \
    if (is_number(a_) && is_number(b_)) {                                                                              \
      Number x_ = num_of(a_), y_ = num_of(b_);                                                                         \
      StkId ra = RA(i);                                                                                                \
      pc++;                                                                                                            \
      set_flt(ra, float_op(x_, y_));                                                                                   \
    }                                                                                                                  \
    NEXT();                                                                                                            \
  } while (0)
#define BITWISE(v1, v2, op)                                                                                            \
  do {                                                                                                                 \
    const TValue *a_ = (v1), *b_ = (v2);                                                                               \
    Integer x_, y_;                                                                                                    \
    if (number_to_integer(a_, &x_, 0) && number_to_integer(b_, &y_, 0)) {                                              \
      StkId ra = RA(i);                                                                                                \
      pc++;                                                                                                            \
      set_int(ra, op(x_, y_));                                                                                         \
    }                                                                                                                  \
    NEXT();                                                                                                            \
  } while (0)
#define ORDER(int_op, number_fn, other_fn)                                                                             \
  do {                                                                                                                 \
    StkId ra = RA(i);                                                                                                  \
    const TValue *rb = RB(i);                                                                                          \
    int condition;                                                                                                     \
    if (is_integer(ra) && is_integer(rb))                                                                              \
      condition = int_of(ra) int_op int_of(rb);                                                                        \
    else if (is_number(ra) && is_number(rb))                                                                           \
      condition = number_fn(ra, rb);                                                                                   \
    else                                                                                                               \
      PROTECT(condition = other_fn(L, ra, rb));                                                                        \
    CONDITIONAL_JUMP(condition);                                                                                       \
  } while (0)
#define ORDER_INT(op, flip, event)                                                                                     \
  do {                                                                                                                 \
    StkId ra = RA(i);                                                                                                  \
    int condition, im = GETARG_sB(i);                                                                                  \
    if (is_integer(ra))                                                                                                \
      condition = int_of(ra) op im;                                                                                    \
    else if (is_float(ra))                                                                                             \
      condition = flt_of(ra) op(Number) im;                                                                            \
    else                                                                                                               \
      PROTECT(condition = meta_order_int(L, ra, im, flip, GETARG_C(i), event));                                        \
    CONDITIONAL_JUMP(condition);                                                                                       \
  } while (0)

#endif
