/* The shapes of Lua values and of everything that the collector owns.
 *
 * A value is a TValue: 8 bytes of payload and a one-byte tag (16 bytes with padding). Tag bits 0-3 are the basic type,
 * bits 4-5 the variant, bit 6 says that the payload is a collectable object. Copy values with `set_value` only, never
 * with a struct assignment: the two parts are always accessed with the same widths (store forwarding), and the padding of
 * stack slots holds the to-be-closed chain.
 */
#ifndef LUA_OBJECT_H
#define LUA_OBJECT_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t Integer;
typedef uint64_t Unsigned;
typedef double Number;
typedef uint32_t Instruction;

typedef struct GCObject GCObject;
typedef struct TString TString;
typedef struct Table Table;
typedef struct UpVal UpVal;
typedef struct Proto Proto;
typedef struct LClosure LClosure;
typedef struct NClosure NClosure;
typedef struct Userdata Userdata;
typedef struct Thread Thread;
typedef struct CallInfo CallInfo;

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define NORETURN __attribute__((noreturn))

/* Basic types, in the manual's order. */
enum {
  TYPE_NONE = -1,
  TYPE_NIL = 0,
  TYPE_BOOLEAN,
  TYPE_LIGHT,
  TYPE_NUMBER,
  TYPE_STRING,
  TYPE_TABLE,
  TYPE_FUNCTION,
  TYPE_USERDATA,
  TYPE_THREAD,
  TYPE_COUNT, /* number of types that programs can see */
  TYPE_UPVAL = TYPE_COUNT,
  TYPE_PROTO,
  TYPE_DEAD /* tag of a node's key whose object was collected; only `table_next` may still find it */
};

#define VARIANT(type, variant) ((type) | ((variant) << 4))
#define COLLECTABLE 0x40
enum {
  V_NIL = VARIANT(TYPE_NIL, 0),    /* the value nil */
  V_EMPTY = VARIANT(TYPE_NIL, 1),  /* a table slot without a value */
  V_ABSENT = VARIANT(TYPE_NIL, 2), /* what a lookup of a key without a slot answers */
  V_FALSE = VARIANT(TYPE_BOOLEAN, 0),
  V_TRUE = VARIANT(TYPE_BOOLEAN, 1),
  V_LIGHT = VARIANT(TYPE_LIGHT, 0),      /* v.p: an address that identifies something */
  V_INT = VARIANT(TYPE_NUMBER, 0),       /* v.i */
  V_FLT = VARIANT(TYPE_NUMBER, 1),       /* v.n */
  V_NATIVE = VARIANT(TYPE_FUNCTION, 1),  /* v.native: number of a native function without upvalues */
  V_SHORT = VARIANT(TYPE_STRING, 0) | COLLECTABLE, /* interned, at most SHORT_MAX bytes */
  V_LONG = VARIANT(TYPE_STRING, 1) | COLLECTABLE,
  V_TABLE = VARIANT(TYPE_TABLE, 0) | COLLECTABLE,
  V_LCLOSURE = VARIANT(TYPE_FUNCTION, 0) | COLLECTABLE,
  V_NCLOSURE = VARIANT(TYPE_FUNCTION, 2) | COLLECTABLE, /* native function with upvalues */
  V_USERDATA = VARIANT(TYPE_USERDATA, 0) | COLLECTABLE,
  V_THREAD = VARIANT(TYPE_THREAD, 0) | COLLECTABLE,
  V_UPVAL = TYPE_UPVAL | COLLECTABLE,
  V_PROTO = TYPE_PROTO | COLLECTABLE,
  V_DEAD = TYPE_DEAD
};

typedef union Value {
  GCObject *gc;
  void *p;
  Integer i;
  Number n;
  uint64_t bits;
  uint64_t native;
} Value;

typedef struct TValue {
  Value v;
  uint8_t tag;
  uint8_t unused;
  uint16_t delta; /* stack slots only: distance to the previous to-be-closed slot */
} TValue;

typedef TValue *StkId;

/* What every collectable object begins with. `id` is the serial number that traces and views show (0 for strings);
 * numbers are given in order of creation, start at 1 and are never used again. */
#define GC_HEADER                                                                                                      \
  GCObject *next;                                                                                                      \
  uint8_t tag;                                                                                                         \
  uint8_t marked;

struct GCObject {
  GC_HEADER
};

#define SHORT_MAX 40

struct TString {
  GC_HEADER
  uint8_t extra;    /* short: number of a reserved metamethod name + 1; long: 1 when `hash` is valid */
  uint8_t shortlen; /* short: length; long: 0xFF */
  uint32_t hash;
  union {
    size_t lnglen;  /* long strings */
    TString *hnext; /* chain of the string table */
  } u;
  char bytes[]; /* and a closing zero */
};

#define string_length(s) ((s)->shortlen != 0xFF ? (size_t)(s)->shortlen : (s)->u.lnglen)

typedef struct Node { /* one slot of a table's hash part */
  Value v;
  uint8_t tag;
  uint8_t key_tag;
  int32_t next; /* distance to the next node of the collision chain; 0 ends it */
  Value key;
} Node;

struct Table {
  GC_HEADER
  uint8_t absent_events; /* bit e set: the metatable surely lacks metamethod number e (only the first 8) */
  uint8_t log2_nodes;    /* hash part has 1 << log2_nodes nodes; the shared dummy node counts as zero */
  uint32_t array_size;   /* slots of the array part */
  uint32_t id;
  uint32_t border_hint; /* where the last `#t` found a border */
  TValue *array;
  Node *nodes;
  Node *free_node; /* every node at or after this one is in use */
  Table *metatable;
  GCObject *gclist;
};

