/* table.sort: quicksort in place with the median of three as pivot.
 *
 * The order of comparisons is observable (comparators are Lua functions), so it follows PUC's step by step; where PUC
 * draws a random pivot against bad cases, the pivot here comes from a fixed sequence, since runs must repeat.
 */
#include <limits.h>

#include "lib_table.h"
#include "native.h"

typedef uint32_t Index; /* a position in the array, from 1 */

/* Ranges larger than this may use a pivot other than the middle. */
enum { LARGE_RANGE = 100 };

/* Is the value at stack index `a` less than the one at `b`? Stack: array, comparator or nil, … */
static bool less(Thread *L, int a, int b) {
  native_charge(L, 4);
  if (type_at(L, 2) == TYPE_NIL) return compare(L, a, b, COMPARE_LT);
  push_value(L, 2);
  push_value(L, a - 1);
  push_value(L, b - 2);
  call(L, 2, 1);
  bool result = to_boolean(L, -1);
  pop(L, 1);
  return result;
}

/* array[i] = top, array[j] = the one below; pops both. */
static void store_pair(Thread *L, Index i, Index j) {
  set_index(L, 1, i);
  set_index(L, 1, j);
}

/* Make array[low] <= array[high]. True when they had to be exchanged. */
static bool order_pair(Thread *L, Index low, Index high) {
  get_index(L, 1, low);
  get_index(L, 1, high);
  if (less(L, -1, -2)) {
    store_pair(L, low, high);
    return true;
  }
  pop(L, 2);
  return false;
}

/* Make array[low] <= array[middle] <= array[high], given array[low] <= array[high]. */
static void order_middle(Thread *L, Index low, Index middle, Index high) {
  get_index(L, 1, middle);
  get_index(L, 1, low);
  if (less(L, -2, -1)) {
    store_pair(L, middle, low);
    return;
  }
  pop(L, 1);
  get_index(L, 1, high);
  if (less(L, -1, -2))
    store_pair(L, middle, high);
  else
    pop(L, 2);
}

/* Split low … high around the pivot, which is on the stack's top and at high - 1; its final place. */
static Index partition(Thread *L, Index low, Index high) {
  Index i = low, j = high - 1;
  for (;;) {
    while (get_index(L, 1, ++i), less(L, -1, -2)) {
      if (unlikely(i == high - 1)) error_at(L, "invalid order function for sorting");
      pop(L, 1);
    }
    while (get_index(L, 1, --j), less(L, -3, -1)) {
      if (unlikely(j < i)) error_at(L, "invalid order function for sorting");
      pop(L, 1);
    }
    if (j < i) {
      pop(L, 1);
      store_pair(L, high - 1, i); /* array[i] goes up, the pivot comes to i */
      return i;
    }
    store_pair(L, i, j);
  }
}

static Index choose_pivot(Index low, Index high, uint32_t variation) {
  if (variation == 0 || high - low <= LARGE_RANGE) return low + (high - low) / 2;
  Index quarter = (high - low) / 4; /* stay in the two middle quarters */
  return variation % (quarter * 2) + low + quarter;
}

static void sort_range(Thread *L, Index low, Index high, uint32_t variation) {
  while (low < high) {
    order_pair(L, low, high);
    if (high - low == 1) return;
    Index middle = choose_pivot(low, high, variation);
    order_middle(L, low, middle, high);
    if (high - low == 2) return;
    get_index(L, 1, middle); /* the pivot, kept on the stack and moved out of the way to high - 1 */
    push_value(L, -1);
    get_index(L, 1, high - 1);
    store_pair(L, middle, high - 1);
    middle = partition(L, low, high);
    Index smaller; /* recursion takes the smaller side, so its depth is logarithmic */
    if (middle - low < high - middle) {
      sort_range(L, low, middle - 1, variation);
      smaller = middle - low;
      low = middle + 1;
    } else {
      sort_range(L, middle + 1, high, variation);
      smaller = high - middle;
      high = middle - 1;
    }
    if ((high - low) / 128 > smaller) variation = variation * 1664525u + 1013904223u; /* badly balanced */
  }
}

static int table_sort(Thread *L) {
  Integer count = table_length_arg(L, 1, TABLE_READ | TABLE_WRITE);
  if (count > 1) {
    arg_check(L, count < INT_MAX, 1, "array too big");
    if (!is_none_or_nil(L, 2)) arg_type(L, 2, TYPE_FUNCTION);
    set_top(L, 2);
    sort_range(L, 1, (Index)count, 0);
  }
  return 0;
}

const NativeReg sort_natives[] = {{"table.sort", table_sort, NULL}, {NULL, NULL, NULL}};
