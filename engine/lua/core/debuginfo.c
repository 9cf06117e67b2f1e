/* What error messages and the debug interface say about code: lines, names of variables and functions. */
#include <string.h>

#include "call.h"
#include "gc.h"
#include "opcodes_gen.h"
#include "table.h"
#include "vm.h"

#define SHORT_SOURCE 60
#define LINE_IS_ABSOLUTE (-0x80)

/* ---- lines ---- */

int line_of(const Proto *p, int pc) {
  if (p->lineinfo == NULL || pc >= p->sizelineinfo) return -1;
  int at = -1, line = p->linedefined;
  int low = 0, high = p->sizeabslineinfo; /* the last absolute entry at or before pc */
  while (low < high) {
    int middle = (low + high) / 2;
    if (p->abslineinfo[middle].pc <= pc)
      low = middle + 1;
    else
      high = middle;
  }
  if (low > 0) {
    at = p->abslineinfo[low - 1].pc;
    line = p->abslineinfo[low - 1].line;
  }
  while (at++ < pc) line = (int)((unsigned)line + (unsigned)p->lineinfo[at]); /* foreign code may have any lines */
  return line;
}

static int current_pc(CallInfo *ci) { return (int)(ci->u.l.savedpc - ci_closure(ci)->p->code) - 1; }

int current_line(CallInfo *ci) { return line_of(ci_closure(ci)->p, current_pc(ci)); }

void short_source(char *out, const char *source, size_t length) {
  static const char dots[] = "...", prefix[] = "[string \"", suffix[] = "\"]";
  size_t room = SHORT_SOURCE;
  if (*source == '=') { /* the text itself, cut at the end */
    if (length <= room)
      memcpy(out, source + 1, length);
    else {
      memcpy(out, source + 1, room - 1);
      out[room - 1] = '\0';
    }
  } else if (*source == '@') { /* a file name, cut at the front */
    if (length <= room)
      memcpy(out, source + 1, length);
    else {
      memcpy(out, dots, 3);
      room -= 3;
      memcpy(out + 3, source + 1 + length - room, room);
    }
  } else { /* source text: its first line */
    const char *newline = strchr(source, '\n');
    memcpy(out, prefix, sizeof prefix - 1);
    out += sizeof prefix - 1;
    room -= sizeof prefix - 1 + 3 + sizeof suffix - 1 + 1;
    if (length < room && newline == NULL) {
      memcpy(out, source, length);
      out += length;
    } else {
      if (newline) length = (size_t)(newline - source);
      if (length > room) length = room;
      memcpy(out, source, length);
      out += length;
      memcpy(out, dots, 3);
      out += 3;
    }
    memcpy(out, suffix, sizeof suffix);
  }
}

const char *push_position(Thread *L, const char *message, TString *source, int line) {
  char buffer[SHORT_SOURCE];
  if (source)
    short_source(buffer, source->bytes, string_length(source));
  else
    memcpy(buffer, "?", 2);
  return push_format(L, "%s:%d: %s", buffer, line, message);
}

/* ---- names by symbolic execution: who put the value into a register ---- */

static const char *upvalue_name(const Proto *p, int i) {
  const TString *name = i < p->sizeupvalues ? p->upvalues[i].name : NULL;
  return name ? name->bytes : "?";
}

static const uint8_t opcode_modes[NUM_OPCODES] = {OPCODE_MODES};

/* The last instruction before `last` that changed register `reg`, -1 when that is not certain. */
static int find_setter(const Proto *p, int last, int reg) {
  int setter = -1, jump_target = 0; /* code before the target of a forward jump is conditional */
  if ((opcode_modes[GET_OPCODE(p->code[last])] & OPMODE_FALLBACK)) last--; /* the operation before it was not carried out */
  for (int pc = 0; pc < last; pc++) {
    Instruction i = p->code[pc];
    int a = GETARG_A(i), changes;
    switch (GET_OPCODE(i)) {
      case OP_LOADNIL: changes = a <= reg && reg <= a + GETARG_B(i); break;
      case OP_TFORCALL: changes = reg >= a + 2; break;
      case OP_CALL: case OP_TAILCALL: changes = reg >= a; break;
      case OP_JMP: {
        int target = pc + 1 + GETARG_sJ(i);
        if (target <= last && target > jump_target) jump_target = target;
        changes = 0;
        break;
      }
      default: changes = (opcode_modes[GET_OPCODE(i)] & OPMODE_SETS_A) && reg == a; break;
    }
    if (changes) setter = pc < jump_target ? -1 : pc;
  }
  return setter;
}

static const char *constant_name(const Proto *p, int index, const char **name) {
  if (index < p->sizek && is_string(&p->k[index])) {
    *name = string_of(&p->k[index])->bytes;
    return "constant";
  }
  *name = "?";
  return NULL;
}

