#include "filesystem.h"

#include <errno.h>

#define FILES "_FILES"

enum { FIRST_CAPACITY = 256 };

const char *filesystem_message(int error) {
  switch (error) {
    case ENOENT: return "No such file or directory";
    case EISDIR: return "Is a directory";
    case EBUSY: return "Device or resource busy";
    case ENOTEMPTY: return "Directory not empty";
    case EBADF: return "Bad file descriptor";
    case EINVAL: return "Invalid argument";
    case ESPIPE: return "Illegal seek";
    default: return "Input/output error";
  }
}

/* Push `path` without empty, "." and ".." parts and without slashes at its ends: "" is the root. */
static const char *push_clean(Thread *L, const char *path) {
  Buf clean;
  buf_init(L, &clean);
  while (*path) {
    size_t length = strcspn(path, "/");
    native_charge(L, length + 1);
    if (length == 2 && path[0] == '.' && path[1] == '.') {
      while (clean.length > 0 && clean.bytes[clean.length - 1] != '/') buf_drop(&clean, 1);
      if (clean.length > 0) buf_drop(&clean, 1);
    } else if (length > 0 && !(length == 1 && path[0] == '.')) {
      if (clean.length > 0) buf_char(&clean, '/');
      buf_add(&clean, path, length);
    }
    path += length;
    path += *path == '/';
  }
  buf_push(&clean);
  return to_text(L, -1);
}

typedef struct Vault {
  uint64_t unused; /* its size tells a vault from every other userdata */
} Vault;

/* Push the table of files. */
static void push_files(Thread *L) {
  if (raw_get_field(L, REGISTRY_INDEX, FILES) != TYPE_USERDATA || raw_length(L, -1) != sizeof(Vault)) {
    pop(L, 1); /* the first use, or a program threw the files away */
    Vault *vault = new_userdata(L, sizeof *vault, 1);
    vault->unused = 0;
    new_table(L, 0, 0);
    set_user_value(L, -2, 1);
    push_value(L, -1);
    raw_set_field(L, REGISTRY_INDEX, FILES);
  }
  get_user_value(L, -1, 1);
  remove_at(L, -2);
}

/* Is the clean path `folder` (of `length` bytes) a folder? Stack top: the table of files. */
static bool is_folder(Thread *L, const char *folder, size_t length) {
  if (length == 0 || (length == 3 && memcmp(folder, "tmp", 3) == 0)) return true;
  bool found = false;
  push_nil(L);
  while (!found && table_next_at(L, -2)) {
    size_t size;
    const char *path = to_bytes(L, -2, &size);
    native_charge(L, length);
    found = size > length && path[length] == '/' && memcmp(path, folder, length) == 0;
    pop(L, found ? 2 : 1);
  }
  return found;
}

FileNode *node_new(Thread *L) {
  FileNode *node = new_userdata(L, sizeof *node, 1);
  *node = (FileNode){NULL, 0, 0};
  return node;
}

/* Why the clean path at the stack's top (under it the table of files) names no file and cannot become one, or 0. */
static int creation_error(Thread *L, int flags) {
  size_t length;
  const char *path = to_bytes(L, -1, &length);
  push_value(L, -2);
  int error = 0;
  const char *slash = strrchr(path, '/');
  if (is_folder(L, path, length))
    error = EISDIR;
  else if (!(flags & NODE_CREATE))
    error = ENOENT;
  else if (!(flags & NODE_ANYWHERE) && !is_folder(L, path, slash ? (size_t)(slash - path) : 0))
    error = ENOENT;
  pop(L, 1);
  return error;
}

int node_open(Thread *L, const char *path, int flags) {
  ensure_stack(L, 8, "too many open files");
  push_files(L);
  size_t given = strlen(path);
  bool as_folder = given > 0 && path[given - 1] == '/';
  push_clean(L, path);
  push_value(L, -1);
  if (raw_get(L, -3) == TYPE_NIL || given == 0 || as_folder) {
    pop(L, 1);
    int error = given == 0 ? ENOENT : creation_error(L, flags);
    if (!error && as_folder) error = EISDIR;
    if (error) {
      pop(L, 2);
      return error;
    }
    push_value(L, -1);
    node_new(L);
    raw_set(L, -4);
    push_value(L, -1);
    raw_get(L, -3);
  }
  if (flags & NODE_EMPTY) ((FileNode *)to_userdata(L, -1))->size = 0;
  remove_at(L, -2);
  remove_at(L, -2);
  return 0;
}

static void node_grow(Thread *L, int index, FileNode *node, size_t needed) {
  size_t capacity = node->capacity ? node->capacity : FIRST_CAPACITY;
  while (capacity < needed) capacity += capacity / 2;
  index = abs_index(L, index);
  char *bytes = new_userdata(L, capacity, 0);
  native_charge(L, node->size);
  if (node->capacity >= capacity) { /* a finalizer that ran meanwhile has written to the same file */
    pop(L, 1);
    return;
  }
  if (node->size) memcpy(bytes, node->bytes, node->size);
  memset(bytes + node->size, 0, capacity - node->size); /* what lies there must not depend on the past */
  set_user_value(L, index, 1);
  node->bytes = bytes;
  node->capacity = capacity;
}

void node_write(Thread *L, int index, size_t at, const char *bytes, size_t size) {
  if (size == 0) return;
  FileNode *node = to_userdata(L, index);
  native_charge(L, size);
  if (at > node->size) native_charge(L, at - node->size);
  if (at + size > node->capacity) node_grow(L, index, node, at + size);
  if (at > node->size) memset(node->bytes + node->size, 0, at - node->size);
  memcpy(node->bytes + at, bytes, size);
  if (at + size > node->size) node->size = at + size;
}

int filesystem_put(Thread *L, const char *path, const char *bytes, size_t size) {
  int error = node_open(L, path, NODE_CREATE | NODE_EMPTY | NODE_ANYWHERE);
  if (error) return error;
  node_write(L, -1, 0, bytes, size);
  pop(L, 1);
  return 0;
}

int filesystem_remove(Thread *L, const char *path) {
  int error = node_open(L, path, NODE_MUST_EXIST);
  if (error == EISDIR) return *path == '/' && path[1] == '\0' ? EBUSY : ENOTEMPTY;
  if (error) return error;
  pop(L, 1);
  push_files(L);
  push_clean(L, path);
  push_nil(L);
  raw_set(L, -3);
  pop(L, 1);
  return 0;
}

int filesystem_rename(Thread *L, const char *from, const char *to) {
  int error = node_open(L, from, NODE_MUST_EXIST);
  if (error) return error == EISDIR ? EBUSY : error;
  error = node_open(L, to, NODE_CREATE);
  if (error) {
    pop(L, 1);
    return error;
  }
  pop(L, 1);
  push_files(L);
  push_clean(L, from);
  push_nil(L);
  raw_set(L, -3);
  push_clean(L, to);
  push_value(L, -3);
  raw_set(L, -3);
  pop(L, 2);
  return 0;
}

bool filesystem_is_file(Thread *L, const char *path) {
  if (node_open(L, path, NODE_MUST_EXIST) != 0) return false;
  pop(L, 1);
  return true;
}
