/* Whether a function's code keeps inside its registers, constants, upvalues, functions and instructions.
 *
 * The loop does not check operands as it runs, and a Lua program may load any bytes as a binary chunk. The rules are
 * those of engine/lua/verify.py (a test holds the two against each other). What cannot be seen here are the types of the
 * values that registers hold at run time: the loop checks those wherever it matters. */
#include "opcodes_gen.h"
#include "vm.h"

#define ABSOLUTE_LINE (-128)
#define MAX_HASH_BITS 28
#define MAX_EXTRA_ITEMS ((1 << 20) - 1) /* in multiples of 256: sizes that a 32-bit count still holds */
#define NO_TARGET (-1)

static const uint8_t modes[] = {OPCODE_MODES};

/* Meaning of operands A, B, C, k and Bx of an instruction: registers, constants … (see opcodes.py). */
typedef enum Meaning { FREE, REGISTER, UPVALUE, CONSTANT, REGISTER_OR_CONSTANT, FUNCTION, EVENT } Meaning;
typedef struct Operands {
  Meaning a, b, c, bx;
} Operands;

static const Operands operands[] = {OPCODE_OPERANDS};

#define is_return(op) ((op) == OP_RETURN || (op) == OP_RETURN0 || (op) == OP_RETURN1)
#define is_leave(op) (is_return(op) || (op) == OP_TAILCALL)
#define is_arithmetic(op) ((op) >= OP_ADDI && (op) <= OP_SHR)
#define has(op, flag) (modes[op] & (flag))

static int wants_extra(Instruction i) {
  OpCode op = GET_OPCODE(i);
  return op == OP_LOADKX || op == OP_NEWTABLE || (op == OP_SETLIST && GETARG_k(i));
}

static int64_t jump_target(const Proto *p, int pc) {
  Instruction i = p->code[pc];
  switch (GET_OPCODE(i)) {
    case OP_JMP: return (int64_t)pc + 1 + GETARG_sJ(i);
    case OP_FORPREP: return (int64_t)pc + 2 + GETARG_Bx(i);
    case OP_TFORPREP: return (int64_t)pc + 1 + GETARG_Bx(i);
    case OP_FORLOOP:
    case OP_TFORLOOP: {
      int64_t target = (int64_t)pc + 1 - GETARG_Bx(i);
      return target < 0 ? p->sizecode : target; /* outside, either way */
    }
    default: return NO_TARGET;
  }
}

static const char *check_lines(const Proto *p) {
  static const char bad[] = "bad line information";
  int absolute = 0;
  if (p->sizelineinfo == 0) return p->sizeabslineinfo ? bad : NULL;
  if (p->sizelineinfo != p->sizecode) return bad;
  for (int pc = 0; pc < p->sizelineinfo; pc++) {
    if (p->lineinfo[pc] != ABSOLUTE_LINE) continue;
    if (absolute == p->sizeabslineinfo || p->abslineinfo[absolute].pc != pc) return bad;
    absolute++;
  }
  return absolute == p->sizeabslineinfo ? NULL : bad;
}

static const char *check_tables(const Proto *p) {
  if (!is_return(GET_OPCODE(p->code[p->sizecode - 1]))) return "function does not end with a return";
  if (p->maxstacksize < p->numparams || p->maxstacksize < 1) return "bad stack size";
  if ((p->is_vararg != 0) != (GET_OPCODE(p->code[0]) == OP_VARARGPREP)) return "vararg function without preparation";
  const char *problem = check_lines(p);
  if (problem) return problem;
  for (int n = 0; n < p->sizep; n++)
    for (int u = 0; u < p->p[n]->sizeupvalues; u++) {
      const UpvalDesc *upvalue = &p->p[n]->upvalues[u];
      if (upvalue->idx >= (upvalue->instack ? p->maxstacksize : p->sizeupvalues)) return "bad upvalue";
    }
  return NULL;
}

/* The highest register that an instruction touches besides its plain operands; -1 if it is one of these. */
static int highest_register(Instruction i) {
  int a = GETARG_A(i), b = GETARG_B(i), c = GETARG_C(i);
  switch (GET_OPCODE(i)) {
    case OP_LOADNIL: return a + b;
    case OP_SELF: return a + 1;
    case OP_CONCAT: return a + b - 1;
    case OP_CALL: return b > c - 1 ? a + b - 1 : a + c - 2;
    case OP_TAILCALL: return b > 0 ? a + b - 1 : a;
    case OP_RETURN: return a + b - 2;
    case OP_FORLOOP:
    case OP_FORPREP:
    case OP_TFORPREP: return a + 3;
    case OP_TFORCALL: return a + (c > 3 ? c + 3 : 6);
    case OP_TFORLOOP: return a + 4;
    case OP_SETLIST: return a + b;
    case OP_VARARG: return a + c - 2;
    default: return -1;
  }
}