/* Locals, upvalues, constants; *pc becomes the instruction that set the register. */
static const char *simple_name(const Proto *p, int *pc, int reg, const char **name) {
  *name = func_local_name(p, reg + 1, *pc);
  if (*name) return "local";
  *pc = find_setter(p, *pc, reg);
  if (*pc == -1) return NULL;
  Instruction i = p->code[*pc];
  switch (GET_OPCODE(i)) {
    case OP_MOVE: return GETARG_B(i) < GETARG_A(i) ? simple_name(p, pc, GETARG_B(i), name) : NULL;
    case OP_GETUPVAL: *name = upvalue_name(p, GETARG_B(i)); return "upvalue";
    case OP_LOADK: return constant_name(p, GETARG_Bx(i), name);
    case OP_LOADKX: return constant_name(p, GETARG_Ax(p->code[*pc + 1]), name);
    default: return NULL;
  }
}

static void key_name(const Proto *p, int pc, int reg, const char **name) {
  const char *what = simple_name(p, &pc, reg, name);
  if (!(what && *what == 'c')) *name = "?"; /* only constant keys have a name */
}

/* "global" when the indexed table is the variable _ENV. */
static const char *field_kind(const Proto *p, int pc, int table, int in_upvalue) {
  const char *name;
  if (in_upvalue)
    name = upvalue_name(p, table);
  else {
    const char *what = simple_name(p, &pc, table, &name);
    if (what == NULL || (*what != 'l' && *what != 'u')) name = NULL;
  }
  return name && strcmp(name, "_ENV") == 0 ? "global" : "field";
}

static const char *register_name(const Proto *p, int pc, int reg, const char **name) {
  const char *kind = simple_name(p, &pc, reg, name);
  if (kind || pc == -1) return kind;
  Instruction i = p->code[pc];
  switch (GET_OPCODE(i)) {
    case OP_GETTABUP: constant_name(p, GETARG_C(i), name); return field_kind(p, pc, GETARG_B(i), 1);
    case OP_GETTABLE: key_name(p, pc, GETARG_C(i), name); return field_kind(p, pc, GETARG_B(i), 0);
    case OP_GETI: *name = "integer index"; return "field";
    case OP_GETFIELD: constant_name(p, GETARG_C(i), name); return field_kind(p, pc, GETARG_B(i), 0);
    case OP_SELF:
      if (GETARG_k(i))
        constant_name(p, GETARG_C(i), name);
      else
        key_name(p, pc, GETARG_C(i), name);
      return "method";
    default: return NULL;
  }
}

/* The name of the function that the instruction at `pc` calls, openly or as a metamethod. */
static const char *callee_name(const Proto *p, int pc, const char **name) {
  Instruction i = p->code[pc];
  int event;
  switch (GET_OPCODE(i)) {
    case OP_CALL: case OP_TAILCALL: return register_name(p, pc, GETARG_A(i), name);
    case OP_TFORCALL: return *name = "for iterator";
    case OP_SELF: case OP_GETTABUP: case OP_GETTABLE: case OP_GETI: case OP_GETFIELD: event = TM_INDEX; break;
    case OP_SETTABUP: case OP_SETTABLE: case OP_SETI: case OP_SETFIELD: event = TM_NEWINDEX; break;
    case OP_MMBIN: case OP_MMBINI: case OP_MMBINK: event = GETARG_C(i); break;
    case OP_UNM: event = TM_UNM; break;
    case OP_BNOT: event = TM_BNOT; break;
    case OP_LEN: event = TM_LEN; break;
    case OP_CONCAT: event = TM_CONCAT; break;
    case OP_EQ: event = TM_EQ; break;
    case OP_LT: case OP_LTI: case OP_GTI: event = TM_LT; break;
    case OP_LE: case OP_LEI: case OP_GEI: event = TM_LE; break;
    case OP_CLOSE: case OP_RETURN: event = TM_CLOSE; break;
    default: return NULL;
  }
  *name = event < TM_COUNT ? G->event_names[event]->bytes + 2 : "?";
  return "metamethod";
}

static const char *called_from(CallInfo *caller, const char **name) {
  if (caller == NULL) return NULL; /* asked of the host's own frame */
  if (caller->callstatus & CALL_HOOKED) {
    *name = "?";
    return "hook";
  }
  if (caller->callstatus & CALL_FINALIZER) {
    *name = "__gc";
    return "metamethod";
  }
  return ci_is_lua(caller) ? callee_name(ci_closure(caller)->p, current_pc(caller), name) : NULL;
}

/* ---- errors ---- */

