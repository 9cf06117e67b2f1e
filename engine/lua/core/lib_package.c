/* require and package.*, on the machine's own file system. Natives cannot be loaded: the searchers for them look for
   files like everywhere else, and say so when they find one. */
#include "filesystem.h"
#include "libraries.h"

#define LOADED "_LOADED"
#define PRELOAD "_PRELOAD"
#define NO_LIBRARIES "dynamic libraries not enabled; check your Lua installation"

/* Push `text` with every `mark` replaced by `replacement`. */
static const char *push_replaced(Thread *L, const char *text, const char *mark, const char *replacement) {
  Buf b;
  size_t mark_length = strlen(mark);
  const char *hit;
  buf_init(L, &b);
  while (mark_length && (hit = strstr(text, mark)) != NULL) {
    buf_add(&b, text, (size_t)(hit - text));
    buf_add_text(&b, replacement);
    native_charge(L, hit - text + 8);
    text = hit + mark_length;
  }
  buf_add_text(&b, text);
  buf_push(&b);
  return to_text(L, -1);
}

/* Look for `name` along `path`. Pushes the file's name and answers true, or pushes the list of what was tried. */
static bool search_path(Thread *L, const char *name, const char *path, const char *separator, const char *slash) {
  if (*separator && strchr(name, *separator)) name = push_replaced(L, name, separator, slash);
  const char *templates = push_replaced(L, path, "?", name);
  for (const char *at = templates; *at;) {
    size_t length = strcspn(at, ";");
    const char *file = push_bytes(L, at, length);
    if (length > 0 && filesystem_is_file(L, file)) return true;
    pop(L, 1);
    at += length;
    at += *at == ';';
  }
  const char *list = push_replaced(L, templates, ";", "'\n\tno file '");
  push_format(L, "no file '%s'", list);
  return false;
}

static int package_searchpath(Thread *L) {
  /* the order of complaints is PUC's */
  const char *slash = opt_bytes(L, 4, "/", NULL), *separator = opt_bytes(L, 3, ".", NULL);
  const char *path = arg_text(L, 2), *name = arg_text(L, 1);
  if (search_path(L, name, path, separator, slash)) return 1;
  push_nil(L);
  insert_at(L, -2);
  return 2;
}

static int package_loadlib(Thread *L) {
  arg_text(L, 1);
  arg_text(L, 2);
  push_nil(L);
  push_literal(L, NO_LIBRARIES);
  push_literal(L, "absent");
  return 3;
}

/* ---- searchers; upvalue 1 is the package table ---- */

static bool find_file(Thread *L, const char *name, const char *field) {
  get_field(L, UPVALUE_INDEX(1), field);
  const char *path = to_text(L, -1);
  if (unlikely(!path)) error_at(L, "'package.%s' must be a string", field);
  return search_path(L, name, path, ".", "/");
}

NORETURN static void load_failed(Thread *L, const char *file) {
  error_at(L, "error loading module '%s' from file '%s':\n\t%s", to_text(L, 1), file, to_text(L, -1));
}

static int search_preload(Thread *L) {
  const char *name = arg_text(L, 1);
  get_field(L, REGISTRY_INDEX, PRELOAD);
  if (get_field(L, -1, name) == TYPE_NIL) {
    push_format(L, "no field package.preload['%s']", name);
    return 1;
  }
  push_literal(L, ":preload:");
  return 2;
}

static int search_lua(Thread *L) {
  const char *name = arg_text(L, 1);
  if (!find_file(L, name, "path")) return 1;
  const char *file = to_text(L, -1);
  if (load_file(L, file, NULL) != STATUS_OK) load_failed(L, file);
  push_string(L, file);
  return 2;
}

static int search_native(Thread *L) {
  if (!find_file(L, arg_text(L, 1), "cpath")) return 1;
  const char *file = to_text(L, -1);
  push_literal(L, NO_LIBRARIES);
  load_failed(L, file);
}