static int in_range(const Proto *p, Meaning meaning, int value, int k, int spare) {
  if (meaning == REGISTER_OR_CONSTANT) meaning = k ? CONSTANT : REGISTER;
  switch (meaning) {
    case REGISTER: return value < p->maxstacksize + spare;
    case CONSTANT: return value < p->sizek;
    case UPVALUE: return value < p->sizeupvalues;
    case FUNCTION: return value < p->sizep;
    default: return 1;
  }
}

static const char *check_operands(const Proto *p, Instruction i) {
  OpCode op = GET_OPCODE(i);
  const Operands *o = &operands[op];
  int a = GETARG_A(i), b = GETARG_B(i), c = GETARG_C(i), k = GETARG_k(i);
  int spare = op == OP_RETURN && b == 1; /* a return of no value may name the register behind the last one */
  if (!in_range(p, o->a, a, k, spare)) return "operand A out of range";
  if (!in_range(p, o->b, b, k, spare)) return "operand B out of range";
  if (!in_range(p, o->c, c, k, spare)) return "operand C out of range";
  if (!in_range(p, o->bx, GETARG_Bx(i), k, spare)) return "operand Bx out of range";
  if (o->c == EVENT && !(c >= EVENT_ADD && c <= EVENT_BNOT)) return "bad metamethod event";
  if (op == OP_GETTABUP || op == OP_GETFIELD || op == OP_SETTABUP || op == OP_SETFIELD) {
    int key = op == OP_GETTABUP || op == OP_GETFIELD ? c : b;
    if (p->k[key].tag != V_SHORT) return "key is not a name";
  }
  if (op == OP_VARARGPREP && a != p->numparams) return "wrong number of parameters";
  return highest_register(i) >= p->maxstacksize ? "register out of range" : NULL;
}

/* An EXTRAARG belongs to the instruction before, and is there when that one needs it. */
static const char *check_extra(const Proto *p, int pc) {
  Instruction i = p->code[pc];
  if (GET_OPCODE(i) == OP_EXTRAARG) return pc > 0 && wants_extra(p->code[pc - 1]) ? NULL : "EXTRAARG of no instruction";
  if (!wants_extra(i)) return NULL;
  if (pc + 1 >= p->sizecode || GET_OPCODE(p->code[pc + 1]) != OP_EXTRAARG) return "missing EXTRAARG";
  int extra = GETARG_Ax(p->code[pc + 1]);
  if (GET_OPCODE(i) == OP_LOADKX) return extra >= p->sizek ? "operand Ax out of range" : NULL;
  return extra > MAX_EXTRA_ITEMS ? "table too large" : NULL;
}

/* Whether the instruction at pc takes an open number of values from the one before. */
static int continues_open(const Proto *p, int pc) {
  Instruction i = p->code[pc];
  return has(GET_OPCODE(i), OPMODE_TOP_IN) && GET_OPCODE(i) != OP_VARARGPREP && GETARG_B(i) == 0;
}

/* Nothing may jump between two instructions of which the second relies on the first, nor back to the preparation. */
static int may_be_target(const Proto *p, int pc) {
  Instruction i = p->code[pc];
  OpCode op = GET_OPCODE(i);
  return op != OP_EXTRAARG && op != OP_VARARGPREP && !(op == OP_SELF && !GETARG_k(i)) && !continues_open(p, pc);
}

static const char *check_jump(const Proto *p, int pc) {
  int64_t target = jump_target(p, pc);
  if (target == NO_TARGET) {
    /* NO_TARGET is also what a JMP to before the first instruction says */
    return GET_OPCODE(p->code[pc]) == OP_JMP ? "jump to no instruction" : NULL;
  }
  if (target < 0 || target >= p->sizecode || !may_be_target(p, (int)target)) return "jump to no instruction";
  if (GET_OPCODE(p->code[pc]) == OP_TFORPREP && GET_OPCODE(p->code[target]) != OP_TFORCALL)
    return "loop without its call";
  return NULL;
}

/* Jumps land on an instruction, and instructions that work in pairs stand in pairs. */
static const char *check_flow(const Proto *p, int pc) {
  Instruction i = p->code[pc];
  OpCode op = GET_OPCODE(i);
  int last = pc + 1 >= p->sizecode;
  OpCode following = last ? OP_EXTRAARG : GET_OPCODE(p->code[pc + 1]); /* which pairs with none of these */
  const char *problem = check_jump(p, pc);
  if (problem) return problem;
  if (op == OP_NEWTABLE && GETARG_B(i) > MAX_HASH_BITS) return "table too large";
  if (op == OP_CONCAT && GETARG_B(i) < 2) return "concatenation of less than two values";
  if (op == OP_TFORCALL && following != OP_TFORLOOP) return "loop without its end";
  if (has(op, OPMODE_TEST) && following != OP_JMP) return "test without a jump";
  if (op == OP_LFALSESKIP && (following != OP_LOADTRUE || pc + 2 >= p->sizecode))
    return "skip of something else than LOADTRUE";
  if (op == OP_VARARGPREP && pc > 0) return "vararg preparation inside the function";
  if (op == OP_VARARG && !p->is_vararg) return "vararg outside of a vararg function";
  if (has(op, OPMODE_FALLBACK) && !(pc > 0 && is_arithmetic(GET_OPCODE(p->code[pc - 1]))))
    return "metamethod without its operation";
  if (is_arithmetic(op) && !(has(following, OPMODE_FALLBACK) && pc + 2 < p->sizecode))
    return "operation without its metamethod";
  return check_extra(p, pc);
}