typedef struct UpvalDesc {
  TString *name; /* NULL when stripped */
  uint8_t instack, idx, kind;
} UpvalDesc;

typedef struct LocVar {
  TString *name;
  int startpc, endpc; /* counting from 0, end exclusive */
} LocVar;

typedef struct AbsLineInfo {
  int pc, line;
} AbsLineInfo;

struct Proto {
  GC_HEADER
  uint8_t numparams, is_vararg, maxstacksize;
  uint8_t complete; /* the whole chunk was undumped and verified; a refused one leaves functions without it */
  uint32_t id;    /* number of the function: order of undumping, main first, then nested ones in pre-order; from 0 */
  uint32_t where; /* listing row of instruction 0; the rows of a function are consecutive */
  int sizeupvalues, sizek, sizecode, sizelineinfo, sizep, sizelocvars, sizeabslineinfo;
  int linedefined, lastlinedefined;
  TValue *k;
  Instruction *code;
  Proto **p;
  UpvalDesc *upvalues;
  int8_t *lineinfo;
  AbsLineInfo *abslineinfo;
  LocVar *locvars;
  TString *source;
  GCObject *gclist;
};

struct UpVal {
  GC_HEADER
  uint32_t id;
  TValue *v; /* the stack slot while open, &closed afterwards */
  union {
    struct {
      UpVal *next; /* open upvalues of a thread, highest slot first */
      UpVal **previous;
      Thread *thread; /* whose stack holds the slot */
    } open;
    TValue closed;
  } u;
};
#define upval_is_open(uv) ((uv)->v != &(uv)->u.closed)

struct LClosure {
  GC_HEADER
  uint8_t nupvalues;
  uint32_t id;
  GCObject *gclist;
  Proto *p;
  UpVal *upvals[];
};

struct NClosure {
  GC_HEADER
  uint8_t nupvalues;
  uint32_t id;
  GCObject *gclist;
  uint64_t native; /* number of the native function */
  TValue upvalue[];
};

struct Userdata {
  GC_HEADER
  uint16_t nuvalue; /* user values, after the header; the block follows them */
  uint32_t id;
  size_t size;
  Table *metatable;
  GCObject *gclist;
  TValue uv[];
};
#define userdata_bytes(u) ((char *)&(u)->uv[(u)->nuvalue])

/* ---- reading values ---- */
#define type_of(o) ((o)->tag & 0x0F)
#define is_nil(o) (type_of(o) == TYPE_NIL) /* also empty and absent */
#define is_strict_nil(o) ((o)->tag == V_NIL)
#define is_empty(o) is_nil(o)
#define is_absent(o) ((o)->tag == V_ABSENT)
#define is_false(o) ((o)->tag == V_FALSE)
#define is_falsy(o) (is_false(o) || is_nil(o))
#define is_integer(o) ((o)->tag == V_INT)
#define is_float(o) ((o)->tag == V_FLT)
#define is_number(o) (type_of(o) == TYPE_NUMBER)
#define is_string(o) (type_of(o) == TYPE_STRING)
#define is_short(o) ((o)->tag == V_SHORT)
#define is_table(o) ((o)->tag == V_TABLE)
#define is_function(o) (type_of(o) == TYPE_FUNCTION)
#define is_lclosure(o) ((o)->tag == V_LCLOSURE)
#define is_collectable(o) ((o)->tag & COLLECTABLE)

#define gc_of(o) ((o)->v.gc)
#define int_of(o) ((o)->v.i)
#define flt_of(o) ((o)->v.n)
#define num_of(o) (is_integer(o) ? (Number)int_of(o) : flt_of(o))
#define string_of(o) ((TString *)(o)->v.p)
#define table_of(o) ((Table *)(o)->v.p)
#define lclosure_of(o) ((LClosure *)(o)->v.p)
#define nclosure_of(o) ((NClosure *)(o)->v.p)
#define userdata_of(o) ((Userdata *)(o)->v.p)
#define thread_of(o) ((Thread *)(o)->v.p)
#define as_gc(x) ((GCObject *)(x))

/* ---- writing values ---- */
#define set_value(to, from)                                                                                            \
  do {                                                                                                                 \
    TValue *to_ = (to);                                                                                                \
    const TValue *from_ = (from);                                                                                      \
    to_->v = from_->v;                                                                                                 \
    to_->tag = from_->tag;                                                                                             \
  } while (0)
#define set_nil(o) ((o)->tag = V_NIL)
#define set_empty(o) ((o)->tag = V_EMPTY)
#define set_false(o) ((o)->tag = V_FALSE)
#define set_true(o) ((o)->tag = V_TRUE)
#define set_bool(o, b) ((o)->tag = (b) ? V_TRUE : V_FALSE)
#define set_payload(o, field, value, newtag)                                                                           \
  do {                                                                                                                 \
    TValue *o_ = (o);                                                                                                  \
    o_->v.field = (value);                                                                                             \
    o_->tag = (newtag);                                                                                                \
  } while (0)
#define set_int(o, x) set_payload(o, i, x, V_INT)
#define set_flt(o, x) set_payload(o, n, x, V_FLT)
#define set_light(o, x) set_payload(o, p, x, V_LIGHT)
#define set_native(o, x) set_payload(o, native, x, V_NATIVE)
#define set_gc(o, x, newtag) set_payload(o, gc, as_gc(x), newtag)
#define set_string(o, x)                                                                                               \
  do {                                                                                                                 \
    TString *s_ = (x);                                                                                                 \
    set_payload(o, gc, as_gc(s_), s_->tag);                                                                            \
  } while (0)
#define set_tbl(o, x) set_gc(o, x, V_TABLE)

#endif