/* For a name with dots: the file of its first part. */
static int search_native_root(Thread *L) {
  const char *name = arg_text(L, 1);
  const char *dot = strchr(name, '.');
  if (!dot) return 0;
  const char *root = push_bytes(L, name, (size_t)(dot - name));
  if (!find_file(L, root, "cpath")) return 1;
  const char *file = to_text(L, -1);
  push_literal(L, NO_LIBRARIES);
  load_failed(L, file);
}

/* Ask the searchers for a loader; leaves it and its data on the stack. */
static void find_loader(Thread *L, const char *name) {
  if (unlikely(get_field(L, UPVALUE_INDEX(1), "searchers") != TYPE_TABLE))
    error_at(L, "'package.searchers' must be a table");
  int searchers = stack_top(L);
  Buf tried;
  buf_init(L, &tried);
  for (int i = 1;; i++) {
    if (unlikely(raw_get_index(L, searchers, i) == TYPE_NIL)) {
      pop(L, 1);
      buf_push(&tried);
      error_at(L, "module '%s' not found:%s", name, to_text(L, -1));
    }
    push_string(L, name);
    call(L, 1, 2);
    if (type_at(L, -2) == TYPE_FUNCTION) return;
    if (is_string_at(L, -2)) {
      pop(L, 1);
      push_literal(L, "\n\t");
      insert_at(L, -2);
      concat(L, 2);
      buf_add_value(&tried);
    } else {
      pop(L, 2);
    }
  }
}

static int package_require(Thread *L) {
  const char *name = arg_text(L, 1);
  set_top(L, 1);
  get_field(L, REGISTRY_INDEX, LOADED);
  get_field(L, 2, name);
  if (to_boolean(L, -1)) return 1;
  pop(L, 1);
  find_loader(L, name);
  rotate(L, -2, 1); /* loader data, loader */
  push_value(L, 1);
  push_value(L, -3);
  call(L, 2, 1);
  if (type_at(L, -1) != TYPE_NIL)
    set_field(L, 2, name);
  else
    pop(L, 1);
  if (get_field(L, 2, name) == TYPE_NIL) { /* the module itself set nothing either */
    push_boolean(L, 1);
    copy_value(L, -1, -2);
    set_field(L, 2, name);
  }
  rotate(L, -2, 1);
  return 2;
}

const NativeReg package_natives[] = {
    {"package.loadlib", package_loadlib, NULL},
    {"package.searchpath", package_searchpath, NULL},
    {NULL, NULL, NULL},
};

const NativeReg package_inner_natives[] = {
    {"require", package_require, NULL},
    {"package.searcher_preload", search_preload, NULL},
    {"package.searcher_lua", search_lua, NULL},
    {"package.searcher_native", search_native, NULL},
    {"package.searcher_native_root", search_native_root, NULL},
    {NULL, NULL, NULL},
};

void open_package(Thread *L) {
  static const NativeFn searchers[] = {search_preload, search_lua, search_native, search_native_root};
  new_library(L, package_natives);
  new_table(L, 4, 0);
  for (int i = 0; i < 4; i++) {
    push_value(L, -2);
    push_native(L, searchers[i], 1);
    raw_set_index(L, -2, i + 1);
  }
  set_field(L, -2, "searchers");
  push_literal(L, "./?.lua;./?/init.lua");
  set_field(L, -2, "path");
  push_literal(L, "./?.so");
  set_field(L, -2, "cpath");
  push_literal(L, "/\n;\n?\n!\n-\n");
  set_field(L, -2, "config");
  get_subtable(L, REGISTRY_INDEX, LOADED);
  set_field(L, -2, "loaded");
  get_subtable(L, REGISTRY_INDEX, PRELOAD);
  set_field(L, -2, "preload");
  push_value(L, -1);
  push_native(L, package_require, 1);
  set_global(L, "require");
}