/* Whoever leaves an open number of values is followed by its user, who starts below them; and the other way. */
static const char *check_top(const Proto *p, int pc) {
  Instruction i = p->code[pc];
  OpCode op = GET_OPCODE(i);
  if (op == OP_VARARGPREP) return NULL;
  if (has(op, OPMODE_TOP_OUT) && (op == OP_TAILCALL || GETARG_C(i) == 0)) {
    if (pc + 1 >= p->sizecode || !continues_open(p, pc + 1)) return "open result without a user";
    Instruction user = p->code[pc + 1];
    if (GETARG_A(user) + (GET_OPCODE(user) != OP_RETURN) > GETARG_A(i)) return "open result without a user";
  }
  if (continues_open(p, pc)) {
    if (pc == 0 || !has(GET_OPCODE(p->code[pc - 1]), OPMODE_TOP_OUT)) return "open arguments without a source";
    Instruction source = p->code[pc - 1];
    if (GET_OPCODE(source) != OP_TAILCALL && GETARG_C(source) != 0) return "open arguments without a source";
  }
  return NULL;
}

/* A return or tail call undoes what its function needs undone: extra arguments, open upvalues. */
static const char *check_leave(const Proto *p, Instruction i, int closes) {
  OpCode op = GET_OPCODE(i);
  int has_operands = op == OP_RETURN || op == OP_TAILCALL;
  if ((has_operands ? GETARG_C(i) : 0) != (p->is_vararg ? p->numparams + 1 : 0)) return "wrong number of parameters";
  return closes && !(has_operands && GETARG_k(i)) ? "return that closes nothing" : NULL;
}

/* A method's name is a string: a constant, or one that the instruction just before loads into the register. */
static const char *check_method(const Proto *p, int pc) {
  static const char bad[] = "key is not a name";
  Instruction i = p->code[pc];
  int index = GETARG_C(i);
  if (!GETARG_k(i)) {
    int load = pc >= 2 && GET_OPCODE(p->code[pc - 1]) == OP_EXTRAARG ? pc - 2 : pc - 1;
    if (load < 0 || index == GETARG_A(i) + 1) return bad; /* the object would be written over the name */
    Instruction before = p->code[load];
    OpCode op = GET_OPCODE(before);
    if ((op != OP_LOADK && op != OP_LOADKX) || GETARG_A(before) != index) return bad;
    index = op == OP_LOADK ? GETARG_Bx(before) : GETARG_Ax(p->code[pc - 1]);
  }
  return index < p->sizek && is_string(&p->k[index]) ? NULL : bad;
}

static int needs_closing(const Proto *p) {
  for (int pc = 0; pc < p->sizecode; pc++)
    if (GET_OPCODE(p->code[pc]) == OP_TBC || GET_OPCODE(p->code[pc]) == OP_TFORPREP) return 1;
  for (int n = 0; n < p->sizep; n++)
    for (int u = 0; u < p->p[n]->sizeupvalues; u++)
      if (p->p[n]->upvalues[u].instack) return 1;
  return 0;
}

const char *verify_function(const Proto *p, int *where) {
  *where = -1;
  for (int pc = 0; pc < p->sizecode; pc++) {
    *where = pc;
    if ((p->code[pc] & ((1u << SIZE_OP) - 1)) >= NUM_OPCODES) return "unknown opcode";
  }
  *where = -1;
  const char *problem = check_tables(p);
  if (problem) return problem;
  int closes = needs_closing(p);
  for (int pc = 0; pc < p->sizecode; pc++) {
    OpCode op = GET_OPCODE(p->code[pc]);
    *where = pc;
    if ((problem = check_operands(p, p->code[pc])) != NULL) return problem;
    if ((problem = check_flow(p, pc)) != NULL) return problem;
    if ((problem = check_top(p, pc)) != NULL) return problem;
    if (is_leave(op) && (problem = check_leave(p, p->code[pc], closes)) != NULL) return problem;
    if (op == OP_SELF && (problem = check_method(p, pc)) != NULL) return problem;
  }
  return NULL;
}
