/* Every native function has a number, its position in the list below: heap objects hold the number, never an address.
   The order is part of saved states: append new libraries at the end. */
#include <stdlib.h>

#include "libraries.h"
#include "native.h"

const NativeReg *const native_libraries[] = {
    base_natives,          base_inner_natives,  coroutine_natives,    coroutine_inner_natives,
    table_natives,         sort_natives,        math_natives,         random_natives,
    string_natives,        string_pattern_natives, string_format_natives, string_pack_natives,
    string_metamethods,    string_inner_natives, utf8_natives,        utf8_inner_natives,
    os_natives,            io_natives,          io_methods,           io_metamethods,
    io_inner_natives,      package_natives,     package_inner_natives, debug_natives,
    kernel_natives,        NULL,
};

enum { ROOM = 512, SLOTS = 1024 };

/* Both tables follow from the constant list above alone: a cache, not state. */
static const NativeReg *rows[ROOM];
static uint16_t slots[SLOTS]; /* number + 1 by hashed function address; 0 = free */
static uint32_t row_count;

static uint32_t slot_of(NativeFn fn) { return (uint32_t)(((uintptr_t)fn * 0x9E3779B97F4A7C15u) >> 54) % SLOTS; }

static void build_tables(void) {
  for (const NativeReg *const *library = native_libraries; *library; library++) {
    for (const NativeReg *row = *library; row->name; row++) {
      if (row_count == ROOM) abort();
      rows[row_count++] = row;
      uint32_t slot = slot_of(row->fn);
      while (slots[slot] && rows[slots[slot] - 1]->fn != row->fn) slot = (slot + 1) % SLOTS;
      if (!slots[slot]) slots[slot] = (uint16_t)row_count;
    }
  }
}

uint32_t native_count(void) {
  if (!row_count) build_tables();
  return row_count;
}

const NativeReg *native_row(uint32_t number) {
  if (!row_count) build_tables();
  return rows[number];
}

uint32_t native_number(NativeFn fn) {
  if (!row_count) build_tables();
  for (uint32_t slot = slot_of(fn); slots[slot]; slot = (slot + 1) % SLOTS)
    if (rows[slots[slot] - 1]->fn == fn) return slots[slot] - 1u;
  abort();
}

void open_libraries(Thread *L) {
  static const struct {
    const char *name;
    void (*open)(Thread *L);
  } libraries[] = {
      {"_G", open_base},       {"package", open_package}, {"coroutine", open_coroutine}, {"table", open_table},
      {"io", open_io},         {"os", open_os},           {"string", open_string},       {"math", open_math},
      {"utf8", open_utf8},     {"debug", open_debug},
  };
  get_subtable(L, REGISTRY_INDEX, "_LOADED");
  for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
    libraries[i].open(L);
    push_value(L, -1);
    set_field(L, -3, libraries[i].name);
    if (i > 0)
      set_global(L, libraries[i].name);
    else
      pop(L, 1);
  }
  pop(L, 1);
}
