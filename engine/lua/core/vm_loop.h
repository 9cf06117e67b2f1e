/* The interpreter loop. vm.c includes this file once for each variant: EXECUTE names the function, MODE is LOOP_FAST,
 * LOOP_CHECKED (looks at breakpoints and debug hooks, calls the recorder before every instruction) or LOOP_WATCHED (notes
 * which instructions write to one stack slot or are of certain rows, see watch.h).
 *
 * Locals hold the frame: `base` = R[0], `k` = the constants, `pc` = the next instruction, `left` = ticks until the next
 * stop. Rules:
 *  - anything that may raise an error needs savedpc; that may run Lua, collect or move the stack: PROTECT…;
 *  - `left` is written back before and read again after each call that may execute instructions or leave the VM;
 *  - after PROTECT… `base` is right, `ra` and other slots must be computed anew.
 */
#define CHECKED (MODE == LOOP_CHECKED)
#define WATCHED (MODE == LOOP_WATCHED)
#define LEFT CTL->left[MODE]
#if MODE == LOOP_FAST
#define RECORD(hook) ((void)0)
#elif MODE == LOOP_CHECKED
#define RECORD(hook) hook
#else
#define RECORD(hook)                                                                                                   \
  do {                                                                                                                 \
    LEFT = left; /* the notes bear the tick */                                                                         \
    hook;                                                                                                              \
  } while (0)
#endif
#if CHECKED
#define HOOKED (L->hookmask)
#else
#define HOOKED 0
#endif
/* LOOP_WATCHED: `distance` is where the slot looked for is, counted from `base`; `rows` are those looked for, or
 * NULL; `is_outer`: all steps of this frame are. */
#if WATCHED
#define REBASE() /* and another run may have begun */                                                                   \
  (distance = watch_distance(L, base), rows = CTL->watch_rows,                                                         \
   is_outer = unlikely(CTL->watch_has_frame) && watch_is_outer(L, ci))
#define NOTE_RANGE(reg, count)                                                                                         \
  do {                                                                                                                 \
    if (unlikely((uint64_t)(distance - (reg)) < (uint64_t)(count))) watch_note(left);                                  \
  } while (0)
#define NOTE_REGISTER(i)                                                                                               \
  do {                                                                                                                 \
    if (unlikely(distance == GETARG_A(i))) watch_register(i, left);                                                    \
  } while (0)
#define NOTE_STEP()                                                                                                    \
  do {                                                                                                                 \
    if (unlikely(is_outer)) watch_note(left);                                                                          \
    if (rows) {                                                                                                        \
      uint32_t where = cl->p->where + (uint32_t)(pc - 1 - cl->p->code);                                                \
      if (where < CTL->watch_row_count && (rows[where / 64] >> (where % 64) & 1)) watch_note(left);                    \
    }                                                                                                                  \
  } while (0)
#define NOTE(statement) statement
#else
#define NOTE_STEP() ((void)0)
#define REBASE() ((void)0)
#define NOTE_RANGE(reg, count) ((void)0)
#define NOTE_REGISTER(i) ((void)0)
#define NOTE(statement) ((void)0)
#endif

#if CHECKED
#define NEXT() goto checked_step
#else
#define NEXT()                                                                                                         \
  do {                                                                                                                 \
    if (unlikely(--left < 0)) goto out_of_ticks;                                                                       \
    i = *pc++;                                                                                                         \
    NOTE_STEP();                                                                                                       \
    NOTE_REGISTER(i);                                                                                                  \
    goto *labels[GET_OPCODE(i)];                                                                                       \
  } while (0)
#endif