/* Without a collection, which could move the stack under the value that the message is about. */
static const char *push_quietly(Thread *L, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *text = push_vformat(L, format, arguments);
  va_end(arguments);
  return text;
}

static const char *with_name(Thread *L, const char *kind, const char *name) {
  return kind ? push_quietly(L, " (%s '%s')", kind, name) : "";
}

/* " (local 'x')" or the like for a value of the running function's frame. */
static const char *variable_info(Thread *L, const TValue *v) {
  CallInfo *ci = L->ci;
  const char *name = NULL, *kind = NULL;
  if (ci_is_lua(ci)) {
    const LClosure *c = ci_closure(ci);
    for (int i = 0; i < c->nupvalues && !kind; i++)
      if (c->upvals[i]->v == v) {
        name = upvalue_name(c->p, i);
        kind = "upvalue";
      }
    StkId base = ci->func + 1;
    if (!kind && v >= base && v < ci->top) kind = register_name(c->p, current_pc(ci), (int)(v - base), &name);
  }
  return with_name(L, kind, name);
}

void error_message(Thread *L) {
  if (L->errfunc != 0) { /* the handler runs where the error is */
    StkId handler = stack_at(L, L->errfunc);
    set_value(L->top, L->top - 1);
    set_value(L->top - 1, handler);
    L->top++;
    call_value_noyield(L, L->top - 2, 1);
  }
  throw_status(L, STATUS_RUN);
}

void error_run(Thread *L, const char *format, ...) {
  CallInfo *ci = L->ci;
  va_list arguments;
  gc_check(L);
  va_start(arguments, format);
  const char *message = push_vformat(L, format, arguments);
  va_end(arguments);
  if (ci_is_lua(ci)) {
    push_position(L, message, ci_closure(ci)->p->source, current_line(ci));
    set_value(L->top - 2, L->top - 1);
    L->top--;
  }
  error_message(L);
}

static NORETURN void error_of_type(Thread *L, const TValue *v, const char *operation, const char *extra) {
  error_run(L, "attempt to %s a %s value%s", operation, meta_type_name(L, v), extra);
}

void error_type(Thread *L, const TValue *v, const char *operation) {
  error_of_type(L, v, operation, variable_info(L, v));
}

void error_call(Thread *L, const TValue *v) {
  const char *name = NULL;
  const char *kind = called_from(L->ci, &name);
  error_of_type(L, v, "call", kind ? with_name(L, kind, name) : variable_info(L, v));
}

void error_for(Thread *L, const TValue *v, const char *what) {
  error_run(L, "bad 'for' %s (number expected, got %s)", what, meta_type_name(L, v));
}

void error_concat(Thread *L, const TValue *a, const TValue *b) {
  if (is_string(a) || is_number(a)) a = b;
  error_type(L, a, "concatenate");
}

void error_operand(Thread *L, const TValue *a, const TValue *b, const char *message) {
  error_type(L, is_number(a) ? b : a, message);
}

void error_to_integer(Thread *L, const TValue *a, const TValue *b) {
  Integer i;
  error_run(L, "number%s has no integer representation", variable_info(L, number_to_integer(a, &i, 0) ? b : a));
}

void error_order(Thread *L, const TValue *a, const TValue *b) {
  const char *ta = meta_type_name(L, a), *tb = meta_type_name(L, b);
  if (strcmp(ta, tb) == 0) error_run(L, "attempt to compare two %s values", ta);
  error_run(L, "attempt to compare %s with %s", ta, tb);
}

/* ---- activations ---- */

int get_activation(Thread *L, int level, Activation *ar) {
  if (level < 0) return 0;
  CallInfo *ci = L->ci;
  for (; level > 0 && ci != &L->base_ci; ci = ci->previous) level--;
  if (level != 0 || (ci == &L->base_ci && ci->func->tag != V_NATIVE)) return 0; /* below the main chunk: the host */
  ar->ci = ci;
  return 1;
}

static void describe_function(Activation *ar, const TValue *f) {
  if (!is_lclosure(f)) {
    ar->source = "=[C]";
    ar->source_length = 4;
    ar->linedefined = ar->lastlinedefined = -1;
    ar->what = "C";
  } else {
    const Proto *p = lclosure_of(f)->p;
    ar->source = p->source ? p->source->bytes : "=?";
    ar->source_length = p->source ? string_length(p->source) : 2;
    ar->linedefined = p->linedefined;
    ar->lastlinedefined = p->lastlinedefined;
    ar->what = p->linedefined == 0 ? "main" : "Lua";
  }
  short_source(ar->short_src, ar->source, ar->source_length);
}

