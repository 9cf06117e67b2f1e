/* table.*: every access goes through metamethods, as the manual asks. Sorting is in lib_sort.c. */
#include <limits.h>

#include "lib_table.h"
#include "native.h"

static bool has_event(Thread *L, int metatable, const char *event) {
  bool found = raw_get_field(L, metatable, event) != TYPE_NIL;
  pop(L, 1);
  return found;
}

void table_arg(Thread *L, int arg, int uses) {
  if (likely(type_at(L, arg) == TYPE_TABLE)) return;
  if (get_metatable(L, arg) && (!(uses & TABLE_READ) || has_event(L, -1, "__index")) &&
      (!(uses & TABLE_WRITE) || has_event(L, -1, "__newindex")) &&
      (!(uses & TABLE_LENGTH) || has_event(L, -1, "__len"))) {
    pop(L, 1); /* it behaves like one */
    return;
  }
  arg_type(L, arg, TYPE_TABLE);
}

Integer table_length_arg(Thread *L, int arg, int uses) {
  table_arg(L, arg, uses | TABLE_LENGTH);
  return length_of(L, arg);
}

static int table_insert(Thread *L) {
  Integer end = (Integer)((Unsigned)table_length_arg(L, 1, TABLE_READ | TABLE_WRITE) + 1u); /* first free place */
  Integer place;
  switch (stack_top(L)) {
    case 2: place = end; break;
    case 3:
      place = arg_integer(L, 2);
      arg_check(L, (Unsigned)place - 1u < (Unsigned)end, 2, "position out of bounds");
      for (Integer i = end; i > place; i--) {
        native_charge(L, 1);
        get_index(L, 1, i - 1);
        set_index(L, 1, i);
      }
      break;
    default: return error_at(L, "wrong number of arguments to 'insert'");
  }
  set_index(L, 1, place);
  return 0;
}

static int table_remove(Thread *L) {
  Integer size = table_length_arg(L, 1, TABLE_READ | TABLE_WRITE);
  Integer place = opt_integer(L, 2, size);
  if (place != size) arg_check(L, (Unsigned)place - 1u <= (Unsigned)size, 2, "position out of bounds");
  get_index(L, 1, place); /* the result */
  for (; place < size; place++) {
    native_charge(L, 1);
    get_index(L, 1, place + 1);
    set_index(L, 1, place);
  }
  push_nil(L);
  set_index(L, 1, place);
  return 1;
}

static int table_move(Thread *L) {
  Integer from = arg_integer(L, 2), end = arg_integer(L, 3), to = arg_integer(L, 4);
  int target = is_none_or_nil(L, 5) ? 1 : 5;
  table_arg(L, 1, TABLE_READ);
  table_arg(L, target, TABLE_WRITE);
  if (end >= from) {
    arg_check(L, from > 0 || end < INT64_MAX + from, 3, "too many elements to move");
    Integer count = end - from + 1;
    arg_check(L, to <= INT64_MAX - count + 1, 4, "destination wrap around");
    bool overlaps = to > from && to <= end && (target == 1 || compare(L, 1, target, COMPARE_EQ));
    for (Integer k = 0; k < count; k++) {
      Integer i = overlaps ? count - 1 - k : k;
      native_charge(L, 1);
      get_index(L, 1, from + i);
      set_index(L, target, to + i);
    }
  }
  push_value(L, target);
  return 1;
}

static void add_element(Thread *L, Buf *b, Integer i) {
  get_index(L, 1, i);
  if (unlikely(!is_string_at(L, -1)))
    error_at(L, "invalid value (%s) at index %I in table for 'concat'", type_name_at(L, -1), i);
  buf_add_value(b);
}

static int table_concat(Thread *L) {
  size_t separator_length;
  Integer last = table_length_arg(L, 1, TABLE_READ);
  const char *separator = opt_bytes(L, 2, "", &separator_length);
  Integer i = opt_integer(L, 3, 1);
  last = opt_integer(L, 4, last);
  Buf b;
  buf_init(L, &b);
  for (; i < last; i++) {
    size_t before = b.length;
    add_element(L, &b, i);
    buf_add(&b, separator, separator_length);
    native_charge(L, b.length - before + 1);
  }
  if (i == last) add_element(L, &b, i);
  buf_push(&b);
  return 1;
}

static int table_pack(Thread *L) {
  int count = stack_top(L);
  new_table(L, count, 1);
  insert_at(L, 1);
  for (int i = count; i >= 1; i--) {
    native_charge(L, 1);
    set_index(L, 1, i);
  }
  push_integer(L, count);
  set_field(L, 1, "n");
  return 1;
}

static int table_unpack(Thread *L) {
  Integer first = opt_integer(L, 2, 1);
  Integer last = is_none_or_nil(L, 3) ? length_of(L, 1) : arg_integer(L, 3);
  if (first > last) return 0;
  Unsigned count = (Unsigned)last - (Unsigned)first;
  if (unlikely(count >= INT_MAX || !check_stack(L, (int)(count + 1)))) error_at(L, "too many results to unpack");
  for (; first < last; first++) {
    native_charge(L, 1);
    get_index(L, 1, first);
  }
  get_index(L, 1, last); /* outside the loop: `first` must not pass the largest integer */
  return (int)(count + 1);
}

const NativeReg table_natives[] = {
    {"table.concat", table_concat, NULL}, {"table.insert", table_insert, NULL}, {"table.move", table_move, NULL},
    {"table.pack", table_pack, NULL},     {"table.remove", table_remove, NULL}, {"table.unpack", table_unpack, NULL},
    {NULL, NULL, NULL},
};

void open_table(Thread *L) {
  new_library(L, table_natives);
  set_natives(L, sort_natives, 0);
}