/* 1: the call that `ci` was entered for has returned. 0: the other variant has to go on with L->ci. */
static int EXECUTE(Thread *L, CallInfo *ci) {
  static const void *const labels[NUM_OPCODES] = {OPCODE_LABELS};
  LClosure *cl;
  TValue *k;
  StkId base;
  const Instruction *pc;
  Instruction i;
  int64_t left = LEFT;
#if WATCHED
  int64_t distance;
  const uint64_t *rows;
  int is_outer;
#endif
#if CHECKED
  int hook_done = 0; /* the hooks have seen the instruction at pc */
#endif
returning:
  cl = ci_closure(ci);
  k = cl->p->k;
  pc = ci->u.l.savedpc;
  base = ci->func + 1;
  REBASE();
  NOTE(watch_waiting(L, ci, pc, left));
  NOTE(watch_entry(cl, pc, left));
  NEXT();

out_of_ticks:
  left = 0;
  LEFT = 0;
#if CHECKED
  if (recording()) record_step_end(L, ci, pc);
#endif
  SAVE_PC();
  if (CTL->mode == MODE) vm_exit(EXIT_BUDGET);
  if (CTL->mode != MODE) return 0;
  left = LEFT;
  REBASE();
  NEXT();

#if CHECKED
checked_step:
  if (unlikely(--left < 0)) goto out_of_ticks;
  if (CTL->breakpoints && !hook_done) {
    uint32_t where = cl->p->where + (uint32_t)(pc - cl->p->code);
    if (CTL->skip_break)
      CTL->skip_break = 0;
    else if (where < CTL->break_count && (CTL->break_bits[where / 64] >> (where % 64) & 1)) {
      left++;
      LEFT = left;
      RECORD(if (recording()) record_step_end(L, ci, pc));
      SAVE_PC();
      CTL->break_where = where;
      vm_exit(EXIT_BREAKPOINT);
      if (CTL->mode != MODE) return 0;
      left = LEFT;
      goto checked_step;
    }
  }
  if (HOOKED && !hook_done) {
    LEFT = ++left; /* the hook's instructions come before this one, which is counted after them */
    RECORD(if (recording()) record_before_hook(L, ci, pc));
    hook_trace(L, ci, pc);
    RELOAD();
    hook_done = 1; /* also when the ticks or the batch are used up and this instruction has to be begun again */
    goto checked_step;
  }
  if (recording()) {
    LEFT = left;
    if (record_step_begin(L, ci, pc)) {
      left++;
      SAVE_PC();
      LEFT = left;
      vm_exit(EXIT_BUDGET);
      if (CTL->mode != MODE) return 0;
      left = LEFT;
      goto checked_step;
    }
  }
  hook_done = 0;
  i = *pc++;
  goto *labels[GET_OPCODE(i)];
#endif

  CASE(OP_MOVE) {
    StkId ra = RA(i);
    set_value(ra, RB(i));
    NEXT();
  }
  CASE(OP_LOADI) {
    StkId ra = RA(i);
    set_int(ra, GETARG_sBx(i));
    NEXT();
  }
  CASE(OP_LOADF) {
    StkId ra = RA(i);
    set_flt(ra, (Number)GETARG_sBx(i));
    NEXT();
  }
  CASE(OP_LOADK) {
    StkId ra = RA(i);
    set_value(ra, k + GETARG_Bx(i));
    NEXT();
  }
  CASE(OP_LOADKX) {
    StkId ra = RA(i);
    set_value(ra, k + GETARG_Ax(*pc));
    pc++;
    NEXT();
  }
  CASE(OP_LOADFALSE) {
    set_false(RA(i));
    NEXT();
  }
  CASE(OP_LFALSESKIP) {
    set_false(RA(i));
    pc++;
    NEXT();
  }
  CASE(OP_LOADTRUE) {
    set_true(RA(i));
    NEXT();
  }
  CASE(OP_LOADNIL) {
    StkId ra = RA(i);
    int b = GETARG_B(i);
    NOTE_RANGE(GETARG_A(i), b + 1);
    do set_nil(ra++);
    while (b--);
    NEXT();
  }
  CASE(OP_GETUPVAL) {
    StkId ra = RA(i);
    set_value(ra, cl->upvals[GETARG_B(i)]->v);
    NEXT();
  }
  CASE(OP_SETUPVAL) {
    StkId ra = RA(i);
    UpVal *uv = cl->upvals[GETARG_B(i)];
    RECORD(record_upvalue(L, uv, ra));
    set_value(uv->v, ra);
    gc_barrier(L, uv, ra);
    NEXT();
  }
  CASE(OP_GETTABUP) {
    const TValue *slot;
    const TValue *t = cl->upvals[GETARG_B(i)]->v, *key = KC(i);
    if (likely(FAST_GET(t, slot, table_get_short_inline(table_of(t), string_of(key))))) {
      StkId ra = RA(i);
      set_value(ra, slot);
    } else
      PROTECT(get_with_metamethods(L, t, key, RA(i), slot));
    NEXT();
  }
  CASE(OP_GETTABLE) {
    const TValue *slot;
    const TValue *t = RB(i), *key = RC(i);
    if (is_integer(key) ? FAST_GET(t, slot, INT_SLOT(table_of(t), int_of(key)))
                        : FAST_GET(t, slot, table_get(table_of(t), key))) {
      StkId ra = RA(i);
      set_value(ra, slot);
    } else
      PROTECT(get_with_metamethods(L, t, key, RA(i), slot));
    NEXT();
  }
  CASE(OP_GETI) {
    const TValue *slot;
    const TValue *t = RB(i);
    int c = GETARG_C(i);
    if (FAST_GET(t, slot, INT_SLOT(table_of(t), c))) {
      StkId ra = RA(i);
      set_value(ra, slot);
    } else {
      TValue key;
      set_int(&key, c);
      PROTECT(get_with_metamethods(L, t, &key, RA(i), slot));
    }
    NEXT();
  }
  CASE(OP_GETFIELD) {
    const TValue *slot;
    const TValue *t = RB(i), *key = KC(i);
    if (likely(FAST_GET(t, slot, table_get_short_inline(table_of(t), string_of(key))))) {
      StkId ra = RA(i);
      set_value(ra, slot);
    } else
      PROTECT(get_with_metamethods(L, t, key, RA(i), slot));
    NEXT();
  }
  CASE(OP_SETTABUP) {
    const TValue *slot;
    const TValue *t = cl->upvals[GETARG_A(i)]->v, *key = KB(i), *value = RKC(i);
    if (likely(FAST_GET(t, slot, table_get_short_inline(table_of(t), string_of(key)))))
      STORE(t, key, slot, value);
    else
      PROTECT(set_with_metamethods(L, t, key, value, slot));
    NEXT();
  }
  CASE(OP_SETTABLE) {
    const TValue *slot;
    const TValue *t = RA(i), *key = RB(i), *value = RKC(i);
    if (is_integer(key) ? FAST_GET(t, slot, INT_SLOT(table_of(t), int_of(key)))
                        : FAST_GET(t, slot, table_get(table_of(t), key)))
      STORE(t, key, slot, value);
    else
      PROTECT(set_with_metamethods(L, t, key, value, slot));
    NEXT();
  }
  CASE(OP_SETI) {
    const TValue *slot;
    const TValue *t = RA(i), *value = RKC(i);
    TValue key;
    set_int(&key, GETARG_B(i));
    if (FAST_GET(t, slot, INT_SLOT(table_of(t), int_of(&key))))
      STORE(t, &key, slot, value);
    else
      PROTECT(set_with_metamethods(L, t, &key, value, slot));
    NEXT();
  }
  CASE(OP_SETFIELD) {
    const TValue *slot;
    const TValue *t = RA(i), *key = KB(i), *value = RKC(i);
    if (likely(FAST_GET(t, slot, table_get_short_inline(table_of(t), string_of(key)))))
      STORE(t, key, slot, value);
    else
      PROTECT(set_with_metamethods(L, t, key, value, slot));
    NEXT();
  }
  CASE(OP_NEWTABLE) {
    StkId ra = RA(i);
    uint32_t nodes = (uint32_t)GETARG_B(i), slots = (uint32_t)GETARG_C(i);
    if (nodes > 0) nodes = nodes > 31 ? UINT32_MAX : 1u << (nodes - 1);
    if (GETARG_k(i)) slots += (uint32_t)GETARG_Ax(*pc) * (MAXARG_C + 1);
    pc++; /* the extra argument */
    SAVE_PC();
    L->top = ra + 1;
    Table *t = table_new(L);
    set_tbl(ra, t);
    if (nodes | slots) table_resize(L, t, slots, nodes);
    COLLECT(ra + 1);
    NEXT();
  }
  CASE(OP_SELF) {
    const TValue *slot;
    StkId ra = RA(i);
    const TValue *t = RB(i), *key = RKC(i);
    TValue object;
    set_value(&object, t);
    set_value(ra + 1, t);
    NOTE_RANGE(GETARG_A(i) + 1, 1);
    if (likely(FAST_GET(&object, slot, table_get_string(table_of(&object), string_of(key)))))
      set_value(ra, slot);
    else
      PROTECT(get_with_metamethods(L, t, key, ra, slot));
    NEXT();
  }

  CASE(OP_ADDI) {
    const TValue *v = RB(i);
    int im = GETARG_sC(i);
    if (is_integer(v)) {
      Integer x = int_of(v);
      StkId ra = RA(i);
      pc++;
      set_int(ra, INT_ADD(x, im));
    } else if (is_float(v)) {
      Number x = flt_of(v);
      StkId ra = RA(i);
      pc++;
      set_flt(ra, x + (Number)im);
    }
    NEXT();
  }
  CASE(OP_ADDK) ARITH_WITH(RB(i), KC(i), INT_ADD, FLT_ADD);
  CASE(OP_SUBK) ARITH_WITH(RB(i), KC(i), INT_SUB, FLT_SUB);
  CASE(OP_MULK) ARITH_WITH(RB(i), KC(i), INT_MUL, FLT_MUL);
  CASE(OP_MODK) {
    SAVE_STATE();
    ARITH_WITH(RB(i), KC(i), INT_MOD, number_mod);
  }
  CASE(OP_POWK) ARITH_FLOAT(RB(i), KC(i), number_pow);
  CASE(OP_DIVK) ARITH_FLOAT(RB(i), KC(i), FLT_DIV);
  CASE(OP_IDIVK) {
    SAVE_STATE();
    ARITH_WITH(RB(i), KC(i), INT_IDIV, number_floor_div);
  }
  CASE(OP_BANDK) BITWISE(RB(i), KC(i), INT_BAND);
  CASE(OP_BORK) BITWISE(RB(i), KC(i), INT_BOR);
  CASE(OP_BXORK) BITWISE(RB(i), KC(i), INT_BXOR);
  CASE(OP_SHRI) {
    Integer x;
    if (number_to_integer(RB(i), &x, 0)) {
      StkId ra = RA(i);
      int im = GETARG_sC(i);
      pc++;
      set_int(ra, shift_left(x, -im));
    }
    NEXT();
  }
  CASE(OP_SHLI) {
    Integer x;
    if (number_to_integer(RB(i), &x, 0)) {
      StkId ra = RA(i);
      int im = GETARG_sC(i);
      pc++;
      set_int(ra, shift_left(im, x));
    }
    NEXT();
  }
  CASE(OP_ADD) ARITH_WITH(RB(i), RC(i), INT_ADD, FLT_ADD);
  CASE(OP_SUB) ARITH_WITH(RB(i), RC(i), INT_SUB, FLT_SUB);
  CASE(OP_MUL) ARITH_WITH(RB(i), RC(i), INT_MUL, FLT_MUL);
  CASE(OP_MOD) {
    SAVE_STATE();
    ARITH_WITH(RB(i), RC(i), INT_MOD, number_mod);
  }
  CASE(OP_POW) ARITH_FLOAT(RB(i), RC(i), number_pow);
  CASE(OP_DIV) ARITH_FLOAT(RB(i), RC(i), FLT_DIV);
  CASE(OP_IDIV) {
    SAVE_STATE();
    ARITH_WITH(RB(i), RC(i), INT_IDIV, number_floor_div);
  }
  CASE(OP_BAND) BITWISE(RB(i), RC(i), INT_BAND);
  CASE(OP_BOR) BITWISE(RB(i), RC(i), INT_BOR);
  CASE(OP_BXOR) BITWISE(RB(i), RC(i), INT_BXOR);
  CASE(OP_SHL) BITWISE(RB(i), RC(i), shift_left);
  CASE(OP_SHR) BITWISE(RB(i), RC(i), INT_SHR);
  CASE(OP_MMBIN) {
    Instruction before = pc[-2];
    PROTECT(meta_binary(L, RA(i), RB(i), RA(before), GETARG_C(i)));
    NOTE_RANGE(GETARG_A(before), 1);
    NEXT();
  }
  CASE(OP_MMBINI) {
    Instruction before = pc[-2];
    PROTECT(meta_binary_int(L, RA(i), GETARG_sB(i), GETARG_k(i), RA(before), GETARG_C(i)));
    NOTE_RANGE(GETARG_A(before), 1);
    NEXT();
  }
  CASE(OP_MMBINK) {
    Instruction before = pc[-2];
    PROTECT(meta_binary_flipped(L, RA(i), KB(i), GETARG_k(i), RA(before), GETARG_C(i)));
    NOTE_RANGE(GETARG_A(before), 1);
    NEXT();
  }
  CASE(OP_UNM) {
    const TValue *rb = RB(i);
    StkId ra = RA(i);
    if (is_integer(rb)) {
      Integer x = int_of(rb);
      set_int(ra, (Integer)(0 - (Unsigned)x));
    } else if (is_float(rb)) {
      Number x = flt_of(rb);
      set_flt(ra, -x);
    } else
      PROTECT(meta_binary(L, rb, rb, ra, TM_UNM));
    NEXT();
  }
  CASE(OP_BNOT) {
    const TValue *rb = RB(i);
    StkId ra = RA(i);
    Integer x;
    if (number_to_integer(rb, &x, 0))
      set_int(ra, ~x);
    else
      PROTECT(meta_binary(L, rb, rb, ra, TM_BNOT));
    NEXT();
  }
  CASE(OP_NOT) {
    const TValue *rb = RB(i);
    int falsy = is_falsy(rb);
    set_bool(RA(i), falsy);
    NEXT();
  }
  CASE(OP_LEN) {
    PROTECT(value_length(L, RA(i), RB(i)));
    NEXT();
  }
  CASE(OP_CONCAT) {
    StkId ra = RA(i);
    int n = GETARG_B(i);
    L->top = ra + n;
    PROTECT_TOP(concat_top(L, n));
    COLLECT(L->top);
    NEXT();
  }
  CASE(OP_CLOSE) {
    PROTECT(func_close(L, RA(i), STATUS_OK, 1));
    NEXT();
  }
  CASE(OP_TBC) {
    SAVE_STATE();
    func_new_tbc(L, RA(i));
    NEXT();
  }
  CASE(OP_JMP) {
    pc += GETARG_sJ(i);
    NEXT();
  }
  CASE(OP_EQ) {
    StkId ra = RA(i);
    const TValue *rb = RB(i);
    int condition;
    if (ra->tag == rb->tag && (ra->tag == V_INT || ra->tag == V_SHORT))
      condition = ra->v.bits == rb->v.bits;
    else
      PROTECT(condition = values_equal(L, ra, rb));
    CONDITIONAL_JUMP(condition);
  }
  CASE(OP_LT) ORDER(<, number_less, value_less);
  CASE(OP_LE) ORDER(<=, number_less_equal, value_less_equal);
  CASE(OP_EQK) {
    int condition = raw_values_equal(RA(i), KB(i)); /* a constant has no metamethods */
    CONDITIONAL_JUMP(condition);
  }
  CASE(OP_EQI) {
    StkId ra = RA(i);
    int im = GETARG_sB(i);
    int condition = is_integer(ra) ? int_of(ra) == im : is_float(ra) ? flt_of(ra) == (Number)im : 0;
    CONDITIONAL_JUMP(condition);
  }
  CASE(OP_LTI) ORDER_INT(<, 0, TM_LT);
  CASE(OP_LEI) ORDER_INT(<=, 0, TM_LE);
  CASE(OP_GTI) ORDER_INT(>, 1, TM_LT);
  CASE(OP_GEI) ORDER_INT(>=, 1, TM_LE);
  CASE(OP_TEST) {
    int condition = !is_falsy(RA(i));
    CONDITIONAL_JUMP(condition);
  }
  CASE(OP_TESTSET) {
    const TValue *rb = RB(i);
    if (is_falsy(rb) == GETARG_k(i))
      pc++;
    else {
      StkId ra = RA(i);
      set_value(ra, rb);
      JUMP_NEXT();
    }
    NEXT();
  }

  CASE(OP_CALL) {
    StkId ra = RA(i);
    int b = GETARG_B(i), wanted = GETARG_C(i) - 1;
    CallInfo *callee;
    if (b != 0) L->top = ra + b;
    ci->u.l.savedpc = pc;
    RECORD(record_flag(STEP_CALL));
    if (likely(ra->tag == V_LCLOSURE && !call_is_captured(L, ra))) {
      const Proto *p = lclosure_of(ra)->p;
      int frame = p->maxstacksize;
      if (likely(L->stack_last - L->top > frame)) {
        callee = ci->next;
        if (unlikely(callee == NULL)) {
          LEFT = left; /* it may raise the memory error */
          callee = callinfo_extend(L);
        }
        callee->func = ra;
        callee->nresults = (int16_t)wanted;
        callee->callstatus = 0;
        callee->top = ra + 1 + frame;
        for (int given = (int)(L->top - ra) - 1; given < p->numparams; given++) set_nil(L->top++);
        L->ci = ci = callee;
        cl = lclosure_of(ra);
        goto enter;
      }
    }
    LEFT = left;
    callee = call_prepare(L, ra, wanted);
    RELOAD();
    if (callee == NULL) NEXT();
    ci = callee;
    cl = ci_closure(ci);
    goto enter;
  }
  CASE(OP_TAILCALL) {
    StkId ra = RA(i);
    int b = GETARG_B(i), params1 = GETARG_C(i);
    int delta = params1 ? ci->u.l.nextraargs + params1 : 0;
    if (b != 0)
      L->top = ra + b;
    else
      b = (int)(L->top - ra);
    SAVE_PC();
    RECORD(record_flag(STEP_CALL));
    if (GETARG_k(i)) {
      if (unlikely(L->tbclist >= base)) error_run(L, "tail call with variables to close"); /* only foreign code */
      func_close_upvalues(L, base);
    }
    int n = call_prepare_tail(L, ci, ra, b, delta);
    left = LEFT;
    if (n >= 0) { /* a native: its results are ours */
      ci->func -= delta;
      call_finish(L, ci, n);
      left = LEFT;
      goto leave;
    }
    cl = ci_closure(ci);
    goto enter;
  }
  CASE(OP_RETURN) {
    StkId ra = RA(i);
    int n = GETARG_B(i) - 1, params1 = GETARG_C(i);
    if (n < 0) n = (int)(L->top - ra);
    SAVE_PC();
    RECORD(record_flag(STEP_RETURN));
    LEFT = left;
    if (GETARG_k(i)) { /* upvalues or variables to close */
      ci->u2.nres = n;
      if (L->top < ci->top) L->top = ci->top;
      func_close(L, base, STATUS_CLOSE_PROTECTED, 1);
      RELOAD();
      ra = RA(i);
      LEFT = left;
    }
    if (params1) ci->func -= ci->u.l.nextraargs + params1;
    L->top = ra + n;
    call_finish(L, ci, n);
    left = LEFT;
    goto leave;
  }
  CASE(OP_RETURN0) {
    RECORD(record_flag(STEP_RETURN));
    if (HOOKED) {
      SAVE_PC();
      L->top = RA(i);
      LEFT = left;
      call_finish(L, ci, 0);
      left = LEFT;
      goto leave;
    }
    int wanted = ci->nresults;
    L->ci = ci->previous;
    L->top = base - 1;
    NOTE(LEFT = left);
    NOTE(watch_results(L, L->ci, base - 1, wanted));
    for (; unlikely(wanted > 0); wanted--) set_nil(L->top++);
    goto leave;
  }
  CASE(OP_RETURN1) {
    StkId ra = RA(i);
    RECORD(record_flag(STEP_RETURN));
    if (HOOKED) {
      SAVE_PC();
      L->top = ra + 1;
      LEFT = left;
      call_finish(L, ci, 1);
      left = LEFT;
      goto leave;
    }
    int wanted = ci->nresults;
    L->ci = ci->previous;
    NOTE(LEFT = left);
    NOTE(watch_results(L, L->ci, base - 1, wanted < 0 ? 1 : wanted));
    if (wanted == 0)
      L->top = base - 1;
    else {
      set_value(base - 1, ra);
      L->top = base;
      for (; unlikely(wanted > 1); wanted--) set_nil(L->top++);
    }
    goto leave;
  }
leave:
  if (ci->callstatus & CALL_FRESH) {
    LEFT = left;
    return 1;
  }
  ci = ci->previous;
  goto returning;
enter: /* `ci` and `cl` are those of a new frame */
  pc = cl->p->code;
  ci->u.l.savedpc = pc;
  k = cl->p->k;
  base = ci->func + 1;
  REBASE();
  NOTE_RANGE(-1, 1 + cl->p->numparams);
#if CHECKED
  if (HOOKED && !cl->p->is_vararg) PROTECT_TOP(hook_call(L, ci));
#endif
  NEXT();

  CASE(OP_FORLOOP) {
    StkId ra = RA(i);
    if (is_integer(ra + 2)) {
      Unsigned count = (Unsigned)int_of(ra + 1);
      if (count > 0) {
        NOTE_RANGE(GETARG_A(i), 4);
        Integer index = INT_ADD(int_of(ra), int_of(ra + 2));
        set_int(ra + 1, (Integer)(count - 1)); /* with their tags: foreign code may have put anything here */
        set_int(ra, index);
        set_int(ra + 3, index);
        pc -= GETARG_Bx(i);
      }
    } else if (for_loop_float(ra)) {
      NOTE_RANGE(GETARG_A(i), 4);
      pc -= GETARG_Bx(i);
    }
    NEXT();
  }
  CASE(OP_FORPREP) {
    SAVE_STATE();
    NOTE_RANGE(GETARG_A(i), 4);
    if (for_prepare(L, RA(i))) pc += GETARG_Bx(i) + 1;
    NEXT();
  }
  CASE(OP_TFORPREP) {
    SAVE_STATE();
    func_new_tbc(L, RA(i) + 3);
    pc += GETARG_Bx(i);
    i = *pc++; /* the TFORCALL */
    goto generic_call;
  }
  CASE(OP_TFORCALL)
generic_call : {
  StkId ra = RA(i);
  set_value(ra + 4, ra);
  set_value(ra + 5, ra + 1);
  set_value(ra + 6, ra + 2);
  L->top = ra + 4 + 3;
  RECORD(record_flag(STEP_CALL));
  PROTECT_TOP(call_value(L, ra + 4, GETARG_C(i)));
  i = *pc++; /* the TFORLOOP */
  goto generic_loop;
}
  CASE(OP_TFORLOOP)
generic_loop : {
  StkId ra = RA(i);
  if (!is_nil(ra + 4)) {
    NOTE_RANGE(GETARG_A(i) + 2, 1);
    set_value(ra + 2, ra + 4);
    pc -= GETARG_Bx(i);
  }
  NEXT();
}
  CASE(OP_SETLIST) {
    StkId ra = RA(i);
    uint32_t n = (uint32_t)GETARG_B(i), last = (uint32_t)GETARG_C(i);
    if (!is_table(ra)) PROTECT_TOP(error_run(L, "SETLIST without a table")); /* only foreign code does that */
    Table *t = table_of(ra);
    if (n == 0)
      n = (uint32_t)(L->top - ra) - 1;
    else
      L->top = ci->top;
    last += n;
    if (GETARG_k(i)) {
      last += (uint32_t)GETARG_Ax(*pc) * (MAXARG_C + 1);
      pc++;
    }
    SAVE_PC();
    if (last > t->array_size) table_resize(L, t, last, table_has_dummy(t) ? 0 : table_nodes(t));
    for (; n > 0; n--, last--) {
      const TValue *value = ra + n;
#if MODE != LOOP_FAST
      if (recording()) {
        TValue key;
        set_int(&key, last);
        record_table_write(L, t, &key, &t->array[last - 1], value);
      }
#endif
      set_value(&t->array[last - 1], value);
      gc_barrier_back(L, t, value);
    }
    NEXT();
  }
  CASE(OP_CLOSURE) {
    Proto *p = cl->p->p[GETARG_Bx(i)];
    SAVE_STATE();
    closure_make(L, p, cl->upvals, base, RA(i));
    COLLECT(RA(i) + 1);
    NEXT();
  }
  CASE(OP_VARARG) {
    PROTECT(varargs_get(L, ci, RA(i), GETARG_C(i) - 1));
    NOTE_RANGE(GETARG_A(i), GETARG_C(i) ? GETARG_C(i) - 1 : L->top - RA(i));
    NEXT();
  }
  CASE(OP_VARARGPREP) {
    PROTECT_TOP(varargs_adjust(L, GETARG_A(i), ci, cl->p));
    NOTE_RANGE(0, cl->p->numparams);
#if CHECKED
    if (HOOKED) {
      PROTECT_TOP(hook_call(L, ci));
      L->oldpc = 1; /* the next instruction is on a new line */
    }
#endif
    NEXT();
  }
  CASE(OP_EXTRAARG) NEXT();
}

#undef CHECKED
#undef WATCHED
#undef REBASE
#undef NOTE_RANGE
#undef NOTE_REGISTER
#undef NOTE_STEP
#undef NOTE
#undef LEFT
#undef RECORD
#undef HOOKED
#undef NEXT