static void push_valid_lines(Thread *L, const TValue *f) {
  if (!is_lclosure(f)) {
    push_nil(L);
    return;
  }
  const Proto *p = lclosure_of(f)->p;
  new_table(L, 0, 0);
  if (p->lineinfo == NULL) return;
  TValue yes = {{NULL}, V_TRUE, 0, 0}; /* with a payload: it becomes part of the state */
  for (int pc = p->is_vararg ? 1 : 0; pc < p->sizelineinfo; pc++) /* VARARGPREP is on no line */
    table_set_int(L, table_of(L->top - 1), line_of(p, pc), &yes);
}

int get_info(Thread *L, const char *what, Activation *ar) {
  CallInfo *ci = NULL;
  TValue f;
  if (*what == '>') {
    what++;
    L->top--;
    set_value(&f, L->top);
  } else {
    ci = ar->ci;
    set_value(&f, ci->func);
  }
  int known = 1;
  for (const char *option = what; *option; option++) switch (*option) {
      case 'S': describe_function(ar, &f); break;
      case 'l': ar->currentline = ci && ci_is_lua(ci) ? current_line(ci) : -1; break;
      case 'u':
        ar->nups = f.tag == V_LCLOSURE   ? lclosure_of(&f)->nupvalues
                   : f.tag == V_NCLOSURE ? nclosure_of(&f)->nupvalues
                                         : 0;
        ar->isvararg = is_lclosure(&f) ? (char)lclosure_of(&f)->p->is_vararg : 1;
        ar->nparams = is_lclosure(&f) ? lclosure_of(&f)->p->numparams : 0;
        break;
      case 't': ar->istailcall = ci ? (ci->callstatus & CALL_TAIL) != 0 : 0; break;
      case 'n':
        ar->namewhat = ci && !(ci->callstatus & CALL_TAIL) ? called_from(ci->previous, &ar->name) : NULL;
        if (ar->namewhat == NULL) {
          ar->namewhat = "";
          ar->name = NULL;
        }
        break;
      case 'r': {
        int valid = ci && (ci->callstatus & CALL_TRANSFER);
        ar->ftransfer = valid ? ci->u2.transfer.ftransfer : 0;
        ar->ntransfer = valid ? ci->u2.transfer.ntransfer : 0;
        break;
      }
      case 'L': case 'f': break; /* pushed below */
      default: known = 0;
    }
  if (strchr(what, 'f')) push_object(L, &f);
  if (strchr(what, 'L')) push_valid_lines(L, &f);
  return known;
}

/* ---- locals ---- */

static const char *find_vararg(CallInfo *ci, int n, StkId *slot) {
  if (!ci_closure(ci)->p->is_vararg) return NULL;
  int extra = ci->u.l.nextraargs;
  if (n < -extra) return NULL;
  *slot = ci->func - (extra + (n + 1));
  return "(vararg)";
}

const char *find_local(Thread *L, CallInfo *ci, int n, StkId *slot) {
  StkId base = ci->func + 1;
  const char *name = NULL;
  if (ci_is_lua(ci)) {
    if (n < 0) return find_vararg(ci, n, slot);
    name = func_local_name(ci_closure(ci)->p, n, current_pc(ci));
  }
  if (name == NULL) {
    StkId limit = ci == L->ci ? L->top : ci->next->func;
    if (!(limit - base >= n && n > 0)) return NULL;
    name = ci_is_lua(ci) ? "(temporary)" : "(C temporary)";
  }
  if (slot) *slot = base + (n - 1);
  return name;
}

/* ---- line and count hooks ---- */

static int uses_top(Instruction i) { return (opcode_modes[GET_OPCODE(i)] & OPMODE_TOP_IN) && GETARG_B(i) == 0; }

void hook_trace(Thread *L, CallInfo *ci, const Instruction *pc) {
  uint8_t mask = L->hookmask;
  if (!(mask & (HOOK_LINE | HOOK_COUNT))) return;
  if (GET_OPCODE(*pc) == OP_VARARGPREP) return; /* a vararg function begins after it */
  const Proto *p = ci_closure(ci)->p;
  int at = (int)(pc - p->code);
  ci->u.l.savedpc = pc + 1; /* hooks see the pc as already advanced */
  int counted = (mask & HOOK_COUNT) && --L->hookcount == 0;
  if (counted)
    L->hookcount = L->basehookcount;
  else if (!(mask & HOOK_LINE))
    return;
  if (!uses_top(*pc)) L->top = ci->top;
  if (counted) hook_run(L, HOOK_EVENT_COUNT, -1, 0, 0);
  if (mask & HOOK_LINE) {
    int old = L->oldpc < p->sizecode ? L->oldpc : 0; /* may be of another function */
    if (at <= old || line_of(p, old) != line_of(p, at)) hook_run(L, HOOK_EVENT_LINE, line_of(p, at), 0, 0);
    L->oldpc = at;
  }
}
